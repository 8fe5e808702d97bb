"""Claims and runs jobs of queue `processing`, one after the other, until there are none; then asks again.

It asks when a doorbell rings and at least every second, so a lost doorbell costs a second.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import structlog

from protos.users.v1 import jobs_pb2
from services.processing.jobs.submission import QUEUE
from services.processing.worker.collaborators import Collaborators
from services.processing.worker.job_run import JobRun
from services.shared.doorbell import cancelled_jobs
from services.shared.errors import AppError
from services.shared.grpc_client import call

ASK_SECONDS: Final = 1.0
_CLAIM_SECONDS: Final = 3.0

_log = structlog.get_logger(__name__)


class JobLoop:
    """Runs until `stop`; a job that runs then is given back."""

    def __init__(self, parts: Collaborators) -> None:
        self._parts = parts
        self._wake = asyncio.Event()
        self._stopping = False
        self._claims_fail = False
        self._current: JobRun | None = None

    def wake(self) -> None:
        """Look for work now."""
        self._wake.set()

    def stop(self) -> None:
        """End soon. Idempotent."""
        self._stopping = True
        self._wake.set()
        if self._current is not None:
            self._current.stop()

    async def run(self) -> None:
        """Claim and run."""
        cancels = asyncio.create_task(self._obey_cancels())
        try:
            while not self._stopping:
                # Cleared before asking: a ring during the last claim is not lost.
                self._wake.clear()
                while not self._stopping and await self._run_one():
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0 if self._stopping else ASK_SECONDS):
                        await self._wake.wait()
        finally:
            cancels.cancel()
            await asyncio.wait({cancels})

    async def _run_one(self) -> bool:
        """Run the next job; False when there is none."""
        keeper = self._parts.keeper
        claimed_at = keeper.clock()
        # Nothing else runs in this process, so jobs that have to run alone may come here too.
        request = jobs_pb2.ClaimNextRequest(
            queue=QUEUE, worker_id=keeper.worker_id, free_budget=1, worker_idle=True, resident_models=()
        )
        try:
            answer: jobs_pb2.ClaimNextResponse = await call(self._parts.jobs.ClaimNext, request, timeout=_CLAIM_SECONDS)
        except AppError as error:
            self._note_claim(error)
            return False
        self._note_claim(None)
        if not answer.HasField("leased"):
            return False
        self._current = JobRun(self._parts, answer.leased, claimed_at)
        if self._stopping:
            self._current.stop()
        try:
            await self._current.run()
        finally:
            self._current = None
        return True

    def _note_claim(self, error: AppError | None) -> None:
        """Log the first failure of a row, and its end: an outage is not a line a second."""
        if error is not None and not self._claims_fail:
            _log.warning("claim_failed", code=error.code.value, reason=error.message)
        elif error is None and self._claims_fail:
            _log.info("claims_work_again")
        self._claims_fail = error is not None

    async def _obey_cancels(self) -> None:
        async for job_id in cancelled_jobs(self._parts.redis):
            self._parts.keeper.cancel(job_id)
