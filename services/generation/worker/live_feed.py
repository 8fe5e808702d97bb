"""The bounded way of live audio from the threads that make it to the loop that publishes it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.shared.live_channel import LiveFormat

_WAITING_SECONDS = 10
_CHECK_SECONDS = 0.1


def to_pcm(samples: NDArray[np.float32]) -> bytes:
    """float32 `[n, channels]` in −1…1 as interleaved s16le, rounded to the nearest step."""
    steps: NDArray[np.int16] = np.clip(np.rint(samples * np.float32(32768.0)), -32768, 32767).astype("<i2")
    return steps.tobytes()


class LiveFeed:
    """Made on the loop. `start`, `put` and `finish` may be called from any thread; `format` and `next` on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._news = asyncio.Event()
        self._room = threading.Condition()
        self._format: LiveFormat | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._tokens: list[tuple[bytes, bool]] = []
        self._finished = False
        self._discarding = False

    def start(self, live: LiveFormat) -> None:
        """Say what the audio is; before the first `put`, once. RuntimeError otherwise."""
        with self._room:
            if self._format is not None:
                raise RuntimeError("The live audio was started already.")
            self._format = live
        self._tell()

    def put(self, samples: NDArray[np.float32], check: Callable[[], None]) -> None:
        """Add float32 `[n, channels]`. Waits while too much is waiting, calling `check`, which may raise.

        On the loop's own thread it never waits: nobody could take anything meanwhile.
        """
        live = self._format
        if live is None:
            raise RuntimeError("Live audio needs `start` first.")
        if samples.ndim != 2 or samples.shape[1] != live.channels:
            raise ValueError(f"Expected [samples, {live.channels}], got {list(samples.shape)}.")
        if not np.isfinite(samples).all():
            raise ValueError("The live audio holds values that are not finite.")
        pcm = to_pcm(samples)
        limit = _WAITING_SECONDS * live.sample_rate_hz * live.frame_bytes
        may_wait = threading.get_ident() != self._loop_thread
        with self._room:
            while may_wait and self._waiting_bytes > limit and not self._discarding:
                self._room.wait(_CHECK_SECONDS)
                check()
            if self._discarding:
                return
            self._waiting.append(pcm)
            self._waiting_bytes += len(pcm)
        self._tell()

    def put_tokens(self, data: bytes, restart: bool) -> None:
        """Add to the song's record; it is saved before any audio that is put after it. Never waits."""
        with self._room:
            if not self._discarding:
                self._tokens.append((data, restart))

    def take_tokens(self) -> list[tuple[bytes, bool]]:
        """What was added to the record since the last time: data, and whether it begins the record anew."""
        with self._room:
            taken, self._tokens = self._tokens, []
            return taken

    def finish(self) -> None:
        """No more audio will come."""
        with self._room:
            self._finished = True
        self._tell()

    def discard(self) -> None:
        """Nobody will take anything any more: let producers go on without waiting."""
        with self._room:
            self._discarding = True
            self._waiting.clear()
            self._tokens.clear()
            self._room.notify_all()

    async def format(self) -> LiveFormat | None:
        """What the audio is, once it has been started; None when it finished without."""
        while self._format is None and not self._finished:
            await self._wait()
        return self._format

    async def next(self) -> bytes | None:
        """Everything that waits, as s16le; None at the end."""
        while True:
            with self._room:
                if self._waiting:
                    pcm = b"".join(self._waiting)
                    self._waiting.clear()
                    self._waiting_bytes = 0
                    self._room.notify_all()
                    return pcm
                if self._finished:
                    return None
            await self._wait()

    async def _wait(self) -> None:
        await self._news.wait()
        self._news.clear()

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self._news.set)
