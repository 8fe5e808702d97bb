"""The live channel: a job's audio while it is made, for any number of listeners, early or late.

One writer (the attempt that holds the lease) appends interleaved s16le samples; Valkey keeps the last 20 s at least,
object storage keeps 10 s segments of everything before (docs/architecture/contracts.md). Readers never slow the writer.
A second attempt continues where the first stopped: the audio of a job is a function of its request, so the same samples
come again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

from redis.asyncio import Redis

from services.shared.errors import AppError, ErrorCode
from services.shared.live_scripts import FINAL_STATES, LiveScripts, StaleToken
from services.shared.live_segments import SegmentUploader
from services.shared.storage import ObjectStore
from services.shared.valkey import (
    BLOCK_MILLISECONDS,
    PATIENCE_SECONDS,
    StreamEntry,
    as_text,
    backoff_seconds,
    patiently,
    read_stream,
    require_bytes,
)

__all__ = ["LiveFormat", "LiveReader", "LiveWriter", "StaleToken", "raise_fence"]

# A Valkey that was killed may come back without its last second or two: the writer can send so much again.
_REPLAY_SECONDS = 10

_CLOSE_PATIENCE_SECONDS = 10.0
_ENTRIES_PER_READ = 8


@dataclass(frozen=True, slots=True)
class LiveFormat:
    """Interleaved s16le. `total_samples` (per channel) is None while the length is not known."""

    sample_rate_hz: int
    channels: int
    total_samples: int | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return 2 * self.channels


class LiveWriter:
    """Writes one attempt's audio. Not for concurrent use. Every method raises `StaleToken` once the lease is lost.

    After `open`, end with `close` (the song is whole) or `stop` (release, cancel, failure); `async with` stops.
    """

    def __init__(self, redis: Redis, store: ObjectStore, job_id: str, token: int, attempt: int) -> None:
        require_bytes(redis)
        self._scripts = LiveScripts(redis, job_id)
        self._segments = SegmentUploader(self._scripts, store, job_id, token)
        self._token = token
        self._attempt = attempt
        self._format: LiveFormat | None = None
        self._position = 0
        self._committed = 0
        self._sent: deque[tuple[int, bytes]] = deque()

    async def open(self, format: LiveFormat) -> int:  # noqa: A002 — the contract's word
        """Open the channel. Returns how many samples an earlier attempt has already committed; they are skipped."""
        total = -1 if format.total_samples is None else format.total_samples
        self._committed = await self._scripts.open(
            self._token, self._attempt, format.sample_rate_hz, format.channels, total
        )
        self._format = format
        self._segments.start(format.sample_rate_hz, format.channels)
        return self._committed

    async def append(self, pcm_s16le: bytes) -> None:
        """Add the attempt's next samples, counted from 0. Raises UNAVAILABLE when the channel is lost."""
        if self._format is None:
            raise RuntimeError("append before open")
        frame = self._format.frame_bytes
        if len(pcm_s16le) % frame:
            raise ValueError(f"a chunk has to hold whole frames of {frame} bytes")
        view = memoryview(pcm_s16le)
        first, end = self._position, self._position + len(view) // frame
        self._position = end
        known = min(max(self._committed, first), end)
        await self._segments.feed(view[: (known - first) * frame])
        chunk = self._format.sample_rate_hz // 2
        for start in range(known, end, chunk):
            piece = bytes(view[(start - first) * frame : (min(start + chunk, end) - first) * frame])
            await self._commit(start, piece, self._format)
            await self._segments.feed(piece)

    async def close(self) -> None:
        """Say that the song is whole, then store the last whole segments."""
        await self._scripts.close(self._token)
        await self._segments.finish(_CLOSE_PATIENCE_SECONDS)

    async def stop(self) -> None:
        """Leave the channel as it is; another attempt may go on. Idempotent."""
        await self._segments.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _commit(self, first: int, pcm: bytes, format: LiveFormat) -> None:  # noqa: A002 — the contract's word
        frame = format.frame_bytes
        end = first + len(pcm) // frame
        self._sent.append((first, pcm))
        while self._sent[0][0] < end - _REPLAY_SECONDS * format.sample_rate_hz:
            self._sent.popleft()
        position = first
        while position < end:
            start, data = self._piece_at(position)
            rest = data[(position - start) * frame :]
            # Another end than ours: the answer to an earlier try was lost, or Valkey came back with less than it had.
            position = await self._scripts.append(self._token, position, len(rest) // frame, rest)
        self._committed = position

    def _piece_at(self, sample: int) -> tuple[int, bytes]:
        for start, data in reversed(self._sent):
            if start <= sample:
                return start, data
        raise AppError(ErrorCode.UNAVAILABLE, "The job's live channel has lost too much audio.")


class LiveReader:
    """Reads one job's audio from any sample on. After `pcm` has ended, `final_state` is closed, failed or cancelled."""

    def __init__(self, redis: Redis, store: ObjectStore, job_id: str) -> None:
        require_bytes(redis)
        self._redis = redis
        self._store = store
        self._keys = LiveScripts(redis, job_id).keys
        self.final_state: str | None = None

    async def format(self, timeout: float) -> LiveFormat | None:
        """Wait until the channel is opened. None when it ended unopened (`final_state` is set) or the time is up."""
        deadline = time.monotonic() + timeout
        cursor = "0-0"
        while True:
            meta = await self._meta()
            found = _format_of(meta)
            if found is not None:
                return found
            state = meta.get("state", "")
            if state in FINAL_STATES:
                self.final_state = state
                return None
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            for entry_id, _ in await self._entries(cursor, max(1, min(BLOCK_MILLISECONDS, int(left * 1000)))):
                cursor = entry_id

    async def pcm(self, from_sample: int = 0) -> AsyncIterator[bytes]:
        """The samples from `from_sample` on, in pieces of at most 0.5 s, until the channel has ended and all is read.

        Raises NOT_FOUND when there is no such channel (any more).
        """
        meta = await self._meta()
        found = _format_of(meta)
        if found is None:
            raise _gone()
        frame = found.frame_bytes
        position = from_sample
        cursor = f"{position}-0"
        while not self._has_ended(meta, position):
            entries = await self._entries(cursor, BLOCK_MILLISECONDS)
            for entry_id, fields in entries:
                cursor = entry_id
                first, data = int(fields[b"o"]), fields[b"d"]
                end = first + len(data) // frame
                if end <= position:
                    continue
                while position < first:
                    stored = await self._stored(position, first, found)
                    yield stored
                    position += len(stored) // frame
                yield data[(position - first) * frame :]
                position = end
            # Marks come when the state changes; and no entry at all may mean that the channel is gone.
            if not entries or not entries[-1][1][b"d"]:
                meta = await self._meta()

    def _has_ended(self, meta: Mapping[str, str], position: int) -> bool:
        if _format_of(meta) is None:
            raise _gone()
        state = meta.get("state", "")
        if state in FINAL_STATES and position >= int(meta["committed"]):
            self.final_state = state
            return True
        return False

    async def _stored(self, position: int, until: int, found: LiveFormat) -> bytes:
        """Up to 0.5 s of a stored segment from `position` on, none of it at or after `until`."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        attempt = 0
        while True:
            try:
                lines = await patiently(self._segment_lines)
                for line in lines:
                    start, end, key = line.split(" ", 2)
                    if int(start) <= position < int(end):
                        last = min(int(end), until, position + found.sample_rate_hz // 2)
                        begin = (position - int(start)) * found.frame_bytes
                        return await self._store.get_range(key, begin, begin + (last - position) * found.frame_bytes)
                raise _gone()
            except AppError:
                # Storage may be away for a moment; a lost attempt's segment may be gone until the next stores it again.
                pause = backoff_seconds(attempt)
                if time.monotonic() + pause > give_up:
                    raise
                attempt += 1
                await asyncio.sleep(pause)

    async def _segment_lines(self) -> list[str]:
        lines: Any = await cast("Any", self._redis.lrange(self._keys.segments, 0, -1))
        return [as_text(line) for line in lines]

    async def _meta(self) -> dict[str, str]:
        async def read() -> dict[str, str]:
            fields: Any = await cast("Any", self._redis.hgetall(self._keys.meta))
            return {as_text(key): as_text(value) for key, value in fields.items()}

        return await patiently(read)

    async def _entries(self, cursor: str, block_milliseconds: int) -> list[StreamEntry]:
        return await patiently(
            lambda: read_stream(
                self._redis, self._keys.pcm, cursor, count=_ENTRIES_PER_READ, block_milliseconds=block_milliseconds
            )
        )


async def raise_fence(redis: Redis, job_id: str, token: int, state: str | None = None) -> None:
    """Refuse tokens below `token` from now on. `state` (closed, failed, cancelled) also ends the channel.

    Does nothing when the fence is higher already. Raises ValueError for another state.
    """
    if state is not None and state not in FINAL_STATES:
        raise ValueError(f"a channel cannot end as {state!r}")
    await LiveScripts(redis, job_id).raise_fence(token, state or "")


def _format_of(meta: Mapping[str, str]) -> LiveFormat | None:
    if "sample_rate" not in meta:
        return None
    total = int(meta["total"])
    return LiveFormat(int(meta["sample_rate"]), int(meta["channels"]), None if total < 0 else total)


def _gone() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "The live audio of this job is gone. The finished track is the source now.")
