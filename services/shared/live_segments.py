"""Stores a live channel's audio in 10 s segments beside the writer, so that the stream in Valkey can stay short."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import structlog

from services.shared.errors import AppError
from services.shared.live_scripts import LiveScripts, StaleToken
from services.shared.storage import ObjectStore
from services.shared.valkey import backoff_seconds

SEGMENT_SECONDS = 10
TAIL_SECONDS = 20

# A storage outage may hold the writer back at most about so long; afterwards the rest of the song stays in Valkey.
_PATIENCE_SECONDS = 60.0
_WAITING_SEGMENTS = 4

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Segment:
    index: int
    start: int
    pcm: bytes


class SegmentUploader:
    """Cuts the samples that it is fed (from sample 0, in order, committed ones only) and uploads in a task of its own.

    Every attempt stores every segment under its own token: the objects of lost attempts are deleted some time.
    """

    def __init__(self, scripts: LiveScripts, store: ObjectStore, job_id: str, token: int) -> None:
        self._scripts = scripts
        self._store = store
        self._prefix = f"jobs/{job_id}/{token}/live"
        self._token = token
        self._queue: asyncio.Queue[_Segment | None] = asyncio.Queue(maxsize=_WAITING_SEGMENTS)
        self._task: asyncio.Task[None] | None = None
        self._open = bytearray()
        self._index = 0
        self._frame_bytes = 0
        self._segment_bytes = 0
        self._segment_samples = 0

    def start(self, sample_rate_hz: int, channels: int) -> None:
        """Begin; samples are interleaved s16le."""
        self._frame_bytes = 2 * channels
        self._segment_samples = SEGMENT_SECONDS * sample_rate_hz
        self._segment_bytes = self._segment_samples * self._frame_bytes
        self._task = asyncio.create_task(self._upload(TAIL_SECONDS * sample_rate_hz))

    async def feed(self, pcm: bytes | memoryview) -> None:
        """Take the next samples. Waits while several segments are not stored yet."""
        if self._task is None or self._task.done():
            return
        self._open += pcm
        while len(self._open) >= self._segment_bytes:
            whole = bytes(self._open[: self._segment_bytes])
            del self._open[: self._segment_bytes]
            await self._enqueue(_Segment(self._index, self._index * self._segment_samples, whole))
            self._index += 1

    async def finish(self, timeout_seconds: float) -> None:
        """Store what is cut already, for at most so long, and stop. The last, partial segment stays in the stream."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._enqueue(None)
                await asyncio.shield(self._task)
        await self.stop()

    async def stop(self) -> None:
        """Stop at once. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _enqueue(self, segment: _Segment | None) -> None:
        """Queue a segment, unless the uploader ends first."""
        if self._task is None or self._task.done():
            return
        put = asyncio.ensure_future(self._queue.put(segment))
        try:
            await asyncio.wait([put, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            put.cancel()

    async def _upload(self, keep_samples: int) -> None:
        try:
            while (segment := await self._queue.get()) is not None:
                if not await self._store_patiently(segment, keep_samples):
                    return
        except StaleToken:
            # The writer hears of it by its own next call.
            return

    async def _store_patiently(self, segment: _Segment, keep_samples: int) -> bool:
        key = f"{self._prefix}/{segment.start}.s16"
        end = segment.start + len(segment.pcm) // self._frame_bytes
        give_up = time.monotonic() + _PATIENCE_SECONDS
        attempt = 0
        while True:
            try:
                await self._store.put(key, segment.pcm)
                if await self._scripts.add_segment(self._token, segment.index, segment.start, end, key, keep_samples):
                    return True
                reason = "the channel is behind the segment"
            except StaleToken:
                raise
            except AppError as error:
                reason = error.message
            if time.monotonic() > give_up:
                _log.warning("live segments are no longer stored", reason=reason, first_sample=segment.start)
                return False
            await asyncio.sleep(backoff_seconds(attempt))
            attempt += 1
