"""API keys: what programs call with, for their owner, within scopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.ids import new_id
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import User
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.repository import SessionRepository
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.rules import new_api_key, token_sha256
from services.user_management.auth.tables import api_keys
from services.user_management.database import Database

# What a key may be let do. Passwords, sessions, keys and the account itself are its owner's alone, whatever the scopes.
SCOPES: Final = ("read", "generate", "write", "admin")
MOST_KEYS: Final = 50
LONGEST_NAME: Final = 100
LONGEST_LIFE: Final = timedelta(days=3_650)
_SHOWN_CHARACTERS: Final = 12
_TOUCHED_EVERY: Final = timedelta(minutes=5)

_COLUMNS: Final = (
    api_keys.c.id,
    api_keys.c.name,
    api_keys.c.prefix,
    api_keys.c.scopes,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.last_used_at,
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as its owner sees it."""

    id: UUID
    name: str
    prefix: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Whom a key stands for, and what it may do."""

    key_id: UUID
    user: User
    scopes: Sequence[str]


class ApiKeys:
    """Every method raises `AppError`."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database = database
        self._revocations = revocations

    async def make(
        self,
        user: User,
        actor: Actor,
        name: str,
        scopes: Sequence[str],
        life: timedelta | None,
        *,
        session_id: UUID | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown this once. FORBIDDEN for the scope admin of who is none.

        `session_id`: the session that asks; one that has ended since it was let in makes no key that outlives it.
        """
        title = name.strip()
        violations = []
        if not 1 <= len(title) <= LONGEST_NAME:
            violations.append(FieldViolation("/name", f"A key's name has 1 to {LONGEST_NAME} characters."))
        if not scopes or set(scopes) - set(SCOPES):
            violations.append(FieldViolation("/scopes", f"Give at least one of {', '.join(SCOPES)}."))
        if life is not None and not timedelta(0) < life <= LONGEST_LIFE:
            violations.append(FieldViolation("/expires_in_days", f"Give 1 to {LONGEST_LIFE.days} days, or none."))
        if violations:
            raise AppError(ErrorCode.VALIDATION, violations[0].detail, violations=violations)
        secret = new_api_key()

        async def work(connection: AsyncConnection) -> ApiKey:
            # What the account is at this moment: it may have been shut out since the caller was let in.
            owner = await UserRepository(connection).lock(user.id)
            if owner is None or owner.suspended_at is not None or owner.deletion_due_at is not None:
                raise AppError(ErrorCode.UNAUTHENTICATED, "This account can have no keys any more.")
            if session_id is not None and await SessionRepository(connection).has_ended(session_id):
                raise AppError(ErrorCode.UNAUTHENTICATED, "The session has ended. Sign in again.")
            if "admin" in scopes and owner.role != "admin":
                raise AppError(ErrorCode.FORBIDDEN, "Only an administrator's key can have the scope admin.")
            live = select(func.count()).where(api_keys.c.user_id == user.id, api_keys.c.revoked_at.is_(None))
            if (await connection.execute(live)).scalar_one() >= MOST_KEYS:
                raise AppError(ErrorCode.CONFLICT, f"At most {MOST_KEYS} keys may exist at once. Revoke one first.")
            key_id = UUID(new_id())
            row = await connection.execute(
                insert(api_keys)
                .values(
                    id=key_id,
                    user_id=user.id,
                    name=title,
                    prefix=secret[:_SHOWN_CHARACTERS],
                    secret_sha256=token_sha256(secret),
                    scopes=sorted(set(scopes)),
                    expires_at=func.now() + life if life is not None else None,
                )
                .returning(*_COLUMNS)
            )
            details = {"key_id": str(key_id), "scopes": sorted(set(scopes))}
            await AuditLog(connection).append(Entry(Action.KEY_MADE, actor, details=details))
            return ApiKey(*row.one())

        return await self._database.write(work), secret

    async def of(self, user_id: UUID) -> list[ApiKey]:
        """The account's keys that were not revoked, newest first; expired ones too."""

        async def query(connection: AsyncConnection) -> list[ApiKey]:
            found = (
                select(*_COLUMNS)
                .where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
                .order_by(api_keys.c.id.desc())
            )
            return [ApiKey(*row) for row in await connection.execute(found)]

        return await self._database.read(query)

    async def revoke(self, actor: Actor, user_id: UUID, key_id: UUID) -> None:
        """End a key of the account. NOT_FOUND when it has no such key."""

        async def work(connection: AsyncConnection) -> bool:
            ended = (
                update(api_keys)
                .where(api_keys.c.id == key_id, api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=func.now())
                .returning(api_keys.c.id)
            )
            if (await connection.execute(ended)).first() is None:
                return False
            await AuditLog(connection).append(Entry(Action.KEY_REVOKED, actor, details={"key_id": str(key_id)}))
            return True

        if not await self._database.write(work):
            raise AppError(ErrorCode.NOT_FOUND, "There is no such key.")
        await self._revocations.publish(key_id)

    async def resolve(self, secret: str) -> KeyUse:
        """Whom a key stands for. UNAUTHENTICATED when it is none, has ended, or its owner is shut out."""

        async def find(connection: AsyncConnection) -> tuple[KeyUse, bool] | None:
            query = select(
                api_keys.c.id,
                api_keys.c.user_id,
                api_keys.c.scopes,
                func.coalesce(func.now() - api_keys.c.last_used_at >= _TOUCHED_EVERY, True).label("stale"),
            ).where(
                api_keys.c.secret_sha256 == token_sha256(secret),
                api_keys.c.revoked_at.is_(None),
                (api_keys.c.expires_at.is_(None)) | (api_keys.c.expires_at > func.now()),
            )
            row = (await connection.execute(query)).first()
            user = await UserRepository(connection).get(row.user_id) if row else None
            if row is None or user is None or user.suspended_at is not None or user.deletion_due_at is not None:
                return None
            # Rights that its owner has lost, a key has lost too.
            scopes = [scope for scope in row.scopes if scope != "admin" or user.role == "admin"]
            return KeyUse(row.id, user, scopes), row.stale

        found = await self._database.read(find)
        if found is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The API key is not valid, was revoked or has expired.")
        use, stale = found

        async def touch(connection: AsyncConnection) -> None:
            used = update(api_keys).where(api_keys.c.id == use.key_id).values(last_used_at=func.now())
            await connection.execute(used)

        if stale:
            await self._database.write(touch, repeatable=True)
        return use


async def revoke_all_keys(connection: AsyncConnection, user_id: UUID) -> list[UUID]:
    """End every key of an account, within the caller's transaction; which."""
    ended = (
        update(api_keys)
        .where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=func.now())
        .returning(api_keys.c.id)
    )
    return list((await connection.execute(ended)).scalars())
