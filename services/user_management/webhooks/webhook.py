"""What a webhook and a delivery are, apart from how they are stored and sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that wants to hear of events."""

    id: UUID
    url: str
    description: str
    events: tuple[str, ...]
    active: bool
    disabled_reason: str
    created_at: datetime
    last_succeeded_at: datetime | None
    last_failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message and how far it got. `url` is where it goes; without a `webhook_id` a request named the address."""

    id: UUID
    webhook_id: UUID | None
    url: str
    event: str
    body: str
    status: str
    attempts: int
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    response_status: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is to be sent now, by whoever claimed it; `attempt` counts this one."""

    id: UUID
    webhook_id: UUID
    owner_id: UUID
    url: str
    event: str
    body: str
    secret_sealed: bytes
    attempt: int
