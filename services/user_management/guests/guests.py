"""Trying the platform without an account, and turning that into one that keeps what was made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.shared.networks import network_of
from services.user_management.accounts import rules as account_rules
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import NewUser, User
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.repository import Device, SessionRepository
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.rules import new_browser_secret, token_sha256
from services.user_management.auth.sign_in import BrowserSession, SignInPolicy, send_verification, tell_owner
from services.user_management.database import Database
from services.user_management.guests.repository import GUEST_MARGIN, GuestRepository
from services.user_management.guests.rules import GUEST, guest_address, guest_name
from services.user_management.jobs.queue_repository import QueueRepository
from services.user_management.mail.message import verify_address
from services.user_management.mail.repository import LIFETIMES, Kind, MailRepository, Purpose
from services.user_management.quotas.opening import open_account
from services.user_management.quotas.repository import QuotaRepository
from services.user_management.quotas.tiers import DEFAULT_TIER, GUEST_TIER

_RETRY_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class GuestPolicy:
    """Whether there are guests, and how many at most."""

    allowed: bool = False
    most: int = 500


class Guests:
    """Every method raises `AppError`."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        revocations: Revocations,
        sign_in: SignInPolicy,
        policy: GuestPolicy,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._revocations = revocations
        self._sign_in = sign_in
        self._policy = policy

    async def enter(self, device: Device) -> tuple[BrowserSession, str]:
        """Make a guest and sign a browser in as it: its session, and the secret for its cookie.

        FORBIDDEN where the operator takes no guests; QUEUE_FULL when there are as many as may be.
        """
        if not self._policy.allowed:
            raise AppError(ErrorCode.FORBIDDEN, "This server takes no guests. Sign up to make music.")
        secret = new_browser_secret()
        lifetime = self._sign_in.guest_lifetime

        async def work(connection: AsyncConnection) -> BrowserSession:
            guests, users = GuestRepository(connection), UserRepository(connection)
            if await guests.count() >= self._policy.most:
                raise AppError(
                    ErrorCode.QUEUE_FULL,
                    "All places for guests are taken at the moment. Sign up, or try again later.",
                    retry_after_seconds=_RETRY_SECONDS,
                )
            name = guest_name()
            user = await users.insert(NewUser(name, guest_address(name), role=GUEST))
            await open_account(connection, user.id, self._sign_in.grant_ms)
            await QuotaRepository(connection).set_tier(user.id, GUEST_TIER)
            await guests.add(user.id, network_of(device.address))
            await guests.stay(user.id, lifetime + GUEST_MARGIN)
            await AuditLog(connection).append(Entry(Action.GUEST_MADE, Actor(user.id, name, device.address)))
            session_id = await SessionRepository(connection).open(user.id, device, lifetime, token_sha256(secret))
            return BrowserSession(session_id, await users.get(user.id) or user, lifetime)

        return await self._database.write(work), secret

    async def sign_up(
        self, user_id: UUID, username: str, email: str, password: str, full_name: str, device: Device
    ) -> tuple[BrowserSession, str] | None:
        """Turn a guest into an account that keeps everything, and sign the browser in anew.

        CONFLICT when it is one already, or the name or address is taken. None where the address has to be verified
        first: until then the guest stays one, and nobody learns whether the address was taken.
        """
        checked = await self._passwords.run(lambda: account_rules.registration(username, email, password, full_name))
        wanted = replace(checked, password_hash=await self._passwords.hash(password))
        secret = new_browser_secret()
        ended: list[UUID] = []

        async def work(connection: AsyncConnection) -> BrowserSession | None:
            guest = await _lock_guest(connection, user_id)
            if self._sign_in.email_verification == "required":
                await self._ask_by_mail(connection, guest, wanted)
                return None
            ended[:] = await settle(connection, guest, wanted, Actor(guest.id, wanted.username, device.address))
            user = await UserRepository(connection).get(guest.id) or guest
            if self._sign_in.email_verification != "off":
                await send_verification(connection, user, self._sign_in.public_url)
            lifetime = self._sign_in.session_lifetime
            session_id = await SessionRepository(connection).open(user.id, device, lifetime, token_sha256(secret))
            return BrowserSession(session_id, user, lifetime)

        session = await self._database.write(work)
        # The old cookie stood for a guest: what remembers that is told.
        await self._revocations.publish_all(ended)
        return (session, secret) if session is not None else None

    async def _ask_by_mail(self, connection: AsyncConnection, guest: User, wanted: NewUser) -> None:
        taken = await UserRepository(connection).taken(wanted)
        if taken is not None:
            await tell_owner(connection, wanted, taken, self._sign_in.public_url)
            return
        await GuestRepository(connection).want(guest.id, wanted)
        mails = MailRepository(connection)
        # A guest's own bound is not enough: guests are had for nothing.
        if not await mails.has_room(wanted.email, Kind.GUEST_VERIFY):
            return
        token = await mails.new_token(guest.id, Purpose.VERIFY, wanted.email)
        if token is not None:
            # As long as the link in the mail works, there has to be something that it can open.
            await GuestRepository(connection).stay(guest.id, LIFETIMES[Purpose.VERIFY] + GUEST_MARGIN)
            await mails.post(verify_address(wanted.email, self._sign_in.public_url, token))


async def settle(connection: AsyncConnection, guest: User, wanted: NewUser, actor: Actor) -> list[UUID]:
    """Make a locked guest the account that it wants to be, in the caller's transaction; the sessions that ended.

    Raises `AppError` (CONFLICT) when the name or address is taken.
    """
    users = UserRepository(connection)
    await users.become(guest.id, wanted)
    await users.set_deletion(guest.id, None)
    await QuotaRepository(connection).set_tier(guest.id, DEFAULT_TIER)
    await QueueRepository(connection).forgive(guest.id)
    await GuestRepository(connection).forget(guest.id)
    await AuditLog(connection).append(Entry(Action.GUEST_SIGNED_UP, actor, guest.id))
    # Whoever had the guest's cookie without being its person does not get the account.
    return await SessionRepository(connection).revoke_all(guest.id)


async def _lock_guest(connection: AsyncConnection, user_id: UUID) -> User:
    user = await UserRepository(connection).lock(user_id)
    if user is None:
        raise AppError(ErrorCode.UNAUTHENTICATED, "This account does not exist any more.")
    if user.suspended_at is not None:
        raise AppError(ErrorCode.FORBIDDEN, "This account is suspended.")
    if user.role != GUEST:
        raise AppError(ErrorCode.CONFLICT, "This is an account already. Sign out first to make another one.")
    return user
