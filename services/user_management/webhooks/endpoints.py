"""What people do with their webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.sealing import Sealer
from services.user_management.background.app import BACKGROUND, DELIVER
from services.user_management.background.sender import BackgroundTasks
from services.user_management.database import Database
from services.user_management.jobs.idempotency import IdempotencyKey, IdempotencyRepository
from services.user_management.webhooks.outbox import message, one_off
from services.user_management.webhooks.repository import WebhookRepository
from services.user_management.webhooks.rules import (
    LONGEST_DESCRIPTION,
    MOST_TESTS_WAITING,
    MOST_WEBHOOKS,
    TEST_EVENT,
    checked_events,
    new_secret,
    target_of,
)
from services.user_management.webhooks.webhook import Delivery, Webhook

STATUSES = ("pending", "succeeded", "dead")


@dataclass(frozen=True, slots=True)
class Made:
    """A webhook with its secret; without, when it was made by an earlier call of the same key."""

    webhook: Webhook
    secret: str = ""


class Webhooks:
    """Every method raises `AppError`; NOT_FOUND for what is somebody else's."""

    def __init__(self, database: Database, sealer: Sealer, tasks: BackgroundTasks, *, private: bool) -> None:
        self._database = database
        self._sealer = sealer
        self._tasks = tasks
        self._private = private

    async def make(
        self,
        actor: Actor,
        owner_id: UUID,
        *,
        url: str,
        description: str,
        events: Sequence[str],
        key: IdempotencyKey | None,
    ) -> Made:
        """A new webhook and its secret, which is shown this once. CONFLICT when there are too many."""
        target_of(url, private=self._private)
        wanted = checked_events(list(events))
        about = _description(description)
        webhook_id, secret = UUID(new_id()), new_secret()

        async def work(connection: AsyncConnection) -> Made:
            webhooks = WebhookRepository(connection)
            await webhooks.lock_owner(owner_id)
            if key is not None:
                earlier_id = await IdempotencyRepository(connection).claim(owner_id, key, webhook_id)
                earlier = await webhooks.get(earlier_id, owner_id) if earlier_id else None
                if earlier is not None:
                    return Made(earlier)
            if await webhooks.count(owner_id) >= MOST_WEBHOOKS:
                raise AppError(ErrorCode.CONFLICT, f"At most {MOST_WEBHOOKS} webhooks may exist. Remove one first.")
            made = await webhooks.insert(
                webhook_id,
                owner_id,
                url=url,
                description=about,
                events=wanted,
                sealed=self._sealer.seal(webhook_id, secret.encode("ascii")),
            )
            await AuditLog(connection).append(Entry(Action.WEBHOOK_MADE, actor, details={"webhook_id": str(made.id)}))
            return Made(made, secret)

        return await self._database.write(work)

    async def of(self, owner_id: UUID) -> list[Webhook]:
        """The owner's, newest first."""
        return await self._database.read(lambda connection: WebhookRepository(connection).of_owner(owner_id))

    async def get(self, owner_id: UUID, webhook_id: UUID) -> Webhook:
        """One of the owner's."""
        found = await self._database.read(lambda connection: WebhookRepository(connection).get(webhook_id, owner_id))
        return _known(found)

    async def change(
        self,
        owner_id: UUID,
        webhook_id: UUID,
        *,
        url: str | None,
        description: str | None,
        events: Sequence[str],
        active: bool | None,
    ) -> Webhook:
        """Change what is given. Switching on forgets past failures."""
        values: dict[str, Any] = {}
        if url is not None:
            target_of(url, private=self._private)
            values["url"] = url
        if description is not None:
            values["description"] = _description(description)
        if events:
            values["events"] = checked_events(list(events))
        if active is not None:
            values["active"] = active
            values["disabled_reason"] = ""
        if active:
            values["dead_in_a_row"] = 0
        if not values:
            return await self.get(owner_id, webhook_id)

        async def work(connection: AsyncConnection) -> Webhook | None:
            return await WebhookRepository(connection).change(webhook_id, owner_id, values)

        changed = _known(await self._database.write(work, repeatable=True))
        if active:
            self._ring()
        return changed

    async def remove(self, actor: Actor, owner_id: UUID, webhook_id: UUID) -> None:
        """Remove one, with what waits for it."""

        async def work(connection: AsyncConnection) -> None:
            if not await WebhookRepository(connection).delete(webhook_id, owner_id):
                raise _no_such_webhook()
            details = {"webhook_id": str(webhook_id)}
            await AuditLog(connection).append(Entry(Action.WEBHOOK_REMOVED, actor, details=details))

        await self._database.write(work)

    async def renew_secret(self, actor: Actor, owner_id: UUID, webhook_id: UUID | None) -> str:
        """Another secret, from the next attempt on; of addresses that requests name themselves when there is no id."""
        secret = new_secret()

        async def work(connection: AsyncConnection) -> None:
            webhooks = WebhookRepository(connection)
            if webhook_id is None:
                target_id = await one_off(connection, self._sealer, owner_id)
            else:
                target_id = _known(await webhooks.get(webhook_id, owner_id)).id
            await webhooks.set_secret(target_id, self._sealer.seal(target_id, secret.encode("ascii")))
            details = {"webhook_id": str(webhook_id or "")}
            await AuditLog(connection).append(Entry(Action.WEBHOOK_SECRET_RENEWED, actor, details=details))

        await self._database.write(work)
        return secret

    async def test(self, owner_id: UUID, webhook_id: UUID) -> Delivery:
        """Send a message that tells nothing."""

        async def work(connection: AsyncConnection) -> Delivery | None:
            webhooks = WebhookRepository(connection)
            _on(_known(await webhooks.get(webhook_id, owner_id)))
            if await webhooks.waiting(webhook_id, MOST_TESTS_WAITING) >= MOST_TESTS_WAITING:
                raise AppError(ErrorCode.CONFLICT, "Messages wait for this address already. Test it when they went.")
            sent = message(webhook_id, owner_id, TEST_EVENT, {})
            await webhooks.post([sent])
            return await webhooks.delivery(sent.id, owner_id)

        delivery = await self._database.write(work)
        self._ring()
        return _known_delivery(delivery)

    async def deliveries(
        self, owner_id: UUID, *, webhook_id: UUID | None, status: str, before_id: UUID | None, limit: int
    ) -> list[Delivery]:
        """What was and is to be told, newest first: by one webhook, or what was given up by any."""
        if status and status not in STATUSES:
            raise AppError.field("/status", f"A status is one of {', '.join(STATUSES)}.")

        async def query(connection: AsyncConnection) -> list[Delivery]:
            webhooks = WebhookRepository(connection)
            if webhook_id is not None:
                _known(await webhooks.get(webhook_id, owner_id))
            return await webhooks.deliveries(
                owner_id,
                webhook_id=webhook_id,
                status=status if webhook_id is not None else "dead",
                before_id=before_id,
                limit=limit,
            )

        return await self._database.read(query)

    async def redeliver(self, owner_id: UUID, delivery_id: UUID) -> Delivery:
        """Send a message that has ended again, under its own id."""

        async def work(connection: AsyncConnection) -> Delivery | None:
            webhooks = WebhookRepository(connection)
            delivery = _known_delivery(await webhooks.delivery(delivery_id, owner_id, locked=True))
            if delivery.webhook_id is not None:
                _on(_known(await webhooks.get(delivery.webhook_id, owner_id)))
            if delivery.status == "pending":
                raise AppError(ErrorCode.CONFLICT, "This message is still being tried. Wait for its end.")
            await webhooks.send_again(delivery_id)
            return await webhooks.delivery(delivery_id, owner_id)

        delivery = await self._database.write(work)
        self._ring()
        return _known_delivery(delivery)

    def _ring(self) -> None:
        self._tasks.post(DELIVER, queue=BACKGROUND)


def _description(text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION:
        raise AppError.field("/description", f"A description has at most {LONGEST_DESCRIPTION} characters.")
    return text


def _on(webhook: Webhook) -> None:
    if not webhook.active:
        raise AppError(ErrorCode.CONFLICT, "This webhook is switched off. Switch it on first: PATCH active to true.")


def _known(webhook: Webhook | None) -> Webhook:
    if webhook is None:
        raise _no_such_webhook()
    return webhook


def _no_such_webhook() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no webhook of this id.")


def _known_delivery(delivery: Delivery | None) -> Delivery:
    if delivery is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is no delivery of this id.")
    return delivery
