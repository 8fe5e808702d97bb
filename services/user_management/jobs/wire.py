"""Jobs between the ledger's types and `musicgen.users.v1`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, FieldViolation
from services.shared.grpc_errors import wire_violations
from services.user_management.jobs.fairness import Worker
from services.user_management.jobs.forecast import Outlook
from services.user_management.jobs.idempotency import IdempotencyKey
from services.user_management.jobs.ledger import Outputs
from services.user_management.jobs.repository import Beat
from services.user_management.jobs.rules import HeldLease, Job, JobFailure, NewJob, Status, fraction, seconds
from services.user_management.library.wire import track_content
from services.user_management.quotas.rules import milliseconds
from services.user_management.wire import (
    LARGEST_REQUEST_BYTES,
    json_object,
    json_text,
    optional_json_object,
    parse_id,
    storable,
    timestamp,
)

QUEUES: Final = frozenset({"generation", "processing", "models"})
LARGEST_BATCH: Final = 64
_SHA256_BYTES: Final = 32
_LONGEST_POINTER: Final = 200
_LONGEST_DETAIL: Final = 2_000
_MOST_VIOLATIONS: Final = 20

_STATUS: Final[Mapping[Status, jobs_pb2.JobStatus.ValueType]] = MappingProxyType(
    {
        Status.QUEUED: jobs_pb2.JOB_STATUS_QUEUED,
        Status.RUNNING: jobs_pb2.JOB_STATUS_RUNNING,
        Status.SUCCEEDED: jobs_pb2.JOB_STATUS_SUCCEEDED,
        Status.FAILED: jobs_pb2.JOB_STATUS_FAILED,
        Status.CANCELLED: jobs_pb2.JOB_STATUS_CANCELLED,
    }
)
_STATUS_OF_WIRE: Final = MappingProxyType({value: status for status, value in _STATUS.items()})

# What never matches a lease; a forged id is then refused like a stale one.
_NOBODY: Final = UUID(int=0)


def job_message(job: Job, outlook: Outlook | None = None) -> jobs_pb2.Job:
    """The job as its owner sees it."""
    outlook = outlook or Outlook(eta_seconds=job.eta_seconds)
    failure = job.failure
    return jobs_pb2.Job(
        id=str(job.id),
        owner_id=str(job.owner_id),
        kind=job.kind,
        queue=job.queue,
        status=_STATUS[job.status],
        progress=job.progress,
        stage=job.stage,
        queue_position=outlook.queue_position,
        eta_seconds=outlook.eta_seconds,
        attempts=job.crashes,
        error=_error(failure) if failure else None,
        request_json=json_text(job.request),
        track_ids=[str(track_id) for track_id in job.track_ids],
        metrics_json=json_text(job.metrics),
        created_at=timestamp(job.created_at),
        started_at=timestamp(job.started_at),
        finished_at=timestamp(job.finished_at),
        cancel_requested=job.cancel_requested,
        result_json=json_text(job.result),
        model=job.model,
    )


def leased_message(job: Job, lease_seconds: float) -> jobs_pb2.LeasedJob:
    """A job that was just claimed, and the right to run it."""
    return jobs_pb2.LeasedJob(
        job=job_message(job),
        lease_id=str(job.lease_id),
        fencing_token=job.fencing_token,
        lease_seconds=lease_seconds,
        attempt=job.runs,
        run_alone=job.run_alone,
    )


def status_filter(value: jobs_pb2.JobStatus.ValueType) -> Status | None:
    """The status that a list is asked for; None: all."""
    if value == jobs_pb2.JOB_STATUS_UNSPECIFIED:
        return None
    try:
        return _STATUS_OF_WIRE[value]
    except KeyError:
        raise AppError.field("/status", "There is no such status.") from None


def new_job(request: jobs_pb2.CreateRequest) -> NewJob:
    """What is asked for. Raises `AppError` (VALIDATION)."""
    if not 1 <= len(request.kind) <= 64:
        raise AppError.field("/kind", "The kind has to be 1 to 64 characters long.")
    if request.queue not in QUEUES:
        raise AppError.field("/queue", f"The queue has to be one of {', '.join(sorted(QUEUES))}.")
    if not -10 <= request.priority <= 10:
        raise AppError.field("/priority", "The priority has to be -10 to 10.")
    return NewJob(
        kind=storable(request.kind, 64),
        queue=request.queue,
        request=json_object(request.request_json, "/request_json", largest_bytes=LARGEST_REQUEST_BYTES),
        priority=request.priority,
        cost=max(request.cost, 1),
        reserve_ms=milliseconds(request.reserve_seconds),
        reserve_bytes=max(0, request.reserve_bytes),
        model=storable(request.model, 256),
        webhook_url=request.webhook_url,
    )


def orders(request: jobs_pb2.CreateBatchRequest) -> list[tuple[NewJob, IdempotencyKey | None]]:
    """The jobs of a batch. Raises `AppError` (VALIDATION), its pointers below the position."""
    if not 1 <= len(request.jobs) <= LARGEST_BATCH:
        raise AppError.field("/jobs", f"A batch holds 1 to {LARGEST_BATCH} jobs.")
    found = []
    for position, item in enumerate(request.jobs):
        try:
            found.append((new_job(item), idempotency_key(item.idempotency)))
        except AppError as error:
            raise error.within(f"/jobs/{position}") from None
    if len({key is None for _, key in found}) > 1:
        raise AppError.field("/jobs", "Either every job of a batch has an idempotency key, or none.")
    return found


def idempotency_key(request: jobs_pb2.Idempotency) -> IdempotencyKey | None:
    """The client's key; None when there is none. Raises `AppError` (VALIDATION)."""
    if not request.key:
        return None
    if len(request.key) > 255 or not all(" " <= character <= "~" for character in request.key):
        raise AppError.field("/idempotency_key", "An Idempotency-Key is 1 to 255 printable ASCII characters.")
    if len(request.body_sha256) != _SHA256_BYTES or not 1 <= len(request.route) <= 255:
        raise AppError.field("/idempotency", "An idempotency key needs its route and the SHA-256 of the body.")
    return IdempotencyKey(storable(request.route, 255), request.key, request.body_sha256)


