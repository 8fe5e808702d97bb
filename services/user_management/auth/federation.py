"""Signing a browser in by an identity provider: the rules of `identity_rules`, carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts import rules as account_rules
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import NewUser, User
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.gate import SignInGate
from services.user_management.auth.identity_repository import IdentityRepository
from services.user_management.auth.identity_rules import Identity, Trust, Verdict, judge, shown_name, usernames
from services.user_management.auth.reclaiming import Reclaimed, factor_counts, may_be_a_strangers, reclaim
from services.user_management.auth.repository import Device, SessionRepository
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.rules import new_browser_secret, token_sha256
from services.user_management.auth.second_factor import SecondFactors
from services.user_management.auth.sign_in import BrowserSession, SignInPolicy, send_verification, signed_in
from services.user_management.database import Database
from services.user_management.mail.message import security_notice
from services.user_management.mail.repository import MailRepository
from services.user_management.quotas.opening import open_account

_PASSWORD_FIRST = "There is an account with this e-mail address. Sign in with its password"  # noqa: S105 — a sentence
_DROPPED: Final = (
    "\n\nWhat opened the account before could have been set by somebody who registered your address before you did. So "
    "its password, second factor, sessions, API keys and other providers do not open it any more, and its webhooks are "
    "switched off. To have a password, choose a new one by e-mail."
)
_REFUSALS: Final[Mapping[Verdict, tuple[ErrorCode, str]]] = MappingProxyType(
    {
        Verdict.NO_ADDRESS: (
            ErrorCode.FORBIDDEN,
            "The provider did not tell your e-mail address. Let it share the address, then sign in again.",
        ),
        Verdict.UNCONFIRMED_THERE: (
            ErrorCode.FORBIDDEN,
            "The provider does not say that your e-mail address was confirmed. Confirm it there, then sign in again.",
        ),
        Verdict.CLOSED: (
            ErrorCode.FORBIDDEN,
            "This provider signs in people who have an account here. Register first, with the same e-mail address.",
        ),
        Verdict.NOT_TRUSTED: (ErrorCode.CONFLICT, f"{_PASSWORD_FIRST}: this provider's word does not open it."),
        Verdict.PRIVILEGED: (ErrorCode.CONFLICT, f"{_PASSWORD_FIRST}: it has rights that no provider is to give away."),
        Verdict.UNCONFIRMED_HERE: (
            ErrorCode.CONFLICT,
            "There is an account with this e-mail address, which nobody has confirmed. Choose a new password for it by "
            "e-mail, which confirms the address; then sign in again.",
        ),
        Verdict.ANOTHER_PERSON: (
            ErrorCode.CONFLICT,
            f"{_PASSWORD_FIRST}: another person of this provider is linked to it.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class _Found:
    """What an identity means at this moment. `account` is None only for what registers or is refused."""

    verdict: Verdict
    account: User | None

    @property
    def asks_factor(self) -> bool:
        """Whether the account's second factor is to be shown."""
        if self.account is None:
            return False
        if self.verdict is Verdict.LINK:
            return factor_counts(self.account)
        return self.account.totp_confirmed_at is not None


