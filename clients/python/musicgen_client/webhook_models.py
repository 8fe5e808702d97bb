"""What the server answers about webhooks, typed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from musicgen_client.answer import Answer


class Webhook(Answer):
    """An address that hears what happens to your jobs; `disabled_reason` says why the platform switched it off."""

    id: str
    url: str = ""
    description: str = ""
    events: list[str] = Field(default_factory=list)
    active: bool = True
    disabled_reason: str | None = None
    created_at: datetime | None = None
    last_succeeded_at: datetime | None = None
    last_failed_at: datetime | None = None


class NewWebhook(Answer):
    """A webhook that was made. The secret is shown this once; a repeated answer lacks it."""

    webhook: Webhook
    secret: str | None = None


class WebhookSecret(Answer):
    """What a webhook's messages are signed with from now on. Shown this once."""

    secret: str


class Delivery(Answer):
    """One message of a webhook and how far it got: pending, succeeded or dead."""

    id: str
    webhook_id: str | None = None
    url: str = ""
    event: str = ""
    payload: dict[str, Any] = Field(default_factory=dict)
    status: str = ""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    response_status: int | None = None
    error: str | None = None
