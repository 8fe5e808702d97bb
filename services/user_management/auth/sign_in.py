"""Signing up, in and out: passwords, second factors, sessions and tokens together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts import rules as account_rules
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import NewUser, User
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.gate import Credentials, SignInGate
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.repository import Device, FoundBrowser, Session, SessionRepository
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.rules import Verdict, judge, new_browser_secret, new_refresh_token, token_sha256
from services.user_management.auth.tokens import AccessTokens
from services.user_management.database import Database
from services.user_management.guests.repository import GUEST_MARGIN, GuestRepository
from services.user_management.guests.rules import GUEST
from services.user_management.mail.message import account_exists, verify_address
from services.user_management.mail.repository import Kind, MailRepository, Purpose
from services.user_management.quotas.opening import open_account

_TOUCHED_EVERY = timedelta(minutes=5)

_log = structlog.get_logger(__name__)

EmailVerification = Literal["off", "optional", "required"]


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
    guest_lifetime: timedelta = timedelta(hours=24)
    refresh_grace: timedelta = timedelta(seconds=10)
    grant_ms: int = 36_000_000
    email_verification: EmailVerification = "off"
    public_url: str = "http://127.0.0.1:8000"


class SignIn:
    """Every method raises `AppError`."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: AccessTokens,
        revocations: Revocations,
        gate: SignInGate,
        policy: SignInPolicy,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._revocations = revocations
        self._gate = gate
        self._policy = policy

    async def register(
        self, username: str, email: str, password: str, full_name: str, device: Device
    ) -> TokenPair | None:
        """Make an account and sign it in. CONFLICT when the name or address is taken.

        None where the address has to be verified first; then nobody learns whether it was taken.
        """
        checked = await self._passwords.run(lambda: account_rules.registration(username, email, password, full_name))
        new = replace(checked, password_hash=await self._passwords.hash(password))

        async def work(connection: AsyncConnection) -> TokenPair | None:
            try:
                user = await UserRepository(connection).insert(new)
            except AppError as taken:
                if self._policy.email_verification != "required":
                    raise
                await tell_owner(connection, new, taken, self._policy.public_url)
                return None
            await open_account(connection, user.id, self._policy.grant_ms)
            actor = Actor(user.id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.REGISTER, actor))
            if self._policy.email_verification != "off":
                await send_verification(connection, user, self._policy.public_url)
            if self._policy.email_verification == "required":
                return None
            return await self._open_session(connection, user, device)

        return await self._database.write(work)

    async def login(self, credentials: Credentials, device: Device) -> TokenPair:
        """Sign in. One error and one duration for an unknown name and for a wrong password."""
        user = await self._gate.passed(credentials, device)

        async def work(connection: AsyncConnection) -> TokenPair:
            present = await self._gate.still_in(connection, user)
            await signed_in(connection, present, device, kind="tokens")
            return await self._open_session(connection, present, device)

        return await self._database.write(work)

    async def open_browser(self, credentials: Credentials, device: Device) -> tuple[BrowserSession, str]:
        """Sign a browser in, with the same checks: its session, and the secret for its cookie."""
        user = await self._gate.passed(credentials, device)
        secret = new_browser_secret()

        async def work(connection: AsyncConnection) -> BrowserSession:
            present = await self._gate.still_in(connection, user)
            await signed_in(connection, present, device, kind="browser")
            lifetime = self._policy.session_lifetime
            session_id = await SessionRepository(connection).open(user.id, device, lifetime, token_sha256(secret))
            return BrowserSession(session_id, present, lifetime)

        return await self._database.write(work), secret

    async def resolve_browser(self, secret: str, device: Device) -> tuple[BrowserSession, bool]:
        """The session behind a cookie, and whether this use put its end off."""
        presented = token_sha256(secret)

        async def find(connection: AsyncConnection) -> tuple[FoundBrowser, User] | None:
            found = await SessionRepository(connection).find_browser(presented)
            user = await UserRepository(connection).get(found.user_id) if found else None
            return (found, user) if found and user and user.suspended_at is None else None

        resolved = await self._database.read(find)
        if resolved is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The session has ended. Sign in again.")
        found, user = resolved
        # A row is not written at every request: the end of a session need not be exact.
        renews = found.unused >= _TOUCHED_EVERY

        guest = user.role == GUEST
        lifetime = self._policy.guest_lifetime if guest else self._policy.session_lifetime

        async def touch(connection: AsyncConnection) -> None:
            await SessionRepository(connection).touch(found.session_id, device, lifetime)
            if guest:
                await GuestRepository(connection).stay(user.id, lifetime + GUEST_MARGIN)

        if renews:
            await self._database.write(touch, repeatable=True)
        return BrowserSession(found.session_id, user, lifetime), renews

    async def refresh(self, refresh_token: str, device: Device) -> TokenPair:
        """Exchange a refresh token. A token that was used before ends its whole session."""
        presented = token_sha256(refresh_token)

        async def work(connection: AsyncConnection) -> TokenPair | UUID | None:
            sessions = SessionRepository(connection)
            found = await sessions.find_token(presented)
            if found is None:
                return None
            verdict = judge(found.presented, now=found.now, grace=self._policy.refresh_grace)
            user = await UserRepository(connection).get(found.user_id)
            if verdict is Verdict.REUSED:
                await sessions.revoke(found.session_id, found.user_id)
                actor = Actor(found.user_id, user.username if user else "", device.address)
                details = {"session_id": str(found.session_id)}
                await AuditLog(connection).append(Entry(Action.TOKEN_REUSED, actor, ok=False, details=details))
                return found.session_id
            if verdict is Verdict.ENDED or user is None or user.suspended_at is not None:
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

    async def revoke(self, user_id: UUID, session_id: UUID, actor: Actor) -> bool:
        """End a session of the user; False when there is no such live session."""

        async def work(connection: AsyncConnection) -> bool:
            revoked = await SessionRepository(connection).revoke(session_id, user_id)
            if revoked:
                details = {"session_id": str(session_id)}
                await AuditLog(connection).append(Entry(Action.SIGN_OUT, actor, user_id, details=details))
            return revoked

        revoked = await self._database.write(work)
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


