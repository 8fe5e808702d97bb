"""What an owner does about their account: address, password, second factor, name, end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts import rules
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import User
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.api_keys import revoke_all_keys
from services.user_management.auth.gate import SignInGate
from services.user_management.auth.identity_repository import IdentityRepository
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.repository import Device, SessionRepository
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.second_factor import Enrolment, SecondFactors
from services.user_management.auth.sign_in import send_verification
from services.user_management.database import Database
from services.user_management.guests.guests import settle
from services.user_management.guests.repository import GuestRepository
from services.user_management.guests.rules import GUEST
from services.user_management.mail.message import reset_password, security_notice, verify_address
from services.user_management.mail.repository import Kind, MailRepository, Purpose
from services.user_management.revisions import changed_meanwhile

# What a link proves that may be opened twice.
_PROVING: Final = (Purpose.VERIFY, Purpose.CHANGE)


@dataclass(frozen=True, slots=True)
class CredentialPolicy:
    """How long a deleted account can come back, and where mails lead to."""

    deletion_grace: timedelta
    public_url: str


class AccountCredentials:
    """Every method raises `AppError`. `device` is where the owner does it from."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        gate: SignInGate,
        factors: SecondFactors,
        revocations: Revocations,
        policy: CredentialPolicy,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._gate = gate
        self._factors = factors
        self._revocations = revocations
        self._policy = policy

    async def verify_email(self, token: str, device: Device) -> None:
        """Take the token of a mail: the address is the account's. VALIDATION when it is worth nothing.

        Once more is well while the address is still the account's: mail programs open links, and people press twice.
        """

        ended: list[UUID] = []

        async def work(connection: AsyncConnection) -> bool:
            used = await MailRepository(connection).use_token(token, _PROVING)
            if used is None:
                return await _proved_before(connection, token)
            user_id, purpose, address = used
            users = UserRepository(connection)
            user = await users.lock(user_id)
            if user is not None and user.role == GUEST:
                wanted = await GuestRepository(connection).wanted(user_id)
                if wanted is None or wanted.email != address:
                    return False
                actor = Actor(user_id, wanted.username, device.address)
                ended[:] = await settle(connection, user, wanted, actor)
                user = await users.get(user_id)
            # An account that changed its address meanwhile has another one to verify.
            if user is None or (purpose is Purpose.VERIFY and user.email != address):
                return False
            if not await users.set_email(user_id, address):
                return False
            actor = Actor(user_id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.EMAIL_VERIFIED, actor))
            if purpose is Purpose.CHANGE:
                await MailRepository(connection).post(
                    security_notice(user.email, "The e-mail address of your Music Gen AI account was changed.")
                )
            return True

        if not await self._database.write(work):
            raise _worthless()
        await self._revocations.publish_all(ended)

    async def resend_verification(self, address: str) -> None:
        """Another mail to verify an address; nothing where there is nothing to verify. Tells nobody which."""

        async def work(connection: AsyncConnection) -> None:
            user = await _by_address(connection, address)
            if user is not None and user.email_verified_at is None and user.role != GUEST:
                await send_verification(connection, user, self._policy.public_url)

        await self._database.write(work)

    async def change_email(self, user_id: UUID, password: str, address: str, device: Device) -> None:
        """Send a mail to another address, which becomes the account's once it is verified."""
        checked = rules.email(address)
        user = await self._confirmed(user_id, password, device)

        async def work(connection: AsyncConnection) -> None:
            await self._gate.still_in(connection, user)
            mails = MailRepository(connection)
            await mails.forget_tokens(user_id, Purpose.CHANGE)
            token = await mails.new_token(user_id, Purpose.CHANGE, checked)
            # An address that has an account gets none: its owner did not ask, and the asker learns nothing. Earlier
            # tokens were forgotten, so it is the mails that are counted.
            free = await UserRepository(connection).by_identifier(checked) is None
            if token is not None and free and await mails.has_room(checked, Kind.CHANGE_VERIFY):
                await mails.post(verify_address(checked, self._policy.public_url, token))
            # Whatever becomes of it: who has the account now is to hear of it while it can be stopped.
            await mails.post(
                security_notice(
                    user.email,
                    "Somebody signed in to your Music Gen AI account asked for another e-mail address for it. "
                    "It counts once a link that was sent there is opened.",
                )
            )
            actor = Actor(user_id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.EMAIL_CHANGE_ASKED, actor))

        await self._database.write(work)

    async def forgot_password(self, address: str, device: Device) -> None:
        """A mail with which the owner of the address can choose a password. Tells nobody whether there is one."""

        async def work(connection: AsyncConnection) -> None:
            user = await _by_address(connection, address)
            if user is None or user.suspended_at is not None:
                return
            # Whoever came by an identity provider may choose a first password; the local owner of an install has none.
            if user.password_hash is None and not await IdentityRepository(connection).has(user.id):
                return
            mails = MailRepository(connection)
            token = await mails.new_token(user.id, Purpose.RESET, user.email)
            if token is not None:
                await mails.post(reset_password(user.email, self._policy.public_url, token))
                actor = Actor(None, "", device.address)
                await AuditLog(connection).append(Entry(Action.PASSWORD_RESET_ASKED, actor, user.id))

        await self._database.write(work)

    async def reset_password(self, token: str, password: str, device: Device) -> None:
        """Choose a new password by the token of a mail. Ends every session and key; a second factor stays."""
        _check_length(password)

        async def presenter(connection: AsyncConnection) -> User | None:
            owner_id = await MailRepository(connection).owner_of_token(token, Purpose.RESET)
            return await UserRepository(connection).get(owner_id) if owner_id else None

        # A refused password keeps the token.
        presented_by = await self._database.read(presenter)
        if presented_by is None:
            raise _worthless()
        await self._passwords.run(lambda: rules.password(password, presented_by.username, presented_by.email))

        async def owner(connection: AsyncConnection) -> tuple[User, str] | None:
            used = await MailRepository(connection).use_token(token, (Purpose.RESET,))
            user = await UserRepository(connection).lock(used[0]) if used else None
            # A token proves the address that it was sent to, which may be another one by now.
            return (user, used[2]) if used and user and user.email == used[2] else None

        async def work(connection: AsyncConnection) -> tuple[User, list[UUID]]:
            found = await owner(connection)
            if found is None:
                raise _worthless()
            user, address = found
            users = UserRepository(connection)
            await users.set_password_hash(user.id, hashed)
            await users.set_email(user.id, address)
            await users.set_owned(user.id)
            # Whoever had the password may have asked for another address.
            await MailRepository(connection).forget_tokens(user.id, Purpose.CHANGE)
            ended = await self._end_everything(connection, user.id)
            actor = Actor(user.id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.PASSWORD_RESET, actor))
            # Nor is a provider's account that somebody else holds to open this one again.
            if unlinked := await IdentityRepository(connection).forget_all(user.id):
                await AuditLog(connection).append(Entry(Action.IDENTITIES_UNLINKED, actor, details={"count": unlinked}))
            await MailRepository(connection).post(
                security_notice(user.email, "The password of your Music Gen AI account was changed by e-mail.")
            )
            return user, ended

        hashed = await self._passwords.hash(password)
        user, ended = await self._database.write(work)
        await self._revocations.publish_all(ended)
        await self._gate.forgive(user, device)

    async def change_password(
        self, user_id: UUID, session_id: UUID | None, present: str, password: str, device: Device
    ) -> None:
        """Replace the password; ends every other session. Keys stay: they are not made from it."""
        user = await self._confirmed(user_id, present, device)
        await self._passwords.run(lambda: rules.password(password, user.username, user.email))
        hashed = await self._passwords.hash(password)

        async def work(connection: AsyncConnection) -> list[UUID]:
            await self._gate.still_in(connection, user)
            await UserRepository(connection).set_password_hash(user_id, hashed)
            for purpose in (Purpose.RESET, Purpose.CHANGE):
                await MailRepository(connection).forget_tokens(user_id, purpose)
            ended = await SessionRepository(connection).revoke_all(user_id, kept=session_id)
            actor = Actor(user_id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.PASSWORD_CHANGE, actor))
            await MailRepository(connection).post(
                security_notice(user.email, "The password of your Music Gen AI account was changed.")
            )
            return ended

        await self._revocations.publish_all(await self._database.write(work))

    async def enrol(self, user_id: UUID, password: str, device: Device) -> Enrolment:
        """A second factor's secret, which counts once it is confirmed."""
        user = await self._confirmed(user_id, password, device)
        return await self._database.write(lambda connection: self._factors.enrol(connection, user))

    async def confirm_factor(self, user_id: UUID, code: str, device: Device) -> Sequence[str]:
        """Turn the second factor on by a code; answers the recovery codes."""
        user = await self._user(user_id)

        async def work(connection: AsyncConnection) -> Sequence[str]:
            codes = await self._factors.confirm(connection, user, code)
            actor = Actor(user_id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.SECOND_FACTOR_ON, actor))
            return codes

        return await self._database.write(work)

    async def turn_off_factor(self, user_id: UUID, password: str, code: str, device: Device) -> None:
        """Turn the second factor off, by password and code."""
        user = await self._confirmed(user_id, password, device)
        if user.totp_confirmed_at is None:
            raise AppError(ErrorCode.CONFLICT, "No second factor is on.")
        await self._gate.code_may_be_tried(user, device)

        async def work(connection: AsyncConnection) -> bool:
            if await self._factors.takes(connection, user_id, code) is None:
                return False
            await self._factors.turn_off(connection, user_id)
            actor = Actor(user_id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.SECOND_FACTOR_OFF, actor))
            await MailRepository(connection).post(
                security_notice(user.email, "The second factor of your Music Gen AI account was turned off.")
            )
            return True

        if not await self._database.write(work):
            await self._gate.code_was_wrong(user, device)
            raise AppError.field("/code", "The code is wrong, or was used before. Wait for the next one.")

    async def change_profile(
        self, user_id: UUID, changes: Mapping[str, object], revisions: Collection[int] = ()
    ) -> User:
        """Change the owner's names, bio or links; every value is checked.

        Raises `AppError` (PRECONDITION_FAILED) when the account has none of the revisions, if any are named.
        """

        async def work(connection: AsyncConnection) -> User | None:
            accounts = UserRepository(connection)
            changed, user = await accounts.set_profile(user_id, changes, revisions), await accounts.get(user_id)
            if user is not None and not changed:
                raise changed_meanwhile()
            return user

        # Done once, it finds another revision.
        return _there(await self._database.write(work, repeatable=not revisions))

    async def ask_deletion(self, user_id: UUID, password: str, device: Device) -> User:
        """Let the account go when the grace is over; signing in before withdraws it. Ends every session and key."""
        user = await self._confirmed(user_id, password, device)

        async def work(connection: AsyncConnection) -> list[UUID]:
            users = UserRepository(connection)
            # One change of who administers at a time, or two admins could go together.
            await users.lock_founding()
            present = await self._gate.still_in(connection, user)
            await users.set_deletion(user_id, self._policy.deletion_grace)
            if present.role == "admin" and await users.admins() == 0:
                raise AppError(ErrorCode.CONFLICT, "You are the last administrator. Make somebody else one first.")
            actor = Actor(user_id, user.username, device.address)
            await AuditLog(connection).append(Entry(Action.DELETION_ASKED, actor))
            days = self._policy.deletion_grace.days
            await MailRepository(connection).post(
                security_notice(
                    user.email,
                    f"Your Music Gen AI account and everything in it will be deleted in {days} days. "
                    "Signing in before then keeps it.",
                )
            )
            return await self._end_everything(connection, user_id)

        await self._revocations.publish_all(await self._database.write(work))
        return await self._user(user_id)

    async def _end_everything(self, connection: AsyncConnection, user_id: UUID) -> list[UUID]:
        sessions = await SessionRepository(connection).revoke_all(user_id)
        return [*sessions, *await revoke_all_keys(connection, user_id)]

    async def _confirmed(self, user_id: UUID, password: str, device: Device) -> User:
        user = await self._user(user_id)
        await self._gate.confirm(user, password, device)
        return user

    async def _user(self, user_id: UUID) -> User:
        return _there(await self._database.read(lambda connection: UserRepository(connection).get(user_id)))


async def _by_address(connection: AsyncConnection, address: str) -> User | None:
    if "@" not in address or "\0" in address or len(address) > 320:
        return None
    return await UserRepository(connection).by_identifier(address)


async def _proved_before(connection: AsyncConnection, token: str) -> bool:
    """Whether the token was used up already, and what it proved is still so."""
    before = await MailRepository(connection).used_before(token, _PROVING)
    if before is None:
        return False
    user_id, address = before
    user = await UserRepository(connection).get(user_id)
    return (
        user is not None
        and user.role != GUEST
        and user.email_verified_at is not None
        and rules.folded(user.email) == rules.folded(address)
    )


def _check_length(password: str) -> None:
    if not rules.SHORTEST_PASSWORD <= len(password) <= rules.LONGEST_PASSWORD:
        raise AppError.field(
            "/password", f"A password has {rules.SHORTEST_PASSWORD} to {rules.LONGEST_PASSWORD} characters."
        )


def _worthless() -> AppError:
    return AppError.field("/token", "The link was used before, or has expired. Ask for another one.")


def _there(user: User | None) -> User:
    if user is None:
        raise AppError(ErrorCode.UNAUTHENTICATED, "This account does not exist any more.")
    return user
