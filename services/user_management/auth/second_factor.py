"""The second factor: turning it on and off, and asking for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts.tables import users
from services.user_management.accounts.user import User
from services.user_management.auth import totp
from services.user_management.auth.rules import token_sha256
from services.user_management.auth.sealing import Sealer
from services.user_management.auth.tables import recovery_codes


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs."""

    secret: str
    uri: str


class SecondFactors:
    """Works within the caller's transaction."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def enrol(self, connection: AsyncConnection, user: User) -> Enrolment:
        """A new secret, which counts once a code of it was seen. CONFLICT while a second factor is on."""
        if user.totp_confirmed_at is not None:
            raise _is_on()
        secret = totp.new_secret()
        values = {"totp_sealed": self._sealer.seal(user.id, secret), "totp_last_step": 0}
        # As it is now: one that was turned on since the password was checked is not to be replaced by another.
        off = update(users).where(users.c.id == user.id, users.c.totp_confirmed_at.is_(None))
        if (await connection.execute(off.values(values))).rowcount == 0:
            raise _is_on()
        return Enrolment(totp.text_of(secret), totp.provisioning_uri(secret, user.username))

    async def confirm(self, connection: AsyncConnection, user: User, code: str) -> list[str]:
        """Turn it on by a code of the app; answers the recovery codes, which are shown this once."""
        if user.totp_confirmed_at is not None:
            raise AppError(ErrorCode.CONFLICT, "The second factor is on already.")
        if not await self._takes_code(connection, user.id, code):
            raise AppError.field("/code", "This is not the app's present code. Check the clocks and try the next one.")
        codes = totp.new_recovery_codes()
        await connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user.id))
        rows = [{"user_id": user.id, "code_sha256": token_sha256(code)} for code in codes]
        await connection.execute(insert(recovery_codes), rows)
        off = update(users).where(users.c.id == user.id, users.c.totp_confirmed_at.is_(None))
        if (await connection.execute(off.values(totp_confirmed_at=func.now()))).rowcount == 0:
            # Another request was first: its recovery codes are those that count.
            raise AppError(ErrorCode.CONFLICT, "The second factor is on already.")
        return codes

    async def turn_off(self, connection: AsyncConnection, user_id: UUID) -> None:
        """Forget the secret and the recovery codes."""
        await connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
        values = {"totp_sealed": None, "totp_confirmed_at": None, "totp_last_step": 0}
        await connection.execute(update(users).where(users.c.id == user_id).values(values))

    async def takes(self, connection: AsyncConnection, user_id: UUID, code: str) -> str | None:
        """Use a code up: "app" or "recovery" says which it was; None for a wrong or used one."""
        if len(code) > 64:
            return None
        if await self._takes_code(connection, user_id, code.replace(" ", "")):
            return "app"
        used = (
            update(recovery_codes)
            .where(
                recovery_codes.c.user_id == user_id,
                recovery_codes.c.code_sha256 == token_sha256(totp.normal_recovery_code(code)),
                recovery_codes.c.used_at.is_(None),
            )
            .values(used_at=func.now())
            .returning(recovery_codes.c.user_id)
        )
        return "recovery" if (await connection.execute(used)).first() is not None else None

    async def _takes_code(self, connection: AsyncConnection, user_id: UUID, code: str) -> bool:
        # Locked, so that one code opens one session, however many ask at once.
        query = select(users.c.totp_sealed, users.c.totp_last_step).where(users.c.id == user_id).with_for_update()
        row = (await connection.execute(query)).first()
        if row is None or row.totp_sealed is None:
            return False
        secret = self._sealer.open(user_id, row.totp_sealed)
        step = totp.matching_step(secret, code, time.time(), row.totp_last_step)
        if step is None:
            return False
        await connection.execute(update(users).where(users.c.id == user_id).values(totp_last_step=step))
        return True


def _is_on() -> AppError:
    return AppError(ErrorCode.CONFLICT, "A second factor is on. Turn it off before another one is set up.")
