"""One attempt at one job, from lease to result; or why there is none."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable
from typing import Final

import orjson
import structlog
from opentelemetry import trace
from prometheus_client import Counter, Histogram

from protos.users.v1 import jobs_pb2
from services.processing.jobs import registry
from services.processing.jobs.stored_request import StoredRequest
from services.processing.worker.collaborators import Collaborators
from services.processing.worker.kind_run import Outcome as Made
from services.shared.errors import AppError, ErrorCode
from services.shared.job_endings import Outcome, completion, failure, giving_back, tell_ledger
from services.shared.job_progress import JobProgress
from services.shared.leases import CancelRequested, Lease, LeaseLost
from services.shared.telemetry import extract_context

_MOST_PLACES: Final = 5
_THE_TRACK: Final = ("", "/track_id")

_JOBS = Counter("processing_jobs_total", "Attempts at jobs by how they ended.", ["kind", "outcome"])
_SECONDS = Histogram(
    "processing_job_seconds", "Time of an attempt.", ["kind"], buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 300)
)

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)


class JobRun:
    """Runs one leased job; made on the loop."""

    def __init__(self, parts: Collaborators, leased: jobs_pb2.LeasedJob, claimed_at: float) -> None:
        self._parts = parts
        self._job = leased.job
        self._loop = asyncio.get_running_loop()
        self._work: asyncio.Task[Made] | None = None
        self._stopped = False
        self._lease = parts.keeper.hold(leased, claimed_at=claimed_at, on_stop=self._stop_from_thread)

    def stop(self) -> None:
        """Let the work end soon; the job goes back unharmed. Idempotent."""
        self._stopped = True
        if self._work is not None:
            self._work.cancel()

    def _stop_from_thread(self, _lease: Lease) -> None:
        self._loop.call_soon_threadsafe(self.stop)

    async def run(self) -> Outcome:
        """Do the work and tell the ledger. Never raises for what the job does."""
        began = time.monotonic()
        request_ids = {"job_id": self._lease.job_id, "attempt": self._lease.attempt}
        with structlog.contextvars.bound_contextvars(**request_ids), self._lease:
            outcome = await self._attempt(began)
            seconds = time.monotonic() - began
            _JOBS.labels(self._job.kind, outcome.value).inc()
            _SECONDS.labels(self._job.kind).observe(seconds)
            _log.info("job_run_ended", kind=self._job.kind, outcome=outcome.value, seconds=round(seconds, 3))
        return outcome

    async def _attempt(self, began: float) -> Outcome:
        try:
            result = await self._result()
            await self._complete(result, time.monotonic() - began)
        except (asyncio.CancelledError, CancelRequested):
            return await self._release()
        except LeaseLost:
            return Outcome.LOST
        except AppError as error:
            if error.code is ErrorCode.STALE_LEASE:
                return Outcome.LOST
            _log.warning("job_failed", code=error.code.value, reason=error.message, details=error.context)
            return await self._fail(error)
        except Exception as error:
            _log.exception("job_crashed")
            return await self._fail(_calm(error))
        return Outcome.SUCCEEDED

    async def _result(self) -> Made:
        # In a thread: a kind's package may take a second to import.
        kind = await asyncio.to_thread(registry.kind_of, self._job.kind)
        if kind is None:
            raise AppError(ErrorCode.INTERNAL, f"This worker does not know how to {self._job.kind}.")
        request = StoredRequest.from_json(self._job.request_json)
        progress = JobProgress(self._parts.redis, self._lease)
        with _tracer.start_as_current_span(self._job.kind, context=extract_context(request.trace or {})) as span:
            span.set_attribute("job.id", self._lease.job_id)
            span.set_attribute("job.attempt", self._lease.attempt)
            _log.info("job_run_started", kind=self._job.kind)
            async with progress.published():
                folder = f"jobs/{self._lease.job_id}/{self._lease.fencing_token}"
                run = self._parts.kinds.run(kind, request, folder, check=self._lease.check, report=progress.report)
                self._work = asyncio.create_task(run)
                if self._stopped:
                    self._work.cancel()
                made = await self._work
                self._lease.check()
                return made

    async def _complete(self, made: Made, seconds: float) -> None:
        metrics = {
            "run_seconds": round(seconds, 3),
            "real_time_factor": round(made.audio_seconds / max(seconds, 1e-3), 2),
        }
        done = completion(
            self._lease,
            tracks=made.tracks,
            metrics_json=orjson.dumps(metrics).decode(),
            stored_bytes=made.stored_bytes,
            result_json=orjson.dumps(made.result, option=orjson.OPT_SERIALIZE_NUMPY).decode(),
        )
        await tell_ledger(self._lease, self._parts.jobs.Complete, done)

    async def _fail(self, error: AppError) -> Outcome:
        request = failure(self._lease, error, _with_places(error))
        return await self._ended(tell_ledger(self._lease, self._parts.jobs.Fail, request), Outcome.FAILED)

    async def _release(self) -> Outcome:
        telling = tell_ledger(self._lease, self._parts.jobs.Release, giving_back(self._lease))
        return await self._ended(telling, Outcome.RELEASED)

    async def _ended(self, telling: Awaitable[None], outcome: Outcome) -> Outcome:
        try:
            await telling
        except (AppError, LeaseLost) as error:
            _log.warning("ending_not_told", reason=str(error))
            return Outcome.LOST
        return outcome


def _with_places(error: AppError) -> str:
    """The message with where each thing is wrong, for who reads nothing but the sentence."""
    # Of which track the job is, nobody has to be told.
    found = [
        item.detail if item.pointer in _THE_TRACK else f"{item.pointer}: {item.detail}" for item in error.violations
    ]
    if len(found) > _MOST_PLACES:
        found[_MOST_PLACES:] = [f"And {len(error.violations) - _MOST_PLACES} more."]
    if len(error.violations) != 1 or error.violations[0].detail != error.message:
        found.insert(0, error.message)
    return " ".join(found)


def _calm(error: Exception) -> AppError:
    """What people hear of an error that nobody foresaw; the log has the rest."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return AppError(ErrorCode.STORAGE_FULL, "The machine's disk is full. Free some space and try again.")
    return AppError(ErrorCode.INTERNAL, "Something went wrong while shaping the audio. Try again.")
