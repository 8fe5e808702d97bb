"""Webhooks: addresses that hear what happens to your jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, IdempotencyKey, Limit, idempotency_of, known_id
from services.gateway.device import device_of
from services.gateway.responses import also
from services.gateway.schemas.webhooks import (
    Delivery,
    DeliveryList,
    DeliveryStatus,
    NewWebhook,
    Webhook,
    WebhookChange,
    WebhookList,
    WebhookRequest,
    WebhookSecret,
)

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]


@router.get("", dependencies=_READ)
async def list_webhooks(caller: Caller, gateway: Gateway) -> WebhookList:
    """Your webhooks, newest first."""
    return WebhookList(items=[Webhook.from_message(webhook) for webhook in await gateway.webhooks.list(caller)])


@router.post("", status_code=201, dependencies=_WRITE, responses=also(409))
async def create_webhook(
    body: WebhookRequest,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> NewWebhook:
    """Have an address called when something happens to your jobs. At most 10 may exist.

    Messages are signed: see the guide on webhooks. The secret is in this answer and nowhere else; an answer that is
    replayed to the same `Idempotency-Key` lacks it.
    """
    made = await gateway.webhooks.create(
        caller,
        url=body.url,
        description=body.description,
        events=body.events,
        device=device_of(request),
        idempotency=idempotency_of(request, idempotency_key, body),
    )
    if made.replayed:
        response.headers["idempotency-replayed"] = "true"
    return NewWebhook(webhook=Webhook.from_message(made.webhook), secret=made.secret or None)


@router.get("/deliveries/dead", dependencies=_READ)
async def list_dead_letters(caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = "") -> DeliveryList:
    """Messages that were given up, of all your webhooks and of the addresses in your requests, newest first.

    They are kept for 30 days.
    """
    page = await gateway.webhooks.deliveries(caller, webhook_id="", status="dead", limit=limit, cursor=cursor)
    return DeliveryList(
        items=[Delivery.from_message(item) for item in page.deliveries], next_cursor=page.next_cursor or None
    )


@router.post("/deliveries/{delivery_id}/redeliver", status_code=202, dependencies=_WRITE, responses=also(409))
async def redeliver(delivery_id: str, caller: Caller, gateway: Gateway) -> Delivery:
    """Send a message again that arrived or was given up. It keeps its id."""
    return Delivery.from_message(await gateway.webhooks.redeliver(caller, known_id(delivery_id, "delivery")))


@router.get("/{webhook_id}", dependencies=_READ)
async def get_webhook(webhook_id: str, caller: Caller, gateway: Gateway) -> Webhook:
    """One webhook."""
    return Webhook.from_message(await gateway.webhooks.get(caller, known_id(webhook_id, "webhook")))


@router.patch("/{webhook_id}", dependencies=_WRITE)
async def change_webhook(webhook_id: str, body: WebhookChange, caller: Caller, gateway: Gateway) -> Webhook:
    """Change a webhook, switch it off, or on again. What waits for it goes to its new address."""
    changed = await gateway.webhooks.change(
        caller,
        known_id(webhook_id, "webhook"),
        url=body.url,
        description=body.description,
        events=body.events or (),
        active=body.active,
    )
    return Webhook.from_message(changed)


@router.delete("/{webhook_id}", status_code=204, response_class=Response, dependencies=_WRITE)
async def delete_webhook(webhook_id: str, request: Request, caller: Caller, gateway: Gateway) -> None:
    """Remove a webhook, with what waits for it and its deliveries."""
    await gateway.webhooks.delete(caller, known_id(webhook_id, "webhook"), device_of(request))


@router.post("/{webhook_id}/secret", dependencies=_WRITE)
async def renew_webhook_secret(webhook_id: str, request: Request, caller: Caller, gateway: Gateway) -> WebhookSecret:
    """Draw another secret. It replaces the one before, for every attempt from now on."""
    secret = await gateway.webhooks.renew_secret(caller, known_id(webhook_id, "webhook"), device_of(request))
    return WebhookSecret(secret=secret)


@router.post("/{webhook_id}/test", status_code=202, dependencies=_WRITE, responses=also(409))
async def test_webhook(webhook_id: str, caller: Caller, gateway: Gateway) -> Delivery:
    """Send a message of type `webhook.test`. How it went is among the deliveries a moment later."""
    return Delivery.from_message(await gateway.webhooks.test(caller, known_id(webhook_id, "webhook")))


@router.get("/{webhook_id}/deliveries", dependencies=_READ)
async def list_deliveries(
    webhook_id: str,
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 20,
    cursor: Cursor = "",
    status: Annotated[DeliveryStatus | None, Query(description="Only deliveries in this state.")] = None,
) -> DeliveryList:
    """What a webhook was and is to be told, newest first. What arrived is kept for 7 days."""
    page = await gateway.webhooks.deliveries(
        caller, webhook_id=known_id(webhook_id, "webhook"), status=status or "", limit=limit, cursor=cursor
    )
    return DeliveryList(
        items=[Delivery.from_message(item) for item in page.deliveries], next_cursor=page.next_cursor or None
    )
