"""SQL of sessions and their refresh tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.auth.rules import PresentedToken
from services.user_management.auth.tables import api_keys, refresh_tokens, sessions


@dataclass(frozen=True, slots=True)
class Device:
    """What signs in, as the gateway saw it."""

    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in device."""

    id: UUID
    device: Device
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A stored refresh token, whose session is locked; `now` is the database's time."""

    session_id: UUID
    user_id: UUID
    presented: PresentedToken
    now: datetime


@dataclass(frozen=True, slots=True)
class FoundBrowser:
    """A browser's live session; `unused` is how long it was last used ago."""

    session_id: UUID
    user_id: UUID
    unused: timedelta


class SessionRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(
        self, user_id: UUID, device: Device, lifetime: timedelta, secret_sha256: bytes | None = None
    ) -> UUID:
        """Add a session; a browser's has a secret."""
        session_id = UUID(new_id())
        await self._connection.execute(
            insert(sessions).values(
                id=session_id,
                user_id=user_id,
                address=device.address,
                user_agent=device.user_agent,
                expires_at=func.now() + lifetime,
                secret_sha256=secret_sha256,
            )
        )
        return session_id

    async def find_browser(self, secret_sha256: bytes) -> FoundBrowser | None:
        """A browser's session that lives."""
        query = select(sessions.c.id, sessions.c.user_id, (func.now() - sessions.c.last_used_at).label("unused")).where(
            sessions.c.secret_sha256 == secret_sha256,
            sessions.c.revoked_at.is_(None),
            sessions.c.expires_at > func.now(),
        )
        row = (await self._connection.execute(query)).first()
        return FoundBrowser(row.id, row.user_id, row.unused) if row else None

    async def touch(self, session_id: UUID, device: Device, lifetime: timedelta) -> None:
        """Mark a session as alive, from where it was used."""
        await self._connection.execute(
            update(sessions)
            .where(sessions.c.id == session_id)
            .values(
                last_used_at=func.now(),
                expires_at=func.now() + lifetime,
                address=device.address or sessions.c.address,
                user_agent=device.user_agent or sessions.c.user_agent,
            )
        )

    async def add_token(self, session_id: UUID, token_sha256: bytes) -> None:
        """Add a refresh token to a session's family."""
        await self._connection.execute(insert(refresh_tokens).values(session_id=session_id, token_sha256=token_sha256))

    async def find_token(self, token_sha256: bytes) -> FoundToken | None:
        """A refresh token, locked with its session, so that uses of one family take turns."""
        query = (
            select(
                refresh_tokens.c.session_id,
                refresh_tokens.c.used_at,
                sessions.c.user_id,
                sessions.c.expires_at,
                sessions.c.revoked_at,
                func.clock_timestamp().label("now"),
            )
            .join(sessions, sessions.c.id == refresh_tokens.c.session_id)
            .where(refresh_tokens.c.token_sha256 == token_sha256)
            .with_for_update()
        )
        row = (await self._connection.execute(query)).first()
        if row is None:
            return None
        return FoundToken(
            row.session_id, row.user_id, PresentedToken(row.used_at, row.expires_at, row.revoked_at), row.now
        )

    async def use_token(self, token_sha256: bytes, session_id: UUID, device: Device, lifetime: timedelta) -> None:
        """Mark a token as used (the first time counts) and its session as alive."""
        await self._connection.execute(
            update(refresh_tokens)
            .where(refresh_tokens.c.token_sha256 == token_sha256, refresh_tokens.c.used_at.is_(None))
            .values(used_at=func.clock_timestamp())
        )
        await self.touch(session_id, device, lifetime)

    async def revoke(self, session_id: UUID, user_id: UUID) -> bool:
        """End a live session of the user; False when there is none."""
        ended = (
            update(sessions)
            .where(sessions.c.id == session_id, sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
            .values(revoked_at=func.now())
            .returning(sessions.c.id)
        )
        return (await self._connection.execute(ended)).first() is not None

    async def has_ended(self, session_id: UUID) -> bool:
        """Whether a session was revoked; what never was a session has not ended."""
        query = select(sessions.c.id).where(sessions.c.id == session_id, sessions.c.revoked_at.is_not(None))
        return (await self._connection.execute(query)).first() is not None

    async def revoke_all(self, user_id: UUID, *, kept: UUID | None = None) -> list[UUID]:
        """End every live session of the user but the one that is kept; which."""
        ended = (
            update(sessions)
            .where(sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None))
            .values(revoked_at=func.now())
            .returning(sessions.c.id)
        )
        if kept is not None:
            ended = ended.where(sessions.c.id != kept)
        return list((await self._connection.execute(ended)).scalars())

    async def addresses(self, user_id: UUID | None) -> list[str]:
        """Addresses that the user's newest sessions were used from; as quick for nobody."""
        query = select(sessions.c.address).where(sessions.c.user_id == user_id).order_by(sessions.c.id.desc()).limit(50)
        return list((await self._connection.execute(query)).scalars())

    async def live(self, user_id: UUID) -> list[Session]:
        """The user's live sessions, newest first."""
        query = (
            select(sessions)
            .where(sessions.c.user_id == user_id, sessions.c.revoked_at.is_(None), sessions.c.expires_at > func.now())
            .order_by(sessions.c.id.desc())
        )
        return [
            Session(row.id, Device(row.address, row.user_agent), row.created_at, row.last_used_at)
            for row in await self._connection.execute(query)
        ]

    async def revoked_within(self, span: timedelta) -> list[UUID]:
        """The sessions and API keys that were ended lately."""
        limit = func.now() - span
        query = union_all(
            select(sessions.c.id).where(sessions.c.revoked_at > limit),
            select(api_keys.c.id).where(api_keys.c.revoked_at > limit),
        )
        return list((await self._connection.execute(query)).scalars())

    async def forget_ended(self, kept: timedelta) -> int:
        """Delete sessions (and their tokens) that ended longer than `kept` ago; how many."""
        limit = func.now() - kept
        ended = delete(sessions).where((sessions.c.expires_at < limit) | (sessions.c.revoked_at < limit))
        return (await self._connection.execute(ended)).rowcount
