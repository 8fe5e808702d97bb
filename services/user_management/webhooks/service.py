"""`musicgen.users.v1.WebhookService`: reads messages, asks the use cases, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any
from uuid import UUID

from protos.users.v1 import webhooks_pb2, webhooks_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts.wire import actor_of
from services.user_management.callers import user_id
from services.user_management.jobs.wire import idempotency_key
from services.user_management.webhooks.endpoints import Webhooks
from services.user_management.webhooks.webhook import Delivery, Webhook
from services.user_management.wire import cursor_id, cursor_of, fitting, page_limit, parse_id, storable, timestamp

Context = Any


class WebhookServicer(webhooks_pb2_grpc.WebhookServiceServicer):
    """Every call is the owner's."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def CreateWebhook(
        self, request: webhooks_pb2.CreateWebhookRequest, context: Context
    ) -> webhooks_pb2.CreateWebhookResponse:
        """Add a webhook."""
        made = await self._webhooks.make(
            actor_of(request.device),
            user_id(),
            url=request.url,
            description=storable(request.description, len(request.description)),
            events=request.events,
            key=idempotency_key(request.idempotency),
        )
        return webhooks_pb2.CreateWebhookResponse(
            webhook=_webhook_message(made.webhook), secret=made.secret, replayed=not made.secret
        )

    async def ListWebhooks(
        self, request: webhooks_pb2.ListWebhooksRequest, context: Context
    ) -> webhooks_pb2.ListWebhooksResponse:
        """The caller's webhooks."""
        found = await self._webhooks.of(user_id())
        return webhooks_pb2.ListWebhooksResponse(webhooks=[_webhook_message(webhook) for webhook in found])

    async def GetWebhook(
        self, request: webhooks_pb2.GetWebhookRequest, context: Context
    ) -> webhooks_pb2.GetWebhookResponse:
        """One webhook."""
        found = await self._webhooks.get(user_id(), _webhook_id(request.webhook_id))
        return webhooks_pb2.GetWebhookResponse(webhook=_webhook_message(found))

    async def UpdateWebhook(
        self, request: webhooks_pb2.UpdateWebhookRequest, context: Context
    ) -> webhooks_pb2.UpdateWebhookResponse:
        """Change a webhook."""
        described = request.HasField("description")
        changed = await self._webhooks.change(
            user_id(),
            _webhook_id(request.webhook_id),
            url=request.url if request.HasField("url") else None,
            description=storable(request.description, len(request.description)) if described else None,
            events=request.events,
            active=request.active if request.HasField("active") else None,
        )
        return webhooks_pb2.UpdateWebhookResponse(webhook=_webhook_message(changed))

    async def DeleteWebhook(
        self, request: webhooks_pb2.DeleteWebhookRequest, context: Context
    ) -> webhooks_pb2.DeleteWebhookResponse:
        """Remove a webhook."""
        await self._webhooks.remove(actor_of(request.device), user_id(), _webhook_id(request.webhook_id))
        return webhooks_pb2.DeleteWebhookResponse()

    async def RenewWebhookSecret(
        self, request: webhooks_pb2.RenewWebhookSecretRequest, context: Context
    ) -> webhooks_pb2.RenewWebhookSecretResponse:
        """Draw another secret."""
        webhook_id = _webhook_id(request.webhook_id) if request.webhook_id else None
        secret = await self._webhooks.renew_secret(actor_of(request.device), user_id(), webhook_id)
        return webhooks_pb2.RenewWebhookSecretResponse(secret=secret)

    async def TestWebhook(
        self, request: webhooks_pb2.TestWebhookRequest, context: Context
    ) -> webhooks_pb2.TestWebhookResponse:
        """Send a message that tells nothing."""
        delivery = await self._webhooks.test(user_id(), _webhook_id(request.webhook_id))
        return webhooks_pb2.TestWebhookResponse(delivery=_delivery_message(delivery))

    async def ListDeliveries(
        self, request: webhooks_pb2.ListDeliveriesRequest, context: Context
    ) -> webhooks_pb2.ListDeliveriesResponse:
        """What was and is to be told."""
        limit = page_limit(request.page.limit)
        found = await self._webhooks.deliveries(
            user_id(),
            webhook_id=_webhook_id(request.webhook_id) if request.webhook_id else None,
            status=request.status,
            before_id=cursor_id(request.page.cursor),
            limit=limit + 1,
        )
        messages = [_delivery_message(delivery) for delivery in found[:limit]]
        count = fitting(messages)
        return webhooks_pb2.ListDeliveriesResponse(
            deliveries=messages[:count], next_cursor=cursor_of(found[count - 1].id) if len(found) > count else ""
        )

    async def Redeliver(
        self, request: webhooks_pb2.RedeliverRequest, context: Context
    ) -> webhooks_pb2.RedeliverResponse:
        """Send a message again."""
        delivery_id = parse_id(request.delivery_id)
        if delivery_id is None:
            raise AppError(ErrorCode.NOT_FOUND, "There is no delivery of this id.")
        delivery = await self._webhooks.redeliver(user_id(), delivery_id)
        return webhooks_pb2.RedeliverResponse(delivery=_delivery_message(delivery))


def _webhook_id(text: str) -> UUID:
    found = parse_id(text)
    if found is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is no webhook of this id.")
    return found


def _webhook_message(webhook: Webhook) -> webhooks_pb2.Webhook:
    return webhooks_pb2.Webhook(
        id=str(webhook.id),
        url=webhook.url,
        description=webhook.description,
        events=webhook.events,
        active=webhook.active,
        disabled_reason=webhook.disabled_reason,
        created_at=timestamp(webhook.created_at),
        last_succeeded_at=timestamp(webhook.last_succeeded_at),
        last_failed_at=timestamp(webhook.last_failed_at),
    )


def _delivery_message(delivery: Delivery) -> webhooks_pb2.Delivery:
    pending = delivery.status == "pending"
    return webhooks_pb2.Delivery(
        id=str(delivery.id),
        webhook_id=str(delivery.webhook_id or ""),
        url=delivery.url,
        event=delivery.event,
        body_json=delivery.body,
        status=delivery.status,
        attempts=delivery.attempts,
        due_at=timestamp(delivery.due_at) if pending else None,
        created_at=timestamp(delivery.created_at),
        finished_at=timestamp(delivery.finished_at),
        response_status=delivery.response_status or 0,
        error=delivery.error,
    )
