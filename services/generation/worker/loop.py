"""The worker's loop: claims jobs by itself, runs them side by side within its slots, and hands back what it holds at
the end.

It looks for work when the doorbell rings, when a slot frees, and at least every second; whether anybody rings is a
matter of comfort.
"""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from redis.exceptions import RedisError

from protos.users.v1 import jobs_pb2
from services.generation.job_request import QUEUE
from services.generation.worker import metrics
from services.generation.worker.job_run import Collaborators, JobRun
from services.generation.worker_registry import announce, withdraw
from services.shared.doorbell import Doorbell, cancelled_jobs
from services.shared.errors import AppError
from services.shared.grpc_client import call

_ASK_SECONDS = 1.0
_ANNOUNCE_SECONDS = 5.0
# The whole process ends within 10 s of SIGTERM: what does not stop by then is left to its lease.
_DRAIN_SECONDS = 6.0
# Once its lease is given back, a run ends its stream and removes its files: moments, but on a busy machine longer ones.
_TIDY_SECONDS = 2.0
_LAST_SECONDS = 0.5
_CLAIM_SECONDS = 3.0

_log = structlog.get_logger(__name__)


class WorkerLoop:
    """Runs until `stop` is set, then drains. `run` answers whether everything had ended by itself."""

    def __init__(self, shared: Collaborators, slots: int) -> None:
        self._shared = shared
        self._slots = slots
        self._running: dict[asyncio.Task[object], JobRun] = {}
        self._wake = asyncio.Event()
        self._claims_fail = False
        metrics.SLOTS.set(slots)

    @property
    def busy(self) -> int:
        """Slots that are taken."""
        return sum(self._shared.models.cost(run.model_id) for run in self._running.values())

    async def run(self, stop: asyncio.Event) -> bool:
        """Claim and run jobs until `stop`, then let them go."""
        helpers = [
            asyncio.create_task(work)
            for work in (self._listen(), self._obey_cancels(), self._announce(), _set_on(stop, self._wake))
        ]
        try:
            while not stop.is_set():
                while not stop.is_set() and await self._claim():
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ASK_SECONDS):
                        await self._wake.wait()
                self._wake.clear()
            return await self._drain()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.wait(helpers)
            with contextlib.suppress(RedisError, OSError):
                await withdraw(self._shared.redis, self._shared.keeper.worker_id)

    async def _claim(self) -> bool:
        """Ask for one job and start it; False when there is none to take."""
        free = self._slots - self.busy
        if free <= 0 or any(run.run_alone for run in self._running.values()):
            return False
        claimed_at = self._shared.keeper.clock()
        request = jobs_pb2.ClaimNextRequest(
            queue=QUEUE,
            worker_id=self._shared.keeper.worker_id,
            free_budget=free,
            total_budget=self._slots,
            worker_idle=not self._running,
            resident_models=self._shared.models.resident,
        )
        try:
            answer = await call(self._shared.jobs.ClaimNext, request, timeout=_CLAIM_SECONDS)
        except AppError as error:
            if not self._claims_fail:
                _log.warning("claim_failed", code=error.code.value, reason=error.message)
            self._claims_fail = True
            return False
        if self._claims_fail:
            _log.info("claims_work_again")
            self._claims_fail = False
        if not answer.HasField("leased"):
            return False
        self._start(JobRun(self._shared, answer.leased, claimed_at))
        return True

    def _start(self, run: JobRun) -> None:
        task: asyncio.Task[object] = asyncio.create_task(run.run())
        self._running[task] = run
        metrics.SLOTS_BUSY.set(self.busy)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[object]) -> None:
        del self._running[task]
        metrics.SLOTS_BUSY.set(self.busy)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("job_run_failed", exc_info=error)

    async def _drain(self) -> bool:
        """Hand back what is in the making; a song that only has to be stored is finished."""
        if self._running:
            _log.info("draining", jobs=len(self._running))
        for run in self._running.values():
            run.stop()
        settled = [asyncio.create_task(run.settled.wait()) for run in self._running.values()]
        if settled:
            await asyncio.wait(settled, timeout=_DRAIN_SECONDS)
        for waiter in settled:
            waiter.cancel()
        tasks = set(self._running)
        if tasks:
            _, tasks = await asyncio.wait(tasks, timeout=_TIDY_SECONDS)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_SECONDS)
        return not tasks

    async def _listen(self) -> None:
        bell = Doorbell(self._shared.redis, QUEUE)
        try:
            while True:
                if await bell.wait(60.0):
                    self._wake.set()
        finally:
            await bell.aclose()

    async def _obey_cancels(self) -> None:
        async for job_id in cancelled_jobs(self._shared.redis):
            self._shared.keeper.cancel(job_id)

    async def _announce(self) -> None:
        keeper, models = self._shared.keeper, self._shared.models
        while True:
            # The key is a comfort (`Model.loaded`); Valkey may be away.
            with contextlib.suppress(RedisError, OSError):
                await announce(self._shared.redis, keeper.worker_id, models.resident, self._slots, self.busy)
            await asyncio.sleep(_ANNOUNCE_SECONDS)


async def _set_on(event: asyncio.Event, other: asyncio.Event) -> None:
    await event.wait()
    other.set()
