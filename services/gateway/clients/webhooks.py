"""user_management's webhooks, as the gateway calls them."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import accounts_pb2, jobs_pb2, webhooks_pb2, webhooks_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal

Device = accounts_pb2.Device


class WebhooksClient:
    """Every call is made as the webhooks' owner."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = webhooks_pb2_grpc.WebhookServiceStub(channel)
        self._tokens = tokens

    async def create(
        self,
        caller: Principal,
        *,
        url: str,
        description: str,
        events: Sequence[str],
        device: Device,
        idempotency: jobs_pb2.Idempotency | None,
    ) -> webhooks_pb2.CreateWebhookResponse:
        """Add a webhook. Never repeated by itself: a second answer would lack the secret."""
        request = webhooks_pb2.CreateWebhookRequest(
            url=url, description=description, events=events, device=device, idempotency=idempotency
        )
        response: webhooks_pb2.CreateWebhookResponse = await call(
            self._stub.CreateWebhook, request, token=self._tokens.token(caller)
        )
        return response

    async def list(self, caller: Principal) -> Sequence[webhooks_pb2.Webhook]:
        """The caller's webhooks, newest first."""
        response: webhooks_pb2.ListWebhooksResponse = await call(
            self._stub.ListWebhooks,
            webhooks_pb2.ListWebhooksRequest(),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.webhooks

    async def get(self, caller: Principal, webhook_id: str) -> webhooks_pb2.Webhook:
        """One webhook."""
        response: webhooks_pb2.GetWebhookResponse = await call(
            self._stub.GetWebhook,
            webhooks_pb2.GetWebhookRequest(webhook_id=webhook_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.webhook

    async def change(
        self,
        caller: Principal,
        webhook_id: str,
        *,
        url: str | None,
        description: str | None,
        events: Sequence[str],
        active: bool | None,
    ) -> webhooks_pb2.Webhook:
        """Change what is given."""
        request = webhooks_pb2.UpdateWebhookRequest(
            webhook_id=webhook_id, url=url, description=description, events=events, active=active
        )
        response: webhooks_pb2.UpdateWebhookResponse = await call(
            self._stub.UpdateWebhook, request, token=self._tokens.token(caller), retries=RETRIES
        )
        return response.webhook

    async def delete(self, caller: Principal, webhook_id: str, device: Device) -> None:
        """Remove a webhook."""
        request = webhooks_pb2.DeleteWebhookRequest(webhook_id=webhook_id, device=device)
        await call(self._stub.DeleteWebhook, request, token=self._tokens.token(caller))

    async def renew_secret(self, caller: Principal, webhook_id: str, device: Device) -> str:
        """Another secret; without an id of what signs messages to addresses in requests."""
        request = webhooks_pb2.RenewWebhookSecretRequest(webhook_id=webhook_id, device=device)
        response: webhooks_pb2.RenewWebhookSecretResponse = await call(
            self._stub.RenewWebhookSecret, request, token=self._tokens.token(caller)
        )
        return response.secret

    async def test(self, caller: Principal, webhook_id: str) -> webhooks_pb2.Delivery:
        """Send a message that tells nothing."""
        request = webhooks_pb2.TestWebhookRequest(webhook_id=webhook_id)
        response: webhooks_pb2.TestWebhookResponse = await call(
            self._stub.TestWebhook, request, token=self._tokens.token(caller)
        )
        return response.delivery

    async def deliveries(
        self, caller: Principal, *, webhook_id: str, status: str, limit: int, cursor: str
    ) -> webhooks_pb2.ListDeliveriesResponse:
        """One page of a webhook's deliveries; without an id of those that were given up by any."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: webhooks_pb2.ListDeliveriesResponse = await call(
            self._stub.ListDeliveries,
            webhooks_pb2.ListDeliveriesRequest(page=page, webhook_id=webhook_id, status=status),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def redeliver(self, caller: Principal, delivery_id: str) -> webhooks_pb2.Delivery:
        """Send a message that has ended again."""
        request = webhooks_pb2.RedeliverRequest(delivery_id=delivery_id)
        response: webhooks_pb2.RedeliverResponse = await call(
            self._stub.Redeliver, request, token=self._tokens.token(caller)
        )
        return response.delivery
