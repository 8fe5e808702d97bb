"""One Celery child: a thread with an event loop of its own that claims and runs jobs, beside Celery's own thread.

Celery's messages only ring and ask for derivatives ahead of time; jobs come from the ledger. So a task is short, is
acknowledged at once, and nothing depends on Celery's redelivery. The thread starts after the fork and opens everything
itself.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from services.processing.config import ProcessingSettings
from services.processing.worker.lifeline import Lifeline
from services.shared.errors import AppError, ErrorCode

if TYPE_CHECKING:
    from services.processing.worker.collaborators import Collaborators
    from services.processing.worker.job_loop import JobLoop

# After a stop: to give a job back. The whole worker has 10 s.
DRAIN_SECONDS: Final = 6.0
_FAILED: Final = 70

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Running:
    """What exists once the thread has opened everything."""

    loop: asyncio.AbstractEventLoop
    parts: Collaborators
    jobs: JobLoop


class Child:
    """Bridges Celery's thread and the event loop. `start` returns at once; Celery waits only seconds for a child."""

    def __init__(self, settings: ProcessingSettings, lifeline: Lifeline) -> None:
        self._settings = settings
        self._lifeline = lifeline
        self._running: concurrent.futures.Future[_Running] = concurrent.futures.Future()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to claim jobs."""
        self._thread.start()

    def ring(self) -> None:
        """Look for work now. Cheap, and harmless before everything is open: the loop asks at once anyway."""
        if self._running.done() and not self._stopping.is_set():
            running = self._running.result()
            running.loop.call_soon_threadsafe(running.jobs.wake)

    def prepare_track(self, object_key: str) -> None:
        """Make the MP3 derivative and the peaks of a track. Waits; raises `AppError`."""
        running = self._running.result(timeout=DRAIN_SECONDS)
        work = asyncio.run_coroutine_threadsafe(_prepare(running.parts, object_key), running.loop)
        try:
            work.result()
        except concurrent.futures.CancelledError:
            raise AppError(ErrorCode.UNAVAILABLE, "The worker is stopping.") from None

    def stop(self) -> None:
        """Give a running job back and end the thread."""
        self._tell_stop()
        self._thread.join(DRAIN_SECONDS)

    def _tell_stop(self) -> None:
        self._stopping.set()
        if self._running.done() and self._thread.is_alive():
            running = self._running.result()
            running.loop.call_soon_threadsafe(running.jobs.stop)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            # A child that claims no jobs is useless: Celery replaces it by another.
            reason = error.message if isinstance(error, AppError) else repr(error)
            _log.error("worker_child_failed", reason=reason, exc_info=not isinstance(error, AppError))
            os._exit(_FAILED)

    async def _main(self) -> None:
        # Imported here: the parent, which imports this module, stays free of gRPC and of numpy's threads.
        from services.processing.worker.collaborators import open_collaborators
        from services.processing.worker.job_loop import JobLoop

        loop = asyncio.get_running_loop()
        reader = self._lifeline.reader()
        async with open_collaborators(self._settings) as parts:
            jobs = JobLoop(parts)
            loop.add_reader(reader, self._parent_ends, loop, reader)
            self._running.set_result(_Running(loop, parts, jobs))
            if self._stopping.is_set():
                jobs.stop()
            _log.info("child_ready", worker_id=parts.keeper.worker_id)
            await jobs.run()

    def _parent_ends(self, loop: asyncio.AbstractEventLoop, reader: int) -> None:
        loop.remove_reader(reader)
        self._tell_stop()
        # If the parent was killed, nobody ends Celery's thread in this process: do it after the drain.
        ending = threading.Timer(DRAIN_SECONDS, os._exit, (0,))
        ending.daemon = True
        ending.start()


async def _prepare(parts: Collaborators, object_key: str) -> None:
    from services.processing.media.formats import FORMATS

    await parts.derivatives.ensure(object_key, FORMATS["mp3"])
    await parts.waveforms.ensure(object_key)
