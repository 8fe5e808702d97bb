"""Webhooks: addresses that hear what happens to your jobs."""

from __future__ import annotations

from collections.abc import Sequence

from musicgen_client.calls.call import Call, given, once, path_to, read_nothing, reader_of
from musicgen_client.models import Page
from musicgen_client.webhook_models import Delivery, NewWebhook, Webhook, WebhookSecret


def webhooks() -> Call[Page[Webhook]]:
    """Your webhooks, newest first."""
    return Call("GET", path_to("webhooks"), reader_of(Page[Webhook]))


def webhook(webhook_id: str) -> Call[Webhook]:
    """One webhook."""
    return Call("GET", path_to("webhooks", webhook_id), reader_of(Webhook))


def create_webhook(
    url: str, events: Sequence[str], *, description: str | None = None, idempotency_key: str | None = None
) -> Call[NewWebhook]:
    """Have an address called at events such as `job.succeeded`. The secret is in this answer and nowhere else.

    An answer that was lost on its way is repeated without the secret: then draw one with `renew_webhook_secret`.
    """
    body = given(url=url, events=list(events), description=description)
    return Call("POST", path_to("webhooks"), reader_of(NewWebhook), body=body, headers=once(idempotency_key))


def update_webhook(
    webhook_id: str,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    active: bool | None = None,
) -> Call[Webhook]:
    """Change a webhook, switch it off, or on again."""
    wanted = list(events) if events is not None else None
    body = given(url=url, events=wanted, description=description, active=active)
    return Call("PATCH", path_to("webhooks", webhook_id), reader_of(Webhook), body=body)


def delete_webhook(webhook_id: str) -> Call[None]:
    """Remove a webhook, with what waits for it."""
    return Call("DELETE", path_to("webhooks", webhook_id), read_nothing)


def renew_webhook_secret(webhook_id: str | None = None) -> Call[WebhookSecret]:
    """Draw another secret; without an id the one that signs messages to the `webhook_url` of requests."""
    path = path_to("webhooks", webhook_id, "secret") if webhook_id else path_to("users", "me", "webhook-secret")
    return Call("POST", path, reader_of(WebhookSecret))


def test_webhook(webhook_id: str) -> Call[Delivery]:
    """Send a message that tells nothing."""
    return Call("POST", path_to("webhooks", webhook_id, "test"), reader_of(Delivery))


def webhook_deliveries(
    webhook_id: str, *, limit: int = 20, cursor: str | None = None, status: str | None = None
) -> Call[Page[Delivery]]:
    """One page of what a webhook was and is to be told, newest first."""
    params = given(limit=str(limit), cursor=cursor, status=status)
    return Call("GET", path_to("webhooks", webhook_id, "deliveries"), reader_of(Page[Delivery]), params=params)


def dead_letters(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Delivery]]:
    """One page of the messages that were given up, newest first."""
    params = given(limit=str(limit), cursor=cursor)
    return Call("GET", path_to("webhooks", "deliveries", "dead"), reader_of(Page[Delivery]), params=params)


def redeliver(delivery_id: str) -> Call[Delivery]:
    """Send a message again that arrived or was given up."""
    return Call("POST", path_to("webhooks", "deliveries", delivery_id, "redeliver"), reader_of(Delivery))
