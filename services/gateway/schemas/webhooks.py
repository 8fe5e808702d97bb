"""Bodies of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from protos.users.v1 import webhooks_pb2
from services.gateway.schemas.body import Body, Line
from services.gateway.schemas.times import optional_datetime, to_datetime

WebhookEvent = Literal["job.queued", "job.started", "job.succeeded", "job.failed", "job.cancelled"]
DeliveryStatus = Literal["pending", "succeeded", "dead"]

Url = Annotated[
    Line,
    Field(
        min_length=1,
        max_length=2_000,
        description="An https address on the public internet. Redirects are not followed.",
        examples=["https://example.org/hooks/music"],
    ),
]
Description = Annotated[Line, Field(max_length=200, description="For yourself.")]
Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=16, examples=[["job.succeeded", "job.failed"]])]


class WebhookRequest(Body):
    """A webhook to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://example.org/hooks/music", "events": ["job.succeeded", "job.failed"]}]
        }
    )

    url: Url
    events: Events
    description: Description = ""


class WebhookChange(Body):
    """What is to change about a webhook."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": True}, {"events": ["job.failed"]}]})

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    active: Annotated[bool | None, Field(description="Switching on forgets past failures.")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in (self.url, self.events, self.description, self.active)):
            raise ValueError("Give what is to change.")
        return self


class Webhook(BaseModel):
    """An address that hears what happens to your jobs."""

    id: str
    url: Annotated[str, Field(examples=["https://example.org/hooks/music"])]
    description: str
    events: Annotated[list[str], Field(examples=[["job.succeeded", "job.failed"]])]
    active: bool
    disabled_reason: Annotated[str | None, Field(description="Why the platform switched it off; null: it did not.")]
    created_at: datetime
    last_succeeded_at: datetime | None
    last_failed_at: datetime | None

    @classmethod
    def from_message(cls, message: webhooks_pb2.Webhook) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            url=message.url,
            description=message.description,
            events=list(message.events),
            active=message.active,
            disabled_reason=message.disabled_reason or None,
            created_at=to_datetime(message.created_at),
            last_succeeded_at=optional_datetime(message, "last_succeeded_at"),
            last_failed_at=optional_datetime(message, "last_failed_at"),
        )


class NewWebhook(BaseModel):
    """A webhook that was made."""

    webhook: Webhook
    secret: Annotated[
        str | None,
        Field(description="Verifies messages. Shown this once; null in a replayed answer.", examples=["whs_3q2…"]),
    ]


class WebhookList(BaseModel):
    """Your webhooks, newest first."""

    items: list[Webhook]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None


class WebhookSecret(BaseModel):
    """What verifies messages from now on."""

    secret: Annotated[str, Field(description="Shown this once.", examples=["whs_3q2…"])]


class Delivery(BaseModel):
    """One message and how far it got."""

    id: Annotated[str, Field(description="The message's own, the same in every attempt.")]
    webhook_id: Annotated[str | None, Field(description="Null: a request named the address itself.")]
    url: Annotated[str, Field(examples=["https://example.org/hooks/music"])]
    event: Annotated[str, Field(examples=["job.succeeded"])]
    payload: Annotated[dict[str, Any], Field(description="The body that is sent.")]
    status: Annotated[DeliveryStatus, Field(description="`dead`: given up.")]
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    response_status: Annotated[int | None, Field(description="Of the last attempt; null: no answer.", examples=[200])]
    error: Annotated[str | None, Field(description="Why the last attempt failed.")]

    @classmethod
    def from_message(cls, message: webhooks_pb2.Delivery) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            webhook_id=message.webhook_id or None,
            url=message.url,
            event=message.event,
            payload=orjson.loads(message.body_json or "{}"),
            status=message.status,  # type: ignore[arg-type] # checked by the model
            attempts=message.attempts,
            next_attempt_at=optional_datetime(message, "due_at"),
            created_at=to_datetime(message.created_at),
            finished_at=optional_datetime(message, "finished_at"),
            response_status=message.response_status or None,
            error=message.error or None,
        )


class DeliveryList(BaseModel):
    """One page of deliveries, newest first."""

    items: list[Delivery]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]
