"""The door: whose password this is, whether guessing has to be slowed down, and whether a second factor is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.shared.networks import network_of
from services.user_management.accounts import rules as account_rules
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import User
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.repository import Device, SessionRepository
from services.user_management.auth.second_factor import SecondFactors
from services.user_management.auth.throttle import Attempt, Throttle
from services.user_management.database import Database

_LONGEST_IDENTIFIER = 320


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody types: e-mail address or username, password, and the second factor's code, if any."""

    identifier: str
    password: str
    code: str = ""


class SignInGate:
    """Checks credentials. A refusal says neither by words nor by its time whether the account exists."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        throttle: Throttle,
        factors: SecondFactors,
        *,
        needs_verified_email: bool,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._throttle = throttle
        self._factors = factors
        self._needs_verified_email = needs_verified_email

    async def passed(self, credentials: Credentials, device: Device) -> User:
        """The account. Raises `AppError`: UNAUTHENTICATED, RATE_LIMITED, FORBIDDEN, SECOND_FACTOR_REQUIRED.

        It may change before anything is done with it: whoever opens a session asks `still_in` in that transaction.
        """
        user, known = await self._find(credentials.identifier, device)
        attempt = Attempt(credentials.identifier, device.address, known)
        await self._throttle.admit(attempt)
        stored = user.password_hash if user else None
        right = await self._passwords.verify(stored, credentials.password[: account_rules.LONGEST_PASSWORD + 1])
        if user is None or stored is None or not right:
            await self._refused(attempt, user, "password")
            raise _wrong()
        # From here on it is the owner, or somebody who knows the password: they may be told why they are not let in.
        await self._must_be_welcome(user)
        if user.totp_confirmed_at is not None:
            await self._ask_second_factor(attempt, user, credentials.code)
        await self._throttle.succeeded(attempt)
        if self._passwords.is_outdated(stored):
            return await self._rehashed(user, stored, credentials.password)
        return user

    async def vouched_for(self, user: User, code: str, device: Device, *, asks_factor: bool) -> None:
        """The rest of the door for somebody whom an identity provider vouches for instead of a password.

        `asks_factor`: the account has a second factor, and it counts.

        Raises `AppError`: UNAUTHENTICATED, RATE_LIMITED, FORBIDDEN, SECOND_FACTOR_REQUIRED.
        """
        await self._must_be_welcome(user)
        if asks_factor:
            attempt = _code_attempt(user, device)
            await self._throttle.admit(attempt)
            await self._ask_second_factor(attempt, user, code)
            await self._throttle.succeeded(attempt)

    async def still_in(self, connection: AsyncConnection, user: User) -> User:
        """The account as it is now, locked until the transaction ends.

        Raises `AppError` when its password was changed or it was shut out since it passed.
        """
        present = await UserRepository(connection).lock(user.id)
        if present is None or present.password_hash != user.password_hash:
            raise _wrong()
        if present.suspended_at is not None:
            reason = await UserRepository(connection).suspension_reason(user.id)
            raise AppError(ErrorCode.FORBIDDEN, _suspended(reason))
        return present

    async def confirm(self, user: User, password: str, device: Device) -> None:
        """Whether somebody who is signed in knows the password, before what matters. Raises `AppError`."""
        attempt = Attempt(user.username, device.address, known=True)
        # Also one count for all networks together: whoever stole a session may come from many.
        anywhere = Attempt(f"password of {user.id}", device.address, known=False)
        await self._throttle.admit(attempt)
        await self._throttle.admit(anywhere)
        if not await self._passwords.verify(user.password_hash, password[: account_rules.LONGEST_PASSWORD + 1]):
            await self._throttle.failed(attempt)
            await self._throttle.failed(anywhere)
            raise AppError.field("/password", "This is not your present password.")
        await self._throttle.succeeded(attempt)

    async def code_may_be_tried(self, user: User, device: Device) -> None:
        """Raises `AppError` (RATE_LIMITED) when too many codes that are to turn a second factor off were wrong."""
        await self._throttle.admit(_code_attempt(user, device))

    async def code_was_wrong(self, user: User, device: Device) -> None:
        """Count and log a wrong code of somebody who is signed in and would turn the second factor off."""
        await self._throttle.failed(_code_attempt(user, device))
        actor = Actor(user.id, user.username, device.address)
        entry = Entry(Action.SECOND_FACTOR_OFF, actor, ok=False, details={"wrong": "second factor"})
        await self._database.write(lambda connection: AuditLog(connection).append(entry))

    async def forgive(self, user: User, device: Device) -> None:
        """Let in again whoever proved that the account is theirs, however often others guessed at it."""
        await self._throttle.forget((user.username, user.email), device.address)

    async def _find(self, identifier: str, device: Device) -> tuple[User | None, bool]:
        async def find(connection: AsyncConnection) -> tuple[User | None, list[str]]:
            # What no account can have is not searched for, but takes as long.
            searchable = "\0" not in identifier and len(identifier) <= _LONGEST_IDENTIFIER
            user = await UserRepository(connection).by_identifier(identifier if searchable else "-")
            return user, await SessionRepository(connection).addresses(user.id if user else None)

        user, addresses = await self._database.read(find)
        return user, network_of(device.address) in {network_of(address) for address in addresses if address}

    async def _must_be_welcome(self, user: User) -> None:
        if user.suspended_at is not None:
            raise AppError(ErrorCode.FORBIDDEN, await self._reason(user.id))
        # The first admin's address reaches nobody, and whoever made somebody an admin knows them.
        if self._needs_verified_email and user.email_verified_at is None and user.role != "admin":
            raise AppError(
                ErrorCode.FORBIDDEN,
                "Confirm your e-mail address first, by the link that was sent to it. "
                "POST /api/v1/auth/email/resend sends another one.",
            )

    async def _refused(self, attempt: Attempt, user: User | None, what: str) -> None:
        await self._throttle.failed(attempt)
        actor = Actor(None, "", attempt.address)
        entry = Entry(Action.SIGN_IN, actor, user.id if user else None, ok=False, details={"wrong": what})
        await self._database.write(lambda connection: AuditLog(connection).append(entry))

    async def _ask_second_factor(self, attempt: Attempt, user: User, code: str) -> None:
        if not code:
            raise AppError(ErrorCode.SECOND_FACTOR_REQUIRED, "Send `totp`, the present code of your app, as well.")

        async def take(connection: AsyncConnection) -> str | None:
            kind = await self._factors.takes(connection, user.id, code)
            if kind == "recovery":
                actor = Actor(user.id, user.username, attempt.address)
                await AuditLog(connection).append(Entry(Action.RECOVERY_CODE_USED, actor))
            return kind

        if await self._database.write(take) is None:
            await self._refused(attempt, user, "second factor")
            raise AppError(ErrorCode.UNAUTHENTICATED, "The code is wrong, or was used before. Wait for the next one.")

    async def _reason(self, user_id: UUID) -> str:
        reason = await self._database.read(lambda connection: UserRepository(connection).suspension_reason(user_id))
        return _suspended(reason)

    async def _rehashed(self, user: User, stored: str, password: str) -> User:
        renewed = await self._passwords.hash(password)
        changed = await self._database.write(
            lambda connection: UserRepository(connection).replace_password_hash(user.id, stored, renewed),
            repeatable=True,
        )
        if changed:
            return replace(user, password_hash=renewed)
        # Another sign-in renewed it at the same moment, or it is another password by now.
        present = await self._database.read(lambda connection: UserRepository(connection).get(user.id))
        if present is None or not await self._passwords.verify(present.password_hash, password):
            raise _wrong()
        return present


def _wrong() -> AppError:
    return AppError(ErrorCode.UNAUTHENTICATED, "The username, e-mail address or password is wrong.")


def _suspended(reason: str) -> str:
    return f"This account is suspended. {reason}".strip()


def _code_attempt(user: User, device: Device) -> Attempt:
    # A count of its own, which a right password does not clear, and which is one for all networks together.
    return Attempt(f"code of {user.id}", device.address, known=False)
