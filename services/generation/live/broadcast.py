"""One encoding of a job's live audio for any number of listeners.

A task reads the live channel from its first sample, encodes, and appends to a file without a name on local disk. Every
listener reads that file from its beginning at a pace of its own, so a slow one slows nobody and memory stays flat. The
file lives while the job does or somebody listens; afterwards a new listener starts a new encoding.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import tempfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import structlog
from redis.asyncio import Redis

from protos.common.v1.common_pb2 import AudioFormat
from services.generation.live.encoders import new_encoder
from services.shared.errors import AppError, ErrorCode
from services.shared.live_channel import LiveFormat, LiveReader
from services.shared.storage import ObjectStore

_READ_BYTES = 65_536
_WAIT_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


class Broadcast:
    """The encoding of one job in one format. `closed` is called once, when nobody needs it any more."""

    def __init__(
        self,
        reader: LiveReader,
        audio_format: AudioFormat.ValueType,
        folder: Path,
        closed: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._audio_format = audio_format
        self._closed = closed
        self._file = tempfile.TemporaryFile(dir=folder, prefix="live-")  # noqa: SIM115 — closed when it has served
        self._written = 0
        self._ended = False
        self._error: Exception | None = None
        self._listeners = 0
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._encode())

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """The whole stream from its first byte, until the job's audio ends. Raises what the encoding raised."""
        self._listeners += 1
        position = 0
        try:
            while True:
                async with self._news:
                    while self._written == position and not self._ended:
                        await self._news.wait()
                while position < self._written:
                    data = os.pread(self._file.fileno(), min(_READ_BYTES, self._written - position), position)
                    position += len(data)
                    yield data
                if self._ended and position == self._written:
                    break
            if self._error is not None:
                raise self._error
        finally:
            self._listeners -= 1
            self._close_if_unneeded()

    async def stop(self) -> None:
        """End the encoding and with it every listener's stream."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _encode(self) -> None:
        try:
            live = await self._opened()
            if live is not None:
                await self._encode_audio(live)
        except asyncio.CancelledError:
            self._error = AppError(ErrorCode.UNAVAILABLE, "The service is restarting. Listen again.")
        except AppError as error:
            self._error = error
        except Exception as error:
            _log.exception("live_encoding_failed")
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                self._error = AppError(ErrorCode.STORAGE_FULL, "There is no room for live audio. Free some disk space.")
            else:
                self._error = AppError(ErrorCode.INTERNAL, "The live audio could not be encoded.")
        finally:
            async with self._news:
                self._ended = True
                self._news.notify_all()
            self._close_if_unneeded()

    async def _opened(self) -> LiveFormat | None:
        """Wait for the job's turn, however long the queue is; None when it ended without a sound."""
        while True:
            live = await self._reader.format(_WAIT_SECONDS)
            if live is not None or self._reader.final_state is not None:
                return live

    async def _encode_audio(self, live: LiveFormat) -> None:
        encoder = new_encoder(self._audio_format, live)
        await self._append(encoder.begin())
        async for pcm in self._reader.pcm():
            # Encoding takes a core's time and releases the interpreter's lock: other streams go on meanwhile.
            await self._append(await asyncio.to_thread(encoder.encode, pcm))
        await self._append(await asyncio.to_thread(encoder.finish))

    async def _append(self, data: bytes) -> None:
        if not data:
            return
        self._file.write(data)
        self._file.flush()
        async with self._news:
            self._written += len(data)
            self._news.notify_all()

    def _close_if_unneeded(self) -> None:
        if self._ended and self._listeners == 0 and not self._file.closed:
            self._file.close()
            self._closed()


class Broadcasts:
    """Every running broadcast of this process."""

    def __init__(self, redis: Redis, store: ObjectStore, folder: Path) -> None:
        self._redis = redis
        self._store = store
        self._folder = folder
        self._running: dict[tuple[str, AudioFormat.ValueType], Broadcast] = {}

    def __len__(self) -> int:
        return len(self._running)

    def reader(self, job_id: str) -> LiveReader:
        """A reader of a job's live channel."""
        return LiveReader(self._redis, self._store, job_id)

    async def listen(self, job_id: str, audio_format: AudioFormat.ValueType) -> AsyncGenerator[bytes, None]:
        """A new listener of a job in a format; the first one starts the encoding."""
        key = (job_id, audio_format)
        if key not in self._running:
            self._running[key] = Broadcast(self.reader(job_id), audio_format, self._folder, lambda: self._forget(key))
        # Nothing is awaited between this look and the listener's counting: the broadcast cannot close in between.
        async with contextlib.aclosing(self._running[key].listen()) as stream:
            async for data in stream:
                yield data

    async def stop(self) -> None:
        """End every broadcast."""
        await asyncio.gather(*(broadcast.stop() for broadcast in tuple(self._running.values())))

    def _forget(self, key: tuple[str, AudioFormat.ValueType]) -> None:
        self._running.pop(key, None)
