"""SQL of accounts."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.ids import new_id
from services.user_management.accounts.rules import folded
from services.user_management.accounts.tables import users
from services.user_management.accounts.user import NewUser, User

_COLUMNS: Final = (
    users.c.id,
    users.c.username,
    users.c.email,
    users.c.full_name,
    users.c.role,
    users.c.password_hash,
    users.c.created_at,
)
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
            raise await self._taken(new)
        return User(*row)

    async def _taken(self, new: NewUser) -> AppError:
        query = select(users.c.username, users.c.email_folded).where(
            or_(users.c.username == new.username, users.c.email_folded == folded(new.email))
        )
        violations = []
        for row in await self._connection.execute(query):
            if row.username == new.username:
                violations.append(FieldViolation("/username", "This username is taken. Choose another one."))
            if row.email_folded == folded(new.email):
                violations.append(FieldViolation("/email", "This address has an account. Sign in instead."))
        message = " ".join(violation.detail for violation in violations) or "This account exists already."
        return AppError(ErrorCode.CONFLICT, message, violations=violations)

    async def get(self, user_id: UUID) -> User | None:
        """One account."""
        row = (await self._connection.execute(select(*_COLUMNS).where(users.c.id == user_id))).first()
        return User(*row) if row else None

    async def by_identifier(self, identifier: str) -> User | None:
        """The account with this username or address, whatever its case."""
        key = folded(identifier.strip())
        by = users.c.email_folded if "@" in key else users.c.username
        row = (await self._connection.execute(select(*_COLUMNS).where(by == key))).first()
        return User(*row) if row else None

    async def set_password_hash(self, user_id: UUID, password_hash: str) -> None:
        """Replace what the password is checked against."""
        await self._connection.execute(update(users).where(users.c.id == user_id).values(password_hash=password_hash))

    async def lock_founding(self) -> None:
        """Let one replica at a time make the accounts that have to exist once; until the transaction ends."""
        await self._connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FOUNDING_LOCK})

    async def has_admin_with_password(self) -> bool:
        """Whether anybody could sign in and administer."""
        query = select(users.c.id).where(users.c.role == "admin", users.c.password_hash.is_not(None)).limit(1)
        return (await self._connection.execute(query)).first() is not None
