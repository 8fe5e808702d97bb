"""Delivers what the outbox holds: at least once, with growing pauses, by whichever replica comes first."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.user_management.database import Database
from services.user_management.mail.repository import MailRepository
from services.user_management.mail.transport import Transport

_LOOK_SECONDS: Final = 2.0
_FIRST_PAUSE_SECONDS: Final = 30
_LONGEST_PAUSE_SECONDS: Final = 3_600
# About a day of attempts; then nobody waits for it any more.
MOST_ATTEMPTS: Final = 30

_log = structlog.get_logger(__name__)


class Courier:
    """One per process. `wake` spares the wait for the next look."""

    def __init__(self, database: Database, transport: Transport) -> None:
        self._database = database
        self._transport = transport
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._woken.clear()
            try:
                while await self._deliver_one():
                    continue
            except AppError as error:
                _log.warning("outbox_not_read", reason=error.message)
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _deliver_one(self) -> bool:
        """Deliver one mail that is due; False when there is none."""
        waiting = await self._database.write(lambda connection: MailRepository(connection).claim_due())
        if waiting is None:
            return False
        pause: timedelta | None = None
        try:
            # Outside of any transaction: a server may take its time.
            await asyncio.to_thread(self._transport.send, waiting.mail)
        except (OSError, ValueError) as error:
            # Never the recipient or the text: logs are no place for either.
            _log.warning(
                "mail_not_delivered",
                mail_id=str(waiting.id),
                attempts=waiting.attempts,
                reason=type(error).__name__,
            )
            pause = pause_after(waiting.attempts) if waiting.attempts < MOST_ATTEMPTS else None

        async def settle(connection: AsyncConnection) -> None:
            outbox = MailRepository(connection)
            if pause is None:
                await outbox.delivered(waiting.id)
            else:
                await outbox.postpone(waiting.id, pause)

        await self._database.write(settle, repeatable=True)
        return True


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failures (from 1)."""
    return timedelta(seconds=min(_FIRST_PAUSE_SECONDS * 2 ** (attempts - 1), _LONGEST_PAUSE_SECONDS))
