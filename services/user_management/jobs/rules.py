"""The life of a job as pure functions: every transition that the ledger knows, with time passed in.

    queued ──claim──► running ──complete──► succeeded
      ▲  │               │ ├────fail──────► failed
      │  └──cancel──►    │ └─release/reap─► cancelled (when that was asked for)
      └──release, reap───┘

The repository loads a row under a lock, applies one of these functions and writes what changed; so what is tested
here is what runs. A function raises `AppError` (STALE_LEASE) instead of changing a job that the caller no longer
holds.

A cancel that was accepted wins over a completion that comes after it: whoever cancelled gets no track and pays
nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from services.shared.errors import AppError, ErrorCode, FieldViolation

MAX_CRASHES: Final = 3
LEASE_SECONDS: Final = 10.0
# Live audio of an ended job may be read for 15 minutes; after that, what no track refers to is deleted.
CLEANUP_DELAY: Final = timedelta(minutes=20)

WORKER_CRASHED: Final = "worker-crashed"


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to the job any more."""
        return self in _ENDED


_ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class JobFailure:
    """Why a job failed: a stable slug, a sentence for people, and the fields of the request that are to blame."""

    code: str
    message: str
    violations: tuple[FieldViolation, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the ledger. Field by field the columns of table `jobs`.

    `crashes` counts workers that died with the job, `runs` counts claims. `fencing_token` grows with every claim and
    every reap. `lease_id` stays after the end, so that a repeated call of the last holder is recognised.
    `reserved_ms` is what the quota holds for the job; `overtaken` counts how often affinity let another job pass;
    `promised_to` is a busy worker that takes nothing else until it can run this job. `stored_bytes` is what the job is
    expected to take in storage until it ends, and what it took from then on. `webhook_url` hears of its end.
    """

    id: UUID
    owner_id: UUID
    kind: str
    queue: str
    created_at: datetime
    queued_at: datetime
    request: dict[str, Any] = field(default_factory=dict)
    status: Status = Status.QUEUED
    priority: int = 0
    cost: int = 1
    model: str = ""
    webhook_url: str = ""
    reserved_ms: int = 0
    progress: float = 0.0
    stage: str = ""
    eta_seconds: float = 0.0
    crashes: int = 0
    runs: int = 0
    fencing_token: int = 0
    lease_id: UUID | None = None
    lease_worker: str = ""
    lease_expires_at: datetime | None = None
    cancel_requested: bool = False
    error_code: str = ""
    error_message: str = ""
    error_violations: tuple[FieldViolation, ...] = ()
    result: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    track_ids: tuple[UUID, ...] = ()
    overtaken: int = 0
    promised_to: str = ""
    promised_until: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cleanup_due_at: datetime | None = None
    stored_bytes: int = 0

    @property
    def run_alone(self) -> bool:
        """Whether the job crashed a worker before: it then takes no batch-mates with it."""
        return self.crashes > 0

    @property
    def failure(self) -> JobFailure | None:
        """Why it failed; None unless it did."""
        if self.status is not Status.FAILED:
            return None
        return JobFailure(self.error_code, self.error_message, self.error_violations)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is asked for."""

    kind: str
    queue: str
    request: dict[str, Any]
    priority: int = 0
    cost: int = 1
    reserve_ms: int = 0
    model: str = ""
    reserve_bytes: int = 0
    webhook_url: str = ""


@dataclass(frozen=True, slots=True)
class HeldLease:
    """What a worker shows to prove that a job is its own."""

    lease_id: UUID
    fencing_token: int


def claim(job: Job, *, lease_id: UUID, worker_id: str, now: datetime, lease_seconds: float = LEASE_SECONDS) -> Job:
    """Lease a queued job to a worker."""
    if job.status is not Status.QUEUED:
        raise AppError(ErrorCode.CONFLICT, "The job is not waiting for a worker.")
    return replace(
        job,
        status=Status.RUNNING,
        runs=job.runs + 1,
        fencing_token=job.fencing_token + 1,
        lease_id=lease_id,
        lease_worker=worker_id,
        lease_expires_at=now + timedelta(seconds=lease_seconds),
        started_at=job.started_at or now,
        progress=0.0,
        stage="",
        eta_seconds=0.0,
        promised_to="",
        promised_until=None,
    )


def renew(
    job: Job,
    held: HeldLease,
    *,
    progress: float,
    stage: str,
    eta_seconds: float,
    now: datetime,
    lease_seconds: float = LEASE_SECONDS,
) -> Job:
    """Prolong a lease and note the progress, which never falls within an attempt.

    A lease that ran out but was not taken away yet is still its holder's: nobody else can have begun.
    """
    _demand(job, held)
    return replace(
        job,
        lease_expires_at=now + timedelta(seconds=lease_seconds),
        progress=max(job.progress, fraction(progress)),
        stage=stage or job.stage,
        eta_seconds=seconds(eta_seconds),
    )


def complete(
    job: Job,
    held: HeldLease,
    *,
    now: datetime,
    track_ids: tuple[UUID, ...] = (),
    result: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    stored_bytes: int = 0,
) -> Job:
    """End a job well, or as cancelled when its owner asked for that first. The same call again changes nothing."""
    if _ended_by(job, held, Status.SUCCEEDED, Status.CANCELLED):
        return job
    _demand(job, held)
    if job.cancel_requested:
        return _end(job, Status.CANCELLED, now)
    ended = _end(job, Status.SUCCEEDED, now)
    return replace(
        ended, progress=1.0, track_ids=track_ids, result=result, metrics=metrics, stored_bytes=max(0, stored_bytes)
    )


def fail(job: Job, held: HeldLease, failure: JobFailure, *, now: datetime) -> Job:
    """End a job with an error, or as cancelled when its owner asked for that first. Repeatable."""
    if _ended_by(job, held, Status.FAILED, Status.CANCELLED):
        return job
    _demand(job, held)
    return _end(job, Status.CANCELLED, now) if job.cancel_requested else _failed(job, failure, now)


def release(job: Job, held: HeldLease, *, now: datetime) -> Job:
    """Put a job back unharmed, or end it when its owner asked for that. Repeatable until the next claim."""
    if _ended_by(job, held, Status.QUEUED, Status.CANCELLED):
        return job
    _demand(job, held)
    return _end(job, Status.CANCELLED, now) if job.cancel_requested else _requeue(job, now)


def cancel(job: Job, *, now: datetime) -> Job:
    """End a queued job at once; ask a running one's worker. An ended one stays as it is."""
    if job.status is Status.QUEUED:
        return replace(_end(job, Status.CANCELLED, now), cancel_requested=True)
    return job if job.status.ended else replace(job, cancel_requested=True)


def expired(job: Job, now: datetime) -> bool:
    """Whether a running job's worker has let its lease run out."""
    return job.status is Status.RUNNING and job.lease_expires_at is not None and job.lease_expires_at <= now


def take_away(job: Job, *, now: datetime, max_crashes: int = MAX_CRASHES) -> Job:
    """Take a running job from a worker that is dead or silent: a crash, after three of which the job fails.

    The fencing token grows here too, so that whatever the old worker still does is refused at once and not only after
    the next claim.
    """
    if job.status is not Status.RUNNING:
        return job
    taken = replace(job, fencing_token=job.fencing_token + 1)
    if job.cancel_requested:
        return _end(taken, Status.CANCELLED, now)
    taken = replace(taken, crashes=job.crashes + 1)
    if taken.crashes < max_crashes:
        return replace(_requeue(taken, now), lease_id=None)
    times = {1: "once", 2: "twice"}.get(max_crashes, f"{max_crashes} times")
    message = (
        f"The worker stopped {times} while it made this, so it was given up. "
        "Try again with a shorter duration, another prompt or another model."
    )
    return _failed(taken, JobFailure(WORKER_CRASHED, message), now)


def fraction(value: float) -> float:
    """`value` within 0 to 1; what is no number is 0."""
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0


def seconds(value: float) -> float:
    """`value` when it is a finite positive number, else 0 (not known)."""
    return value if math.isfinite(value) and value > 0 else 0.0


def _demand(job: Job, held: HeldLease) -> None:
    if job.status is not Status.RUNNING or not _shown(job, held):
        raise AppError(
            ErrorCode.STALE_LEASE,
            "The job is no longer leased to this worker: drop the work.",
            job_id=str(job.id),
            status=job.status.value,
        )


def _shown(job: Job, held: HeldLease) -> bool:
    return job.lease_id == held.lease_id and job.fencing_token == held.fencing_token


def _ended_by(job: Job, held: HeldLease, *outcomes: Status) -> bool:
    return job.status in outcomes and _shown(job, held)


def _requeue(job: Job, now: datetime) -> Job:
    return replace(
        job,
        status=Status.QUEUED,
        queued_at=now,
        lease_expires_at=None,
        progress=0.0,
        stage="",
        eta_seconds=0.0,
    )


def _failed(job: Job, failure: JobFailure, now: datetime) -> Job:
    return replace(
        _end(job, Status.FAILED, now),
        error_code=failure.code,
        error_message=failure.message,
        error_violations=failure.violations,
    )


def _end(job: Job, status: Status, now: datetime) -> Job:
    return replace(
        job,
        status=status,
        finished_at=now,
        lease_expires_at=None,
        eta_seconds=0.0,
        stage="",
        promised_to="",
        promised_until=None,
        cleanup_due_at=now + CLEANUP_DELAY,
        stored_bytes=0,
    )
