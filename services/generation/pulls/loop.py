"""Runs pulls one after another inside the generation server: claim, fetch, tell how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.generation.job_ending import JobEnding
from services.generation.pulls import job
from services.generation.pulls.puller import ModelPuller
from services.shared.doorbell import Doorbell, cancelled_jobs
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.job_endings import Outcome
from services.shared.job_progress import JobProgress
from services.shared.leases import CancelRequested, Lease, LeaseKeeper, LeaseLost
from services.shared.live_channel import StaleToken

# Rings come at once; this is for those that are lost, and for leases of dead servers.
_ASK_SECONDS = 5.0
_CLAIM_SECONDS = 3.0

_log = structlog.get_logger(__name__)


class _ServerStopsError(Exception):
    """The server is asked to end."""


@dataclass(frozen=True, slots=True)
class Pulls:
    """What the loop works with."""

    jobs: jobs_pb2_grpc.JobServiceStub
    keeper: LeaseKeeper
    redis: Redis
    puller: ModelPuller


async def run_pulls(shared: Pulls, stop: asyncio.Event) -> None:
    """Claim and run pulls until `stop` is set; what runs then is given back and goes on elsewhere, or later."""
    bell = Doorbell(shared.redis, job.QUEUE)
    cancels = asyncio.create_task(_obey_cancels(shared))
    try:
        while not stop.is_set():
            leased = await _claim(shared)
            if leased is None:
                await _either(bell.wait(_ASK_SECONDS), stop.wait())
            else:
                await _run(shared, *leased, stop)
    finally:
        cancels.cancel()
        await asyncio.wait({cancels})
        await bell.aclose()


async def _claim(shared: Pulls) -> tuple[jobs_pb2.LeasedJob, float] | None:
    asked_at = shared.keeper.clock()
    request = jobs_pb2.ClaimNextRequest(
        queue=job.QUEUE, worker_id=shared.keeper.worker_id, free_budget=1, total_budget=1, worker_idle=True
    )
    try:
        answer = await call(shared.jobs.ClaimNext, request, timeout=_CLAIM_SECONDS)
    except AppError as error:
        _log.debug("pull_claim_failed", code=error.code.value, reason=error.message)
        return None
    return (answer.leased, asked_at) if answer.HasField("leased") else None


async def _run(shared: Pulls, leased: jobs_pb2.LeasedJob, claimed_at: float, stop: asyncio.Event) -> None:
    with (
        structlog.contextvars.bound_contextvars(job_id=leased.job.id, attempt=leased.attempt),
        shared.keeper.hold(leased, claimed_at=claimed_at) as lease,
    ):
        ending = JobEnding(shared.jobs, lease)
        reporter = JobProgress(shared.redis, lease)
        async with reporter.published():
            outcome = await _attempt(shared, lease, ending, reporter, stop)
        _log.info("pull_ended", outcome=outcome.value)


async def _attempt(
    shared: Pulls, lease: Lease, ending: JobEnding, reporter: JobProgress, stop: asyncio.Event
) -> Outcome:
    def progress(fraction: float, stage: str) -> None:
        lease.check()
        if stop.is_set():
            raise _ServerStopsError
        reporter.report(fraction, stage)

    try:
        model_id = job.decode(lease.leased.job.request_json)
        _log.info("pull_started", model=model_id)
        pulled = await asyncio.to_thread(shared.puller.pull, model_id, progress)
        lease.check()
        result = {"model": model_id, "revision": pulled.revision, "size_bytes": pulled.size_bytes}
        await ending.complete_with(orjson.dumps(result).decode())
    except CancelRequested:
        await asyncio.to_thread(shared.puller.forget, model_id)
        return await ending.release()
    except (LeaseLost, StaleToken):
        return Outcome.LOST
    except _ServerStopsError:
        return await ending.release()
    except AppError as error:
        if error.code is ErrorCode.STALE_LEASE:
            return Outcome.LOST
        _log.warning("pull_failed", code=error.code.value, reason=error.message)
        return await ending.fail(error)
    except Exception:
        _log.exception("pull_crashed")
        return await ending.fail(AppError(ErrorCode.INTERNAL, "Something went wrong while fetching it. Try again."))
    return Outcome.SUCCEEDED


async def _obey_cancels(shared: Pulls) -> None:
    async for job_id in cancelled_jobs(shared.redis):
        shared.keeper.cancel(job_id)


async def _either(*waits: Coroutine[Any, Any, object]) -> None:
    """Until the first of them is over; the others are given up."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
