"""`musicgen.users.v1.JobService`: reads messages, asks the ledger, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import structlog

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.shared.identity import require_service, require_user
from services.user_management.callers import user_id
from services.user_management.guests.rules import check_orders
from services.user_management.jobs import wire
from services.user_management.jobs.endings import JobEndings
from services.user_management.jobs.forecast import Forecast
from services.user_management.jobs.ledger import JobLedger, no_such_job
from services.user_management.jobs.rules import Job
from services.user_management.jobs.watcher import JobWatcher
from services.user_management.wire import cursor_id, cursor_of, fitting, json_text, page_limit, parse_id

LONGEST_WAIT_SECONDS: Final = 60.0

Context = Any


class JobServicer(jobs_pb2_grpc.JobServiceServicer):
    """Callers use Create, Get, List, Cancel and Watch; workers and the supervisor the rest."""

    def __init__(
        self,
        ledger: JobLedger,
        forecast: Forecast,
        endings: JobEndings,
        watcher: JobWatcher,
        *,
        lease_seconds: float,
    ) -> None:
        self._ledger = ledger
        self._forecast = forecast
        self._endings = endings
        self._watcher = watcher
        self._lease_seconds = lease_seconds

    async def Create(self, request: jobs_pb2.CreateRequest, context: Context) -> jobs_pb2.CreateResponse:
        """Create a job of the caller."""
        owner_id = user_id()
        key, order = wire.idempotency_key(request.idempotency), wire.new_job(request)
        check_orders(require_user().role, [order])
        job, replayed = await self._ledger.create(owner_id, order, key)
        structlog.contextvars.bind_contextvars(job_id=str(job.id))
        return jobs_pb2.CreateResponse(job=await self._message(job), replayed=replayed)

    async def CreateBatch(self, request: jobs_pb2.CreateBatchRequest, context: Context) -> jobs_pb2.CreateBatchResponse:
        """Create several jobs of the caller, or none."""
        owner_id = user_id()
        orders = wire.orders(request)
        check_orders(require_user().role, [order for order, _ in orders])
        created = await self._ledger.create_all(owner_id, orders)
        outlooks = await self._forecast.of([job for job, _ in created])
        return jobs_pb2.CreateBatchResponse(
            jobs=[
                jobs_pb2.CreateResponse(job=wire.job_message(job, outlooks[job.id]), replayed=replayed)
                for job, replayed in created
            ]
        )

    async def ClaimNext(self, request: jobs_pb2.ClaimNextRequest, context: Context) -> jobs_pb2.ClaimNextResponse:
        """Lease a job to a worker."""
        require_service()
        job = await self._ledger.claim_next(request.queue, wire.worker(request))
        if job is None:
            return jobs_pb2.ClaimNextResponse()
        structlog.contextvars.bind_contextvars(job_id=str(job.id))
        return jobs_pb2.ClaimNextResponse(leased=wire.leased_message(job, self._lease_seconds))

    async def Heartbeat(self, request: jobs_pb2.HeartbeatRequest, context: Context) -> jobs_pb2.HeartbeatResponse:
        """Renew a worker's leases."""
        require_service()
        beats = [beat for beat in map(wire.beat, request.beats) if beat is not None]
        held = await self._ledger.heartbeat(beats)
        ids = [(beat.job_id, parse_id(beat.job_id)) for beat in request.beats]
        return jobs_pb2.HeartbeatResponse(
            states=[
                jobs_pb2.LeaseState(job_id=text, held=job_id in held, cancel_requested=job_id in held and held[job_id])
                for text, job_id in ids
            ]
        )

    async def Complete(self, request: jobs_pb2.CompleteRequest, context: Context) -> jobs_pb2.CompleteResponse:
        """End a job well."""
        require_service()
        held = wire.held_lease(request.lease_id, request.fencing_token)
        job = await self._ledger.complete(_job_id(request.job_id), held, wire.outputs(request))
        return jobs_pb2.CompleteResponse(job=wire.job_message(job))

    async def Fail(self, request: jobs_pb2.FailRequest, context: Context) -> jobs_pb2.FailResponse:
        """End a job with an error."""
        require_service()
        held = wire.held_lease(request.lease_id, request.fencing_token)
        job = await self._ledger.fail(_job_id(request.job_id), held, wire.failure(request.error))
        return jobs_pb2.FailResponse(job=wire.job_message(job))

    async def Release(self, request: jobs_pb2.ReleaseRequest, context: Context) -> jobs_pb2.ReleaseResponse:
        """Put a job back."""
        require_service()
        held = wire.held_lease(request.lease_id, request.fencing_token)
        job = await self._ledger.release(_job_id(request.job_id), held)
        return jobs_pb2.ReleaseResponse(job=wire.job_message(job))

    async def Cancel(self, request: jobs_pb2.CancelRequest, context: Context) -> jobs_pb2.CancelResponse:
        """Ask for the end of a job of the caller."""
        job = await self._ledger.cancel(user_id(), _job_id(request.job_id))
        return jobs_pb2.CancelResponse(job=wire.job_message(job))

    async def Get(self, request: jobs_pb2.GetRequest, context: Context) -> jobs_pb2.GetResponse:
        """One job of the caller; waits for its end when asked to."""
        owner_id, job_id = user_id(), _job_id(request.job_id)
        wait_seconds = request.wait_seconds if math.isfinite(request.wait_seconds) else 0.0
        with self._endings.waiting(job_id) as ended:
            job = await self._ledger.get(owner_id, job_id)
            if wait_seconds > 0 and not job.status.ended:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(wait_seconds, LONGEST_WAIT_SECONDS)):
                        await ended.wait()
                job = await self._ledger.get(owner_id, job_id)
        return jobs_pb2.GetResponse(job=await self._message(job))

    async def List(self, request: jobs_pb2.ListRequest, context: Context) -> jobs_pb2.ListResponse:
        """The caller's jobs, newest first."""
        limit = page_limit(request.page.limit)
        jobs = await self._ledger.of_owner(
            user_id(),
            status=wire.status_filter(request.status),
            before_id=cursor_id(request.page.cursor),
            limit=limit + 1,
        )
        page = jobs[:limit]
        outlooks = await self._forecast.of(page)
        messages = [wire.job_message(job, outlooks[job.id]) for job in page]
        count = fitting(messages)
        return jobs_pb2.ListResponse(
            jobs=messages[:count],
            next_cursor=cursor_of(jobs[count - 1].id) if len(jobs) > count else "",
        )

    async def Watch(self, request: jobs_pb2.WatchRequest, context: Context) -> AsyncIterator[jobs_pb2.WatchResponse]:
        """The events of a job of the caller, up to the last."""
        owner_id, job_id = user_id(), _job_id(request.job_id)
        async with contextlib.aclosing(self._watcher.watch(owner_id, job_id, request.after_event_id or None)) as events:
            async for event in events:
                yield jobs_pb2.WatchResponse(event_id=event.event_id, type=event.type, data_json=json_text(event.data))

    async def ReportWorkerDeath(
        self, request: jobs_pb2.ReportWorkerDeathRequest, context: Context
    ) -> jobs_pb2.ReportWorkerDeathResponse:
        """Take away the jobs of a dead worker."""
        require_service()
        taken = await self._ledger.report_worker_death(wire.worker_id(request.worker_id))
        return jobs_pb2.ReportWorkerDeathResponse(jobs=taken)

    async def _message(self, job: Job) -> jobs_pb2.Job:
        return wire.job_message(job, (await self._forecast.of([job]))[job.id])


def _job_id(text: str) -> UUID:
    job_id = parse_id(text)
    if job_id is None:
        raise no_such_job()
    return job_id
