"""Puts what happened to jobs into the outbox, in the transaction in which it happens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.auth.sealing import Sealer
from services.user_management.background.app import BACKGROUND, DELIVER
from services.user_management.background.sender import BackgroundTasks
from services.user_management.jobs.rules import Job, Status
from services.user_management.webhooks.repository import Message, WebhookRepository
from services.user_management.webhooks.rules import ENDINGS, MOST_PENDING, Event, new_secret, target_of

_ENDED_AS: Final = {
    Status.SUCCEEDED: Event.JOB_SUCCEEDED,
    Status.FAILED: Event.JOB_FAILED,
    Status.CANCELLED: Event.JOB_CANCELLED,
}


class JobOutbox:
    """`private`: whether the operator lets webhooks call networks of their own."""

    def __init__(self, sealer: Sealer, tasks: BackgroundTasks, *, private: bool) -> None:
        self._sealer = sealer
        self._tasks = tasks
        self._private = private
        self._told: set[UUID] = set()

    def check(self, url: str) -> None:
        """Raise `AppError` (VALIDATION) for a `webhook_url` that may not be called."""
        target_of(url, private=self._private, pointer="/webhook_url")

    async def tell(self, connection: AsyncConnection, before: Job | None, after: Job) -> int:
        """Note whom to tell of a change; how many messages that are. Works within the caller's transaction."""
        event = event_of(before, after)
        if event is None:
            return 0
        webhooks = WebhookRepository(connection)
        listeners = [(webhook_id, "") for webhook_id in await webhooks.listening(after.owner_id, event.value)]
        if after.webhook_url and event in ENDINGS:
            webhook_id = await one_off(connection, self._sealer, after.owner_id)
            # As for webhooks: what nobody hears must not pile up without end.
            if await webhooks.waiting(webhook_id, MOST_PENDING) < MOST_PENDING:
                listeners.append((webhook_id, after.webhook_url))
        data = {"job": job_data(after)}
        await webhooks.post(
            [message(webhook_id, after.owner_id, event.value, data, url=url) for webhook_id, url in listeners]
        )
        if listeners:
            self._told.add(after.id)
        return len(listeners)

    def ring(self, job_id: UUID) -> None:
        """Have what `tell` noted about a job sent now that it is committed. What is missed goes with the next look."""
        if job_id in self._told:
            self._told.discard(job_id)
            self._tasks.post(DELIVER, queue=BACKGROUND)


async def one_off(connection: AsyncConnection, sealer: Sealer, owner_id: UUID) -> UUID:
    """What signs messages to addresses that requests name themselves; made at its first use."""
    webhooks = WebhookRepository(connection)
    found = await webhooks.one_off(owner_id)
    if found is None:
        webhook_id = UUID(new_id())
        await webhooks.make_one_off(webhook_id, owner_id, sealer.seal(webhook_id, new_secret().encode("ascii")))
        # Another transaction may have been first.
        found = await webhooks.one_off(owner_id)
    if found is None:
        raise AssertionError("It was made, or was there.")
    return found


def event_of(before: Job | None, after: Job) -> Event | None:
    """What a change is called; None for what is not told. A job that starts again after a crash starts once."""
    if before is None:
        return Event.JOB_QUEUED
    if after.status.ended and not before.status.ended:
        return _ENDED_AS[after.status]
    if after.status is Status.RUNNING and before.started_at is None:
        return Event.JOB_STARTED
    return None


def message(webhook_id: UUID, owner_id: UUID, event: str, data: dict[str, Any], *, url: str = "") -> Message:
    """A message with an id of its own."""
    message_id = UUID(new_id())
    document = {"id": str(message_id), "type": event, "created_at": _instant(datetime.now(UTC)), "data": data}
    return Message(message_id, webhook_id, owner_id, event, url, document)


def job_data(job: Job) -> dict[str, Any]:
    """How a job stands: not what it is about, which is for its owner's eyes."""
    path = f"/api/v1/jobs/{job.id}"
    failure = job.failure
    return {
        "id": str(job.id),
        "kind": job.kind,
        "status": job.status.value,
        "attempts": job.crashes,
        "error": {"type": f"/problems/{failure.code}", "detail": failure.message} if failure else None,
        "track_ids": [str(track_id) for track_id in job.track_ids],
        "created_at": _instant(job.created_at),
        "started_at": _instant(job.started_at),
        "finished_at": _instant(job.finished_at),
        "links": {"self": path} | ({"track": f"/api/v1/tracks/{job.track_ids[0]}"} if job.track_ids else {}),
    }


def _instant(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None