class Federation:
    """Every method raises `AppError`."""

    def __init__(
        self,
        database: Database,
        gate: SignInGate,
        factors: SecondFactors,
        revocations: Revocations,
        policy: SignInPolicy,
    ) -> None:
        self._database = database
        self._gate = gate
        self._factors = factors
        self._revocations = revocations
        self._policy = policy

    async def open_browser(
        self, identity: Identity, trust: Trust, code: str, device: Device
    ) -> tuple[BrowserSession, str]:
        """Sign a browser in as the identity's account, found, linked or made: its session, and its cookie's secret."""
        found = await self._database.read(lambda connection: _find(connection, identity, trust))
        if found.verdict in _REFUSALS:
            await self._refuse(identity, found, device)
        if found.account is not None:
            await self._gate.vouched_for(found.account, code, device, asks_factor=found.asks_factor)
        secret = new_browser_secret()
        ended: list[UUID] = []

        async def work(connection: AsyncConnection) -> BrowserSession | None:
            await IdentityRepository(connection).lock(identity)
            user, gone = await self._settled(connection, identity, trust, found, device)
            ended[:] = gone
            if user.email_verified_at is None and self._policy.email_verification == "required":
                return None
            await signed_in(connection, user, device, kind="browser", provider=identity.provider)
            lifetime = self._policy.session_lifetime
            session_id = await SessionRepository(connection).open(user.id, device, lifetime, token_sha256(secret))
            return BrowserSession(session_id, user, lifetime)

        session = await self._database.write(work)
        await self._revocations.publish_all(ended)
        if session is None:
            raise AppError(ErrorCode.FORBIDDEN, "Open the link in the mail that is on its way, then sign in again.")
        return session, secret

    async def _settled(
        self, connection: AsyncConnection, identity: Identity, trust: Trust, before: _Found, device: Device
    ) -> tuple[User, tuple[UUID, ...]]:
        """The account, locked, and the sessions and keys that ended.

        The verdict is asked again, because it may have changed since the door was passed.
        """
        identities = IdentityRepository(connection)
        user = await self._gate.still_in(connection, before.account) if before.account is not None else None
        now = await _find(connection, identity, trust)
        if now.verdict is not before.verdict or (now.account is None) != (user is None):
            raise _changed()
        if user is None:
            return await self._register(connection, identity, trust, device), ()
        if now.account is None or now.account.id != user.id or now.asks_factor != before.asks_factor:
            raise _changed()
        if now.verdict is not Verdict.LINK:
            await identities.touch(identity)
            return user, ()
        gone = await self._reclaimed(connection, user, device, before)
        await identities.add(identity, user.id)
        await _tell_of_link(connection, identity, user, device, dropped=gone.anything)
        return await UserRepository(connection).get(user.id) or user, gone.ended

    async def _reclaimed(self, connection: AsyncConnection, user: User, device: Device, passed: _Found) -> Reclaimed:
        """End what a stranger may have set; nothing of whoever has just shown the account's second factor."""
        gone = Reclaimed((), {})
        if may_be_a_strangers(user) and not passed.asks_factor:
            actor = Actor(user.id, user.username, device.address)
            gone = await reclaim(connection, self._factors, user, actor)
        await UserRepository(connection).set_owned(user.id)
        return gone

    async def _register(self, connection: AsyncConnection, identity: Identity, trust: Trust, device: Device) -> User:
        users = UserRepository(connection)
        user = await _insert(users, identity)
        await open_account(connection, user.id, self._policy.grant_ms)
        await IdentityRepository(connection).add(identity, user.id)
        actor = Actor(user.id, user.username, device.address)
        await AuditLog(connection).append(Entry(Action.REGISTER, actor, details={"provider": identity.provider}))
        if trust.email:
            await users.set_email(user.id, user.email)
            await users.set_owned(user.id)
        elif self._policy.email_verification != "off":
            await send_verification(connection, user, self._policy.public_url)
        return await users.get(user.id) or user

    async def _refuse(self, identity: Identity, found: _Found, device: Device) -> None:
        code, sentence = _REFUSALS[found.verdict]
        subject = found.account.id if found.account is not None else None
        details = {"provider": identity.provider, "why": found.verdict.name.lower()}
        entry = Entry(Action.SIGN_IN, Actor(None, "", device.address), subject, ok=False, details=details)
        await self._database.write(lambda connection: AuditLog(connection).append(entry))
        raise AppError(code, sentence)


async def _find(connection: AsyncConnection, identity: Identity, trust: Trust) -> _Found:
    users, identities = UserRepository(connection), IdentityRepository(connection)
    owner_id = await identities.owner(identity)
    known = await users.get(owner_id) if owner_id is not None else None
    namesake = await users.by_identifier(identity.email) if known is None and identity.email else None
    taken = namesake is not None and await identities.has(namesake.id, identity.issuer)
    return _Found(judge(identity, trust, known, namesake, taken=taken), known or namesake)


async def _insert(users: UserRepository, identity: Identity) -> User:
    for username in usernames(identity):
        try:
            return await users.insert(NewUser(username, identity.email, shown_name(identity)))
        except AppError as taken:
            if any(violation.pointer == "/email" for violation in taken.violations):
                raise _changed() from taken
    raise AppError(ErrorCode.CONFLICT, "No username could be found for you. Register, and sign in with a password.")


async def _tell_of_link(
    connection: AsyncConnection, identity: Identity, user: User, device: Device, *, dropped: bool
) -> None:
    actor = Actor(user.id, user.username, device.address)
    await AuditLog(connection).append(Entry(Action.IDENTITY_LINKED, actor, details={"provider": identity.provider}))
    await MailRepository(connection).post(
        security_notice(
            user.email,
            f"Your Music Gen AI account can now be opened by signing in with {identity.provider}. "
            "Choosing a new password by e-mail ends that." + (_DROPPED if dropped else ""),
        )
    )


def checked(identity: Identity) -> Identity:
    """The identity with its address in the form that accounts have; without one that is none.

    Raises `AppError` (UNAUTHENTICATED) when it names nobody.
    """
    try:
        email = account_rules.email(identity.email) if identity.email else ""
    except AppError:
        email = ""
    return Identity(
        identity.provider,
        identity.issuer,
        identity.subject,
        email,
        identity.email_verified and bool(email),
        identity.full_name,
        identity.preferred_username,
    )


def _changed() -> AppError:
    return AppError(ErrorCode.CONFLICT, "The account was changed at this very moment. Sign in again.")
