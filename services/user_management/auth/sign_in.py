"""Signing up, in and out: passwords, sessions and tokens together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts import rules as account_rules
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import User
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.repository import Device, FoundBrowser, Session, SessionRepository
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.rules import Verdict, judge, new_browser_secret, new_refresh_token, token_sha256
from services.user_management.auth.tokens import AccessTokens
from services.user_management.database import Database
from services.user_management.quotas.opening import open_account

_TOUCHED_EVERY = timedelta(minutes=5)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in answers. `expires_in_seconds` is the access token's."""

    access_token: str
    expires_in_seconds: int
    refresh_token: str
    user: User


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser that is signed in. `lifetime` is how long it stays so when it is not used."""

    id: UUID
    user: User
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """How long an unused device stays signed in, how long a used refresh token is forgiven, what an account gets."""

    session_lifetime: timedelta = timedelta(days=30)
    refresh_grace: timedelta = timedelta(seconds=10)
    grant_ms: int = 36_000_000


class SignIn:
    """Every method raises `AppError`."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: AccessTokens,
        revocations: Revocations,
        policy: SignInPolicy,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._revocations = revocations
        self._policy = policy

    async def register(self, username: str, email: str, password: str, full_name: str, device: Device) -> TokenPair:
        """Make an account and sign it in. CONFLICT when the name or address is taken."""
        checked = account_rules.registration(username, email, password, full_name)
        new = replace(checked, password_hash=await self._passwords.hash(password))

        async def work(connection: AsyncConnection) -> TokenPair:
            user = await UserRepository(connection).insert(new)
            await open_account(connection, user.id, self._policy.grant_ms)
            return await self._open_session(connection, user, device)

        return await self._database.write(work)

    async def login(self, identifier: str, password: str, device: Device) -> TokenPair:
        """Sign in. One error and one duration for an unknown name and for a wrong password."""
        user, renewed = await self._authenticated(identifier, password)

        async def work(connection: AsyncConnection) -> TokenPair:
            if renewed is not None:
                await UserRepository(connection).set_password_hash(user.id, renewed)
            return await self._open_session(connection, user, device)

        return await self._database.write(work)

    async def open_browser(self, identifier: str, password: str, device: Device) -> tuple[BrowserSession, str]:
        """Sign a browser in, with the same checks: its session, and the secret for its cookie."""
        user, renewed = await self._authenticated(identifier, password)
        secret = new_browser_secret()

        async def work(connection: AsyncConnection) -> UUID:
            if renewed is not None:
                await UserRepository(connection).set_password_hash(user.id, renewed)
            lifetime = self._policy.session_lifetime
            return await SessionRepository(connection).open(user.id, device, lifetime, token_sha256(secret))

        session_id = await self._database.write(work)
        return BrowserSession(session_id, user, self._policy.session_lifetime), secret

    async def resolve_browser(self, secret: str, device: Device) -> tuple[BrowserSession, bool]:
        """The session behind a cookie, and whether this use put its end off."""
        presented = token_sha256(secret)

        async def find(connection: AsyncConnection) -> tuple[FoundBrowser, User] | None:
            found = await SessionRepository(connection).find_browser(presented)
            user = await UserRepository(connection).get(found.user_id) if found else None
            return (found, user) if found and user else None

        resolved = await self._database.read(find)
        if resolved is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The session has ended. Sign in again.")
        found, user = resolved
        # A row is not written at every request: the end of a session need not be exact.
        renews = found.unused >= _TOUCHED_EVERY

        async def touch(connection: AsyncConnection) -> None:
            await SessionRepository(connection).touch(found.session_id, device, self._policy.session_lifetime)

        if renews:
            await self._database.write(touch, repeatable=True)
        return BrowserSession(found.session_id, user, self._policy.session_lifetime), renews

    async def _authenticated(self, identifier: str, password: str) -> tuple[User, str | None]:
        """Whose password this is, and its new hash when the stored one is outdated."""

        async def find(connection: AsyncConnection) -> User | None:
            return await UserRepository(connection).by_identifier(identifier)

        # What no account can have is not searched for, but takes as long.
        searchable = "\0" not in identifier and len(identifier) <= 320
        user = await self._database.read(find) if searchable else None
        stored = user.password_hash if user else None
        known = await self._passwords.verify(stored, password[: account_rules.LONGEST_PASSWORD + 1])
        if user is None or stored is None or not known:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The username, e-mail address or password is wrong.")
        return user, await self._passwords.hash(password) if self._passwords.is_outdated(stored) else None

    async def refresh(self, refresh_token: str, device: Device) -> TokenPair:
        """Exchange a refresh token. A token that was used before ends its whole session."""
        presented = token_sha256(refresh_token)

        async def work(connection: AsyncConnection) -> TokenPair | UUID | None:
            sessions = SessionRepository(connection)
            found = await sessions.find_token(presented)
            if found is None:
                return None
            verdict = judge(found.presented, now=found.now, grace=self._policy.refresh_grace)
            if verdict is Verdict.REUSED:
                await sessions.revoke(found.session_id, found.user_id)
                return found.session_id
            user = await UserRepository(connection).get(found.user_id)
            if verdict is Verdict.ENDED or user is None:
                return None
            await sessions.use_token(presented, found.session_id, device, self._policy.session_lifetime)
            return await self._pair(connection, user, found.session_id)

        # The end of a reused token's session has to be committed, so it is refused out here.
        outcome = await self._database.write(work)
        if isinstance(outcome, TokenPair):
            return outcome
        if isinstance(outcome, UUID):
            _log.warning("refresh_token_reused", session_id=str(outcome))
            await self._revocations.publish(outcome)
        raise AppError(ErrorCode.UNAUTHENTICATED, "The session has ended. Sign in again.")

    async def revoke(self, user_id: UUID, session_id: UUID) -> bool:
        """End a session of the user; False when there is no such live session."""

        async def work(connection: AsyncConnection) -> bool:
            return await SessionRepository(connection).revoke(session_id, user_id)

        revoked = await self._database.write(work, repeatable=True)
        if revoked:
            await self._revocations.publish(session_id)
        return revoked

    async def sessions(self, user_id: UUID) -> list[Session]:
        """The user's live sessions, newest first."""

        async def query(connection: AsyncConnection) -> list[Session]:
            return await SessionRepository(connection).live(user_id)

        return await self._database.read(query)

    async def _open_session(self, connection: AsyncConnection, user: User, device: Device) -> TokenPair:
        session_id = await SessionRepository(connection).open(user.id, device, self._policy.session_lifetime)
        return await self._pair(connection, user, session_id)

    async def _pair(self, connection: AsyncConnection, user: User, session_id: UUID) -> TokenPair:
        refresh_token = new_refresh_token()
        await SessionRepository(connection).add_token(session_id, token_sha256(refresh_token))
        access_token = self._tokens.issue(user, session_id)
        return TokenPair(access_token, self._tokens.lifetime_seconds, refresh_token, user)
