"""Runs what takes long in a few threads, so that the event loop, and with it health and heartbeats, stays quick.

The libraries that do the work (libsndfile, LAME, soxr, numpy) let other threads run meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from prometheus_client import Gauge

from services.processing.media.cancellation import Cancellation

ResultT = TypeVar("ResultT")
Check = Callable[[], None]

_PATIENT_NICENESS: Final = 10

_WAITING = Gauge("processing_work_waiting", "Pieces of heavy work that wait for a turn.")
_RUNNING = Gauge("processing_work_running", "Pieces of heavy work that run.")


def _step_back() -> None:
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _PATIENT_NICENESS)


class HeavyWork:
    """At most `slots` pieces of work at once; each holds its turn over its downloads and uploads too.

    With `patient`, the work leaves the cores to everybody else where the system can tell threads apart (Linux).
    """

    def __init__(self, slots: int, *, patient: bool = False) -> None:
        self._turns = asyncio.Semaphore(slots)
        self._threads = ThreadPoolExecutor(
            slots, thread_name_prefix="heavy", initializer=_step_back if patient else None
        )

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it."""
        with _WAITING.track_inprogress():
            await self._turns.acquire()
        try:
            with _RUNNING.track_inprogress():
                yield
        finally:
            self._turns.release()

    async def run(self, work: Callable[[Check], ResultT]) -> ResultT:
        """Run `work` in a thread, within a turn. A cancelled caller makes its `check` raise, and waits for its end."""
        cancellation = Cancellation()
        context = contextvars.copy_context()
        future = self._threads.submit(context.run, work, cancellation.check)
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            cancellation.cancel()
            # Its files are about to be removed: it has to have stopped first, whoever cancels once more meanwhile. A
            # block takes milliseconds.
            while not waiting.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([waiting])
            if not waiting.cancelled():
                waiting.exception()
            raise

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
