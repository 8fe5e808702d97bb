"""SQL of mails and of the tokens in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.accounts.rules import folded
from services.user_management.accounts.tables import users
from services.user_management.auth.rules import new_mail_token, token_sha256
from services.user_management.mail.message import Mail
from services.user_management.mail.tables import mail_counts, mail_tokens, mails


class Purpose(StrEnum):
    """What a token in a mail proves."""

    VERIFY = "verify"
    RESET = "reset"
    CHANGE = "change"


class Kind(StrEnum):
    """Mails that whoever knows an address can cause, each counted by itself."""

    ACCOUNT_EXISTS = "account_exists"
    GUEST_VERIFY = "guest_verify"
    CHANGE_VERIFY = "change_verify"


LIFETIMES = {
    Purpose.VERIFY: timedelta(days=3),
    Purpose.RESET: timedelta(hours=1),
    Purpose.CHANGE: timedelta(hours=24),
}
# How many of one purpose an account gets within a token's life: nobody's mailbox is to be flooded.
MOST_TOKENS = 5
# How many of one kind an address gets within a day, whoever caused them.
MOST_MAILS = 5
_COUNTED = timedelta(days=1)
# Longer than any transport tries.
_CLAIMED = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that is to be sent; `attempts` counts this one."""

    id: UUID
    mail: Mail
    attempts: int


class MailRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def post(self, mail: Mail) -> None:
        """Put a mail into the outbox."""
        values = {"recipient": mail.recipient, "subject": mail.subject, "body": mail.body}
        values |= {"unsubscribe_url": mail.unsubscribe_url}
        await self._connection.execute(insert(mails).values(id=UUID(new_id()), **values))

    async def has_room(self, recipient: str, kind: Kind) -> bool:
        """Count one more mail of a kind to an address; False when it got enough of them lately."""
        fresh = postgresql.insert(mail_counts).values(
            recipient_sha256=sha256(folded(recipient).encode()).digest(), kind=kind.value
        )
        over = mail_counts.c.since <= func.now() - _COUNTED
        # Callers at once take turns at the row, so that none is forgotten in the count.
        counted = fresh.on_conflict_do_update(
            index_elements=[mail_counts.c.recipient_sha256, mail_counts.c.kind],
            set_={
                "posted": case((over, 1), else_=mail_counts.c.posted + 1),
                "since": case((over, func.now()), else_=mail_counts.c.since),
            },
            where=over | (mail_counts.c.posted < MOST_MAILS),
        )
        return (await self._connection.execute(counted.returning(mail_counts.c.posted))).first() is not None

    async def new_token(self, user_id: UUID, purpose: Purpose, email: str) -> str | None:
        """A token for a mail; None when the account has got enough of them lately."""
        # One at a time for an account, so that none is forgotten in the count.
        await self._connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())
        live = select(func.count()).where(
            mail_tokens.c.user_id == user_id,
            mail_tokens.c.purpose == purpose.value,
            mail_tokens.c.expires_at > func.now(),
            mail_tokens.c.used_at.is_(None),
        )
        if (await self._connection.execute(live)).scalar_one() >= MOST_TOKENS:
            return None
        token = new_mail_token()
        await self._connection.execute(
            insert(mail_tokens).values(
                token_sha256=token_sha256(token),
                user_id=user_id,
                purpose=purpose.value,
                email=email,
                expires_at=func.now() + LIFETIMES[purpose],
            )
        )
        return token

    async def use_token(self, token: str, purposes: tuple[Purpose, ...]) -> tuple[UUID, Purpose, str] | None:
        """Use a token up: the account, the purpose and the address that it proves; None when it is worth nothing.

        The account's other tokens of the purpose are used up with it.
        """
        # One click at a time: of two at once the second finds it used.
        used = (
            update(mail_tokens)
            .where(
                mail_tokens.c.token_sha256 == token_sha256(token),
                mail_tokens.c.purpose.in_([purpose.value for purpose in purposes]),
                mail_tokens.c.expires_at > func.now(),
                mail_tokens.c.used_at.is_(None),
            )
            .values(used_at=func.now())
            .returning(mail_tokens.c.user_id, mail_tokens.c.purpose, mail_tokens.c.email)
        )
        row = (await self._connection.execute(used)).first()
        if row is None:
            return None
        others = update(mail_tokens).where(
            mail_tokens.c.user_id == row.user_id, mail_tokens.c.purpose == row.purpose, mail_tokens.c.used_at.is_(None)
        )
        await self._connection.execute(others.values(used_at=func.now()))
        return row.user_id, Purpose(row.purpose), row.email

    async def used_before(self, token: str, purposes: tuple[Purpose, ...]) -> tuple[UUID, str] | None:
        """The account and the address of a token that was used up and would still last; None for any other."""
        query = select(mail_tokens.c.user_id, mail_tokens.c.email).where(
            mail_tokens.c.token_sha256 == token_sha256(token),
            mail_tokens.c.purpose.in_([purpose.value for purpose in purposes]),
            mail_tokens.c.expires_at > func.now(),
            mail_tokens.c.used_at.is_not(None),
        )
        row = (await self._connection.execute(query)).first()
        return (row.user_id, row.email) if row is not None else None

    async def owner_of_token(self, token: str, purpose: Purpose) -> UUID | None:
        """Whose token it is, without using it up; None when it is worth nothing."""
        query = select(mail_tokens.c.user_id).where(
            mail_tokens.c.token_sha256 == token_sha256(token),
            mail_tokens.c.purpose == purpose.value,
            mail_tokens.c.expires_at > func.now(),
            mail_tokens.c.used_at.is_(None),
        )
        return (await self._connection.execute(query)).scalar_one_or_none()

    async def forget_tokens(self, user_id: UUID, purpose: Purpose) -> None:
        """Make every token of a purpose worthless."""
        await self._connection.execute(
            delete(mail_tokens).where(mail_tokens.c.user_id == user_id, mail_tokens.c.purpose == purpose.value)
        )

    async def claim_due(self) -> Waiting | None:
        """A mail that is due; for two minutes no other replica takes it."""
        due = select(mails.c.id).where(mails.c.due_at <= func.now()).order_by(mails.c.due_at).limit(1)
        claimed = (
            update(mails)
            .where(mails.c.id == due.with_for_update(skip_locked=True).scalar_subquery())
            .values(attempts=mails.c.attempts + 1, due_at=func.now() + _CLAIMED)
            .returning(
                mails.c.id,
                mails.c.recipient,
                mails.c.subject,
                mails.c.body,
                mails.c.unsubscribe_url,
                mails.c.attempts,
            )
        )
        row = (await self._connection.execute(claimed)).first()
        if row is None:
            return None
        return Waiting(row.id, Mail(row.recipient, row.subject, row.body, row.unsubscribe_url), row.attempts)

    async def delivered(self, mail_id: UUID) -> None:
        """Forget a mail that was sent, and the token in it."""
        await self._connection.execute(delete(mails).where(mails.c.id == mail_id))

    async def postpone(self, mail_id: UUID, pause: timedelta) -> None:
        """Try again later."""
        await self._connection.execute(update(mails).where(mails.c.id == mail_id).values(due_at=func.now() + pause))

    async def forget_expired(self) -> None:
        """Delete tokens that are worth nothing any more, and counts that are over."""
        await self._connection.execute(delete(mail_tokens).where(mail_tokens.c.expires_at <= func.now()))
        await self._connection.execute(delete(mail_counts).where(mail_counts.c.since <= func.now() - _COUNTED))
