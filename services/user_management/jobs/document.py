"""A job as a JSON document: what its events carry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.user_management.jobs.rules import Job, JobFailure


def job_document(job: Job) -> dict[str, Any]:
    """The whole job: the fields of `musicgen.users.v1.Job` by their names, JSON fields decoded, times in RFC 3339."""
    failure = job.failure
    return {
        "id": str(job.id),
        "owner_id": str(job.owner_id),
        "kind": job.kind,
        "queue": job.queue,
        "status": job.status.value,
        "progress": job.progress,
        "stage": job.stage,
        "queue_position": 0,
        "eta_seconds": job.eta_seconds,
        "attempts": job.crashes,
        "error": failure_document(failure) if failure else None,
        "request": job.request,
        "model": job.model,
        "track_ids": [str(track_id) for track_id in job.track_ids],
        "result": job.result,
        "metrics": job.metrics,
        "cancel_requested": job.cancel_requested,
        "created_at": _instant(job.created_at),
        "started_at": _instant(job.started_at),
        "finished_at": _instant(job.finished_at),
    }


def failure_document(failure: JobFailure) -> dict[str, Any]:
    """Why a job failed; what an `error` event carries."""
    violations = [{"pointer": item.pointer, "detail": item.detail} for item in failure.violations]
    return {"code": failure.code, "message": failure.message, "violations": violations}


def status_document(job: Job) -> dict[str, Any]:
    """What a `status` event carries."""
    return {
        "status": job.status.value,
        "attempts": job.crashes,
        "progress": job.progress,
        "cancel_requested": job.cancel_requested,
    }


def _instant(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None
