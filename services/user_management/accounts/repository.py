"""SQL of accounts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import case, delete, exists, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.ids import new_id
from services.user_management.accounts.rules import folded
from services.user_management.accounts.tables import users
from services.user_management.accounts.user import NewUser, User
from services.user_management.jobs.tables import job_counters
from services.user_management.prepared import PERSON, Prepared
from services.user_management.quotas.tables import quota_accounts
from services.user_management.quotas.tiers import DEFAULT_TIER
from services.user_management.revisions import is_one_of

_COLUMNS: Final = (
    users.c.id,
    users.c.username,
    users.c.email,
    users.c.full_name,
    users.c.role,
    users.c.password_hash,
    users.c.created_at,
    users.c.email_verified_at,
    users.c.suspended_at,
    users.c.deletion_due_at,
    users.c.totp_confirmed_at,
    users.c.display_name,
    users.c.bio,
    users.c.links,
    users.c.owned_since,
    users.c.revision,
)
# Accounts are made without one, which is the default's.
_TIER: Final = func.coalesce(
    select(quota_accounts.c.tier).where(quota_accounts.c.owner_id == users.c.id).scalar_subquery(), DEFAULT_TIER
)
_WHOLE: Final = (*_COLUMNS, _TIER.label("tier"))
_ONE: Final = Prepared(lambda: select(*_WHOLE).where(users.c.id == PERSON))
# Any number will do, as long as nobody else takes it: "firstadm" in ASCII.
_FOUNDING_LOCK: Final = 0x66697273_7461646D


class UserRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert(self, new: NewUser) -> User:
        """Add an account. Raises `AppError` (CONFLICT) that names what is taken."""
        statement = insert(users).values(
            id=UUID(new_id()),
            username=new.username,
            email=new.email,
            email_folded=folded(new.email),
            full_name=new.full_name,
            role=new.role,
            password_hash=new.password_hash,
        )
        row = (await self._connection.execute(statement.on_conflict_do_nothing().returning(*_COLUMNS))).first()
        if row is None:
            raise await self.taken(new) or _exists()
        return User(*row)

    async def become(self, user_id: UUID, new: NewUser) -> None:
        """Make an account another one, which keeps what belongs to it. Raises `AppError` (CONFLICT) like `insert`."""
        values = {
            "username": new.username,
            "email": new.email,
            "email_folded": folded(new.email),
            "full_name": new.full_name,
            "role": new.role,
            "password_hash": new.password_hash,
        }
        try:
            # Two people may want one name at once: the transaction outlives the refusal.
            async with self._connection.begin_nested():
                await self._connection.execute(update(users).where(users.c.id == user_id).values(values))
        except IntegrityError as error:
            raise await self.taken(new) or _exists() from error

    async def taken(self, new: NewUser) -> AppError | None:
        """The refusal (CONFLICT) that names what of a form is taken; None when nothing is."""
        query = select(users.c.username, users.c.email_folded).where(
            or_(users.c.username == new.username, users.c.email_folded == folded(new.email))
        )
        violations = []
        for row in await self._connection.execute(query):
            if row.username == new.username:
                violations.append(FieldViolation("/username", "This username is taken. Choose another one."))
            if row.email_folded == folded(new.email):
                violations.append(FieldViolation("/email", "This address has an account. Sign in instead."))
        if not violations:
            return None
        message = " ".join(violation.detail for violation in violations)
        return AppError(ErrorCode.CONFLICT, message, violations=violations)

    async def get(self, user_id: UUID) -> User | None:
        """One account."""
        rows = await _ONE.rows(self._connection, person=user_id)
        return User(*rows[0]._mapping.values()) if rows else None

    async def by_identifier(self, identifier: str) -> User | None:
        """The account with this username or address, whatever its case."""
        key = folded(identifier.strip())
        by = users.c.email_folded if "@" in key else users.c.username
        row = (await self._connection.execute(select(*_WHOLE).where(by == key))).first()
        return User(*row) if row else None

    async def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        """Replace what the password is checked against."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))

    async def replace_password_hash(self, user_id: UUID, stored: str, renewed: str) -> bool:
        """Replace the hash by another one of the same password; False when it is not the stored one any more."""
        changed = update(users).where(users.c.id == user_id, users.c.password_hash == stored)
        return (await self._connection.execute(changed.values(password_hash=renewed))).rowcount == 1

    async def lock(self, user_id: UUID) -> User | None:
        """The account, locked until the transaction ends."""
        row = (await self._connection.execute(select(*_WHOLE).where(users.c.id == user_id).with_for_update())).first()
        return User(*row) if row else None

    async def set_email(self, user_id: UUID, email: str) -> bool:
        """Make a proven address the account's; False when another account has it by now."""
        taken = select(users.c.id).where(users.c.email_folded == folded(email), users.c.id != user_id)
        if (await self._connection.execute(taken)).first() is not None:
            return False
        changed = update(users).where(users.c.id == user_id)
        key = folded(email)
        # Whoever set what opens the account has proven nothing about another address.
        owned = case((users.c.email_folded == key, users.c.owned_since), else_=None)
        values = {"email": email, "email_folded": key, "email_verified_at": func.now(), "owned_since": owned}
        await self._connection.execute(changed.values(values))
        return True

    async def set_owned(self, user_id: UUID) -> None:
        """Remember that all that opens the account was set by whoever reads its mails."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(owned_since=func.now()))

    async def forget_password(self, user_id: UUID) -> None:
        """Let no password open the account until its owner chooses one by mail."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(password_hash=None))

    async def set_profile(self, user_id: UUID, changes: Mapping[str, object], revisions: Collection[int] = ()) -> bool:
        """Change names, bio or links of an account of one of the revisions; False when there is none."""
        this = (users.c.id == user_id) & is_one_of(users.c.revision, revisions)
        if not changes:
            return (await self._connection.execute(select(users.c.id).where(this))).first() is not None
        return (await self._connection.execute(update(users).where(this).values(changes))).rowcount == 1

    async def set_role(self, user_id: UUID, role: str) -> None:
        """Replace the role."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(role=role))

    async def set_suspended(self, user_id: UUID, *, suspended: bool, reason: str) -> None:
        """Shut an account out, or let it in again."""
        at = func.now() if suspended else None
        values = {"suspended_at": at, "suspended_reason": reason if suspended else ""}
        await self._connection.execute(update(users).where(users.c.id == user_id).values(values))

    async def suspension_reason(self, user_id: UUID) -> str:
        """Why an account was shut out; may be empty."""
        query = select(users.c.suspended_reason).where(users.c.id == user_id)
        return str((await self._connection.execute(query)).scalar_one())

    async def set_deletion(self, user_id: UUID, grace: timedelta | None) -> None:
        """Say when the account goes; None: it stays."""
        due = func.now() + grace if grace is not None else None
        await self._connection.execute(update(users).where(users.c.id == user_id).values(deletion_due_at=due))

    async def due_for_deletion(self, limit: int) -> list[UUID]:
        """Accounts whose time is over."""
        # A guest's song may still be in the making; it ends sooner or later.
        busy = exists(
            select(literal(1)).where(
                job_counters.c.queue.in_(("generation", "processing")),
                job_counters.c.owner_id == users.c.id,
                job_counters.c.queued + job_counters.c.running > 0,
            )
        )
        due = select(users.c.id).where(users.c.deletion_due_at <= func.now(), (users.c.role != "guest") | ~busy)
        return list((await self._connection.execute(due.order_by(users.c.deletion_due_at).limit(limit))).scalars())

    async def lock_due(self, user_id: UUID) -> User | None:
        """The account, locked until the transaction ends, if its time is over."""
        due = users.c.deletion_due_at <= func.clock_timestamp()
        query = select(*_WHOLE).where(users.c.id == user_id, due).with_for_update()
        row = (await self._connection.execute(query)).first()
        return User(*row) if row else None

    async def delete(self, user_id: UUID) -> None:
        """Delete an account and every row that belongs to it."""
        await self._connection.execute(delete(users).where(users.c.id == user_id))

    async def admins(self) -> int:
        """How many people can administer: sign in, are not shut out, and did not ask to be deleted."""
        query = select(func.count()).where(
            users.c.role == "admin",
            users.c.password_hash.is_not(None),
            users.c.suspended_at.is_(None),
            users.c.deletion_due_at.is_(None),
        )
        return (await self._connection.execute(query)).scalar_one()

    async def page(self, *, search: str, role: str, before_id: UUID | None, limit: int) -> list[User]:
        """Accounts, newest first, whose name or address begins with `search`."""
        query = select(*_WHOLE).order_by(users.c.id.desc())
        if search:
            prefix = folded(search)
            by = or_(
                users.c.username.startswith(prefix, autoescape=True),
                users.c.email_folded.startswith(prefix, autoescape=True),
            )
            query = query.where(by)
        if role:
            query = query.where(users.c.role == role)
        if before_id is not None:
            query = query.where(users.c.id < before_id)
        return [User(*row) for row in await self._connection.execute(query.limit(limit))]

    async def lock_founding(self) -> None:
        """Let one replica at a time make the accounts that have to exist once; until the transaction ends."""
        await self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FOUNDING_LOCK})

    async def has_admin_with_password(self) -> bool:
        """Whether anybody could sign in and administer."""
        query = select(users.c.id).where(users.c.role == "admin", users.c.password_hash.is_not(None)).limit(1)
        return (await self._connection.execute(query)).first() is not None


def _exists() -> AppError:
    return AppError(ErrorCode.CONFLICT, "This account exists already.")
