"""SQL of webhooks and of what is to be delivered to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Integer, Interval, any_, case, delete, func, insert, literal, select, text, update
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.metadata import ID
from services.user_management.webhooks.rules import DEAD_IN_A_ROW, MOST_PENDING
from services.user_management.webhooks.tables import webhook_deliveries, webhooks
from services.user_management.webhooks.webhook import Claimed, Delivery, Webhook

# Two of each webhook at most, and a few of each owner, with those that are under way: nobody's slow receivers keep the
# others waiting. Owners take turns, whoever has the least under way first, by lot among equals. The recursion hops
# from webhook to webhook along the index of what is due.
_CLAIM: Final = text(
    """
    WITH RECURSIVE waiting AS (
        (SELECT webhook_id FROM webhook_deliveries WHERE status = 'pending' ORDER BY webhook_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT next.webhook_id FROM webhook_deliveries AS next
            WHERE next.status = 'pending' AND next.webhook_id > waiting.webhook_id ORDER BY next.webhook_id LIMIT 1
        )
        FROM waiting WHERE waiting.webhook_id IS NOT NULL
    ),
    due AS (
        SELECT first.id, coalesce(busy.number, 0) + row_number() OVER (
            PARTITION BY webhooks.owner_id ORDER BY random()
        ) AS turn
        FROM waiting
        JOIN webhooks ON webhooks.id = waiting.webhook_id AND webhooks.active
        LEFT JOIN unnest(:owners, :numbers) AS busy (owner_id, number) ON busy.owner_id = webhooks.owner_id
        CROSS JOIN LATERAL (
            SELECT id FROM webhook_deliveries
            WHERE webhook_id = waiting.webhook_id AND status = 'pending' AND due_at <= now()
            ORDER BY due_at LIMIT :each
        ) AS first
        WHERE coalesce(busy.number, 0) < :of_owner
    ),
    drawn AS (SELECT id FROM due WHERE turn <= :of_owner ORDER BY turn, random() LIMIT :limit),
    locked AS (
        SELECT id FROM webhook_deliveries
        WHERE id IN (SELECT id FROM drawn) AND status = 'pending' AND due_at <= now()
        FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook_deliveries AS taken SET attempts = taken.attempts + 1, due_at = now() + :lease
    FROM locked, webhooks
    WHERE taken.id = locked.id AND webhooks.id = taken.webhook_id
    RETURNING taken.id, taken.webhook_id, taken.owner_id, coalesce(nullif(taken.url, ''), webhooks.url) AS url,
        taken.event, taken.body, webhooks.secret_sealed, taken.attempts
    """
).bindparams(bind("lease", type_=Interval), bind("owners", type_=ARRAY(ID)), bind("numbers", type_=ARRAY(Integer)))

_WEBHOOK: Final = (
    webhooks.c.id,
    webhooks.c.url,
    webhooks.c.description,
    webhooks.c.events,
    webhooks.c.active,
    webhooks.c.disabled_reason,
    webhooks.c.created_at,
    webhooks.c.last_succeeded_at,
    webhooks.c.last_failed_at,
)
_DELIVERY: Final = (
    webhook_deliveries.c.id,
    case((webhooks.c.one_off, None), else_=webhooks.c.id).label("webhook_id"),
    func.coalesce(func.nullif(webhook_deliveries.c.url, ""), webhooks.c.url).label("url"),
    webhook_deliveries.c.event,
    webhook_deliveries.c.body,
    webhook_deliveries.c.status,
    webhook_deliveries.c.attempts,
    webhook_deliveries.c.due_at,
    webhook_deliveries.c.created_at,
    webhook_deliveries.c.finished_at,
    webhook_deliveries.c.response_status,
    webhook_deliveries.c.error,
)
_AT_ONCE_OF_ONE: Final = 2
_FORGOTTEN_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be told to one webhook."""

    id: UUID
    webhook_id: UUID
    owner_id: UUID
    event: str
    url: str
    document: Mapping[str, Any]


class WebhookRepository:
    """Works within the caller's transaction. Locks come after those on jobs, counters and quota."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock_owner(self, owner_id: UUID) -> None:
        """Until the transaction ends nobody else counts or adds this owner's webhooks."""
        await self._connection.execute(select(users.c.id).where(users.c.id == owner_id).with_for_update(key_share=True))

    async def count(self, owner_id: UUID) -> int:
        """How many an owner has."""
        query = select(func.count()).where(webhooks.c.owner_id == owner_id, ~webhooks.c.one_off)
        return int((await self._connection.execute(query)).scalar_one())

    async def insert(
        self, webhook_id: UUID, owner_id: UUID, *, url: str, description: str, events: Sequence[str], sealed: bytes
    ) -> Webhook:
        """Add one."""
        values = {
            "id": webhook_id,
            "owner_id": owner_id,
            "url": url,
            "description": description,
            "events": list(events),
            "secret_sealed": sealed,
        }
        return _webhook((await self._connection.execute(insert(webhooks).values(values).returning(*_WEBHOOK))).one())

    async def one_off(self, owner_id: UUID) -> UUID | None:
        """The owner's row for addresses that requests name themselves."""
        query = select(webhooks.c.id).where(webhooks.c.owner_id == owner_id, webhooks.c.one_off)
        found: UUID | None = (await self._connection.execute(query)).scalar_one_or_none()
        return found

    async def make_one_off(self, webhook_id: UUID, owner_id: UUID, sealed: bytes) -> None:
        """Add that row; nothing happens when there is one."""
        values = {
            "id": webhook_id,
            "owner_id": owner_id,
            "url": "",
            "events": [],
            "secret_sealed": sealed,
            "one_off": True,
        }
        await self._connection.execute(upsert(webhooks).values(values).on_conflict_do_nothing())

    async def of_owner(self, owner_id: UUID) -> list[Webhook]:
        """An owner's webhooks, newest first."""
        query = select(*_WEBHOOK).where(webhooks.c.owner_id == owner_id, ~webhooks.c.one_off)
        return [_webhook(row) for row in await self._connection.execute(query.order_by(webhooks.c.id.desc()))]

    async def get(self, webhook_id: UUID, owner_id: UUID) -> Webhook | None:
        """One of the owner's webhooks."""
        query = select(*_WEBHOOK).where(
            webhooks.c.id == webhook_id, webhooks.c.owner_id == owner_id, ~webhooks.c.one_off
        )
        row = (await self._connection.execute(query)).first()
        return _webhook(row) if row else None

    async def change(self, webhook_id: UUID, owner_id: UUID, values: Mapping[str, Any]) -> Webhook | None:
        """Change one of the owner's; None when there is none."""
        changed = update(webhooks).where(
            webhooks.c.id == webhook_id, webhooks.c.owner_id == owner_id, ~webhooks.c.one_off
        )
        row = (await self._connection.execute(changed.values(dict(values)).returning(*_WEBHOOK))).first()
        return _webhook(row) if row else None

    async def set_secret(self, webhook_id: UUID, sealed: bytes) -> None:
        """Replace what messages are signed with, from the next attempt on."""
        await self._connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(secret_sealed=sealed))

    async def delete(self, webhook_id: UUID, owner_id: UUID) -> bool:
        """Remove one of the owner's with all that waits for it; False when there is none."""
        gone = delete(webhooks).where(webhooks.c.id == webhook_id, webhooks.c.owner_id == owner_id, ~webhooks.c.one_off)
        return (await self._connection.execute(gone)).rowcount == 1

    async def silence(self, owner_id: UUID, reason: str) -> int:
        """Switch all of an owner's webhooks off, and forget the secret of addresses that requests name; how many."""
        owned = webhooks.c.owner_id == owner_id
        await self._connection.execute(delete(webhooks).where(owned, webhooks.c.one_off))
        off = update(webhooks).where(owned, webhooks.c.active).values(active=False, disabled_reason=reason)
        return (await self._connection.execute(off)).rowcount

    async def waiting(self, webhook_id: UUID, most: int) -> int:
        """How many messages wait for a webhook, counted up to `most`."""
        first = (
            select(literal(1))
            .where(webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.status == "pending")
            .limit(most)
            .subquery()
        )
        return int((await self._connection.execute(select(func.count()).select_from(first))).scalar_one())

    async def listening(self, owner_id: UUID, event: str) -> list[UUID]:
        """The owner's active webhooks that want to hear of an event and have not too much waiting for them.

        They cannot be deleted before the transaction ends.
        """
        first = (
            select(literal(1))
            .where(webhook_deliveries.c.webhook_id == webhooks.c.id, webhook_deliveries.c.status == "pending")
            .limit(MOST_PENDING)
            .subquery()
        )
        # The owner has a handful: their events are read, not indexed.
        query = select(webhooks.c.id).where(
            webhooks.c.owner_id == owner_id,
            webhooks.c.active,
            ~webhooks.c.one_off,
            literal(event) == any_(webhooks.c.events),
            select(func.count()).select_from(first).scalar_subquery() < MOST_PENDING,
        )
        return list((await self._connection.execute(query.with_for_update(key_share=True, read=True))).scalars())

    async def post(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox."""
        if not messages:
            return
        rows = [
            {
                "id": message.id,
                "webhook_id": message.webhook_id,
                "owner_id": message.owner_id,
                "event": message.event,
                "url": message.url,
                "body": orjson.dumps(message.document).decode(),
            }
            for message in messages
        ]
        await self._connection.execute(insert(webhook_deliveries), rows)

    async def claim_due(
        self, limit: int, lease: timedelta, *, of_owner: int, under_way: Mapping[UUID, int]
    ) -> list[Claimed]:
        """Messages that are due; nobody else takes them within `lease`.

        At most `of_owner` of one owner, with those that the caller has `under_way` for them.
        """
        values = {
            "limit": limit,
            "each": _AT_ONCE_OF_ONE,
            "lease": lease,
            "of_owner": of_owner,
            "owners": list(under_way),
            "numbers": list(under_way.values()),
        }
        rows = await self._connection.execute(_CLAIM, values)
        return [Claimed(*row) for row in rows]

    async def succeeded(self, claimed: Claimed, status: int) -> bool:
        """Note that a message arrived; False when somebody else has taken it since."""
        if not await self._settle(
            claimed, status="succeeded", finished_at=func.now(), response_status=status, error=""
        ):
            return False
        values = {"dead_in_a_row": 0, "last_succeeded_at": func.now()}
        await self._connection.execute(update(webhooks).where(webhooks.c.id == claimed.webhook_id).values(values))
        return True

    async def postpone(self, claimed: Claimed, pause: timedelta, *, status: int | None, error: str) -> bool:
        """Try again later; False when somebody else has taken it since."""
        later = await self._settle(claimed, due_at=func.now() + pause, response_status=status, error=error)
        if later:
            failed = update(webhooks).where(webhooks.c.id == claimed.webhook_id)
            await self._connection.execute(failed.values(last_failed_at=func.now()))
        return later

    async def give_up(self, claimed: Claimed, *, status: int | None, error: str, disable: str) -> bool:
        """Note that a message is not tried any more; whether that switched its webhook off.

        `disable`: why it is switched off at once; empty: only after too many in a row.
        """
        if not await self._settle(claimed, status="dead", finished_at=func.now(), response_status=status, error=error):
            return False
        row = update(webhooks).where(webhooks.c.id == claimed.webhook_id)
        counted = row.values(dead_in_a_row=webhooks.c.dead_in_a_row + 1, last_failed_at=func.now())
        found = (
            await self._connection.execute(
                counted.returning(webhooks.c.dead_in_a_row, webhooks.c.active, webhooks.c.one_off)
            )
        ).first()
        if found is None or found.one_off or not found.active or not (disable or found.dead_in_a_row >= DEAD_IN_A_ROW):
            return False
        reason = disable or f"{found.dead_in_a_row} deliveries in a row were given up."
        await self._connection.execute(row.values(active=False, disabled_reason=reason))
        return True

    async def _settle(self, claimed: Claimed, **values: Any) -> bool:
        # `attempts` fences: whoever took the message after a lease ran out has raised it.
        settled = update(webhook_deliveries).where(
            webhook_deliveries.c.id == claimed.id,
            webhook_deliveries.c.status == "pending",
            webhook_deliveries.c.attempts == claimed.attempt,
        )
        return (await self._connection.execute(settled.values(values))).rowcount == 1

    async def delivery(self, delivery_id: UUID, owner_id: UUID, *, locked: bool = False) -> Delivery | None:
        """One of the owner's deliveries."""
        query = (
            select(*_DELIVERY)
            .join_from(webhook_deliveries, webhooks)
            .where(webhook_deliveries.c.id == delivery_id, webhook_deliveries.c.owner_id == owner_id)
        )
        if locked:
            query = query.with_for_update(of=webhook_deliveries)
        row = (await self._connection.execute(query)).first()
        return _delivery(row) if row else None

    async def deliveries(
        self, owner_id: UUID, *, webhook_id: UUID | None, status: str, before_id: UUID | None, limit: int
    ) -> list[Delivery]:
        """The owner's deliveries, newest first: of one webhook, or (`status` "dead") of all."""
        query = select(*_DELIVERY).join_from(webhook_deliveries, webhooks)
        query = query.where(webhook_deliveries.c.owner_id == owner_id)
        if webhook_id is not None:
            query = query.where(webhook_deliveries.c.webhook_id == webhook_id)
        if status:
            query = query.where(webhook_deliveries.c.status == literal(status, literal_execute=True))
        if before_id is not None:
            query = query.where(webhook_deliveries.c.id < before_id)
        rows = await self._connection.execute(query.order_by(webhook_deliveries.c.id.desc()).limit(limit))
        return [_delivery(row) for row in rows]

    async def send_again(self, delivery_id: UUID) -> None:
        """Begin a delivery that has ended anew."""
        again = update(webhook_deliveries).where(webhook_deliveries.c.id == delivery_id)
        cleared = {"finished_at": None, "response_status": None, "error": ""}
        values = {"status": "pending", "attempts": 0, "due_at": func.now(), **cleared}
        await self._connection.execute(again.values(values))

    async def forget(self, succeeded_before: datetime, dead_before: datetime) -> int:
        """Delete what has had its time; how many, at most a few thousand a call."""
        old = (
            select(webhook_deliveries.c.id)
            .where(
                webhook_deliveries.c.finished_at < succeeded_before,
                (webhook_deliveries.c.status == "succeeded") | (webhook_deliveries.c.finished_at < dead_before),
            )
            .limit(_FORGOTTEN_AT_ONCE)
        )
        return (
            await self._connection.execute(delete(webhook_deliveries).where(webhook_deliveries.c.id.in_(old)))
        ).rowcount


def _delivery(row: Any) -> Delivery:
    return Delivery(**row._mapping)


def _webhook(row: Any) -> Webhook:
    values = dict(row._mapping)
    return Webhook(**{**values, "events": tuple(values["events"])})