def worker(request: jobs_pb2.ClaimNextRequest) -> Worker:
    """Who asks for work. Raises `AppError` (VALIDATION)."""
    return Worker(
        worker_id=worker_id(request.worker_id),
        free_budget=request.free_budget,
        idle=request.worker_idle,
        resident_models=frozenset(request.resident_models),
        total_budget=request.total_budget,
    )


def worker_id(text: str) -> str:
    """The id of a worker process. Raises `AppError` (VALIDATION)."""
    if not 1 <= len(text) <= 255:
        raise AppError.field("/worker_id", "The worker id has to be 1 to 255 characters long.")
    return storable(text, 255)


def held_lease(lease_id: str, fencing_token: int) -> HeldLease:
    """What a worker shows."""
    return HeldLease(parse_id(lease_id) or _NOBODY, fencing_token)


def beat(request: jobs_pb2.LeaseBeat) -> Beat | None:
    """One lease to renew; None when its ids cannot be any."""
    job_id, lease_id = parse_id(request.job_id), parse_id(request.lease_id)
    if job_id is None or lease_id is None:
        return None
    return Beat(
        job_id=job_id,
        lease_id=lease_id,
        fencing_token=request.fencing_token,
        progress=fraction(request.progress),
        stage=storable(request.stage, 200),
        eta_seconds=seconds(request.eta_seconds),
    )


def outputs(request: jobs_pb2.CompleteRequest) -> Outputs:
    """What a run made. Raises `AppError` (VALIDATION)."""
    return Outputs(
        tracks=[track_content(content) for content in request.tracks],
        made_ms=milliseconds(request.made_seconds),
        stored_bytes=max(0, request.stored_bytes),
        result=optional_json_object(request.result_json, "/result_json"),
        metrics=optional_json_object(request.metrics_json, "/metrics_json"),
    )


def failure(error: jobs_pb2.JobError) -> JobFailure:
    """Why a run failed."""
    return JobFailure(
        storable(error.code, 64) or "internal",
        storable(error.message, 2000) or "Something went wrong on our side.",
        tuple(
            FieldViolation(storable(item.pointer, _LONGEST_POINTER), storable(item.detail, _LONGEST_DETAIL))
            for item in error.violations[:_MOST_VIOLATIONS]
        ),
    )


def _error(failure: JobFailure) -> jobs_pb2.JobError:
    return jobs_pb2.JobError(code=failure.code, message=failure.message, violations=wire_violations(failure.violations))