async def send_verification(connection: AsyncConnection, user: User, public_url: str) -> None:
    """Ask by mail whether the address is the account's; not more often than a mailbox bears."""
    mails = MailRepository(connection)
    token = await mails.new_token(user.id, Purpose.VERIFY, user.email)
    if token is not None:
        await mails.post(verify_address(user.email, public_url, token))


async def tell_owner(connection: AsyncConnection, new: NewUser, taken: AppError, public_url: str) -> None:
    """Tell by mail, and nobody else, that the address has an account; raises when the username is taken.

    Not more often than a mailbox bears, whoever asks.
    """
    names = [violation for violation in taken.violations if violation.pointer == "/username"]
    if names:
        raise AppError(ErrorCode.CONFLICT, names[0].detail, violations=names)
    owner = await UserRepository(connection).by_identifier(new.email)
    mails = MailRepository(connection)
    if owner is not None and await mails.has_room(owner.email, Kind.ACCOUNT_EXISTS):
        await mails.post(account_exists(owner.email, public_url))


async def signed_in(connection: AsyncConnection, user: User, device: Device, **details: str) -> None:
    """What every sign-in leaves behind: a line in the log, and an account whose deletion is withdrawn."""
    actor = Actor(user.id, user.username, device.address)
    await AuditLog(connection).append(Entry(Action.SIGN_IN, actor, details=details))
    if user.deletion_due_at is not None:
        await UserRepository(connection).set_deletion(user.id, None)
        await AuditLog(connection).append(Entry(Action.DELETION_WITHDRAWN, actor))
