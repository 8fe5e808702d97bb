"""Which events follow from a job's change: pure functions, used when it happens and when a watcher missed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.user_management.jobs.document import failure_document, job_document, status_document
from services.user_management.jobs.rules import Job, Status

Event = tuple[str, dict[str, Any]]

# How a live channel ends; a job that goes back to the queue leaves it open for the next attempt.
CHANNEL_STATES = {Status.SUCCEEDED: "closed", Status.FAILED: "failed", Status.CANCELLED: "cancelled"}


def status_event(job: Job) -> Event:
    """Tells the new status."""
    return "status", status_document(job)


def ending_events(job: Job) -> list[Event]:
    """The events of an ended job; the last is terminal."""
    events = [status_event(job)]
    if job.status is Status.SUCCEEDED:
        events.append(("done", job_document(job)))
    elif job.failure is not None:
        events.append(("error", failure_document(job.failure)))
    return events


def is_terminal(kind: str, data: Mapping[str, Any]) -> bool:
    """Whether no event follows: `done`, `error`, and for a cancelled job its `status`."""
    return kind in {"done", "error"} or (kind == "status" and data.get("status") == Status.CANCELLED.value)
