"""Sends what the outbox holds: at least once, with growing pauses, and gives up at last."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.user_management.accounts.repository import UserRepository
from services.user_management.auth.sealing import Sealer
from services.user_management.database import Database
from services.user_management.mail.message import webhook_disabled
from services.user_management.mail.repository import MailRepository
from services.user_management.webhooks.repository import WebhookRepository
from services.user_management.webhooks.rules import (
    MOST_ATTEMPTS,
    SIGNATURE_HEADER,
    pause_after,
    signature,
    target_of,
)
from services.user_management.webhooks.sender import Reply, WebhookSender
from services.user_management.webhooks.webhook import Claimed

AT_ONCE: Final = 32
# Of one owner, whatever waits for how many webhooks of theirs.
AT_ONCE_OF_OWNER: Final = 4
# New messages are begun for so long; then the worker has other things to do, too.
BEGIN_SECONDS: Final = 5.0
# Well beyond an attempt's own limit of time: nobody else may take a message that is on its way.
LEASE: Final = timedelta(seconds=60)
_GONE: Final = 410

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """What one run did."""

    sent: int = 0
    arrived: int = 0
    given_up: int = 0


class Deliveries:
    """`lease` and `most_attempts` are the rules' own unless a test needs others."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        sender: WebhookSender,
        *,
        private: bool,
        lease: timedelta = LEASE,
        most_attempts: int = MOST_ATTEMPTS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._sender = sender
        self._private = private
        self._lease = lease
        self._most_attempts = most_attempts
        self._clock = clock

    async def run(self, begin_seconds: float = BEGIN_SECONDS) -> Tally:
        """Send what is due; new messages are begun for `begin_seconds`. Raises `AppError` when the database is away."""
        tally = Tally()
        stop_at = _now() + begin_seconds
        running: dict[asyncio.Task[None], UUID] = {}
        try:
            while True:
                free = AT_ONCE - len(running)
                claimed = await self._claim(free, Counter(running.values())) if free and _now() < stop_at else []
                for message in claimed:
                    running[asyncio.create_task(self._deliver(message, tally))] = message.owner_id
                if not running:
                    return tally
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del running[task]
                    task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _claim(self, limit: int, under_way: Mapping[UUID, int]) -> list[Claimed]:
        async def work(connection: AsyncConnection) -> list[Claimed]:
            return await WebhookRepository(connection).claim_due(
                limit, self._lease, of_owner=AT_ONCE_OF_OWNER, under_way=under_way
            )

        return await self._database.write(work)

    async def _deliver(self, message: Claimed, tally: Tally) -> None:
        reply = await self._send(message)
        tally.sent += 1
        tally.arrived += reply.arrived
        given_up = not reply.arrived and (message.attempt >= self._most_attempts or reply.status == _GONE)
        tally.given_up += given_up

        async def settle(connection: AsyncConnection) -> bool:
            webhooks = WebhookRepository(connection)
            if reply.arrived:
                await webhooks.succeeded(message, reply.status or 0)
                return False
            if not given_up:
                pause = pause_after(message.attempt)
                await webhooks.postpone(message, pause, status=reply.status, error=reply.error)
                return False
            disable = "Its server answered 410: the address is gone for good." if reply.status == _GONE else ""
            off = await webhooks.give_up(message, status=reply.status, error=reply.error, disable=disable)
            owner = await UserRepository(connection).get(message.owner_id) if off else None
            if owner is not None:
                await MailRepository(connection).post(webhook_disabled(owner.email, message.url))
            return off

        if await self._database.write(settle):
            _log.warning("webhook_disabled", webhook_id=str(message.webhook_id))

    async def _send(self, message: Claimed) -> Reply:
        try:
            # Again, because the operator may have changed what may be called since it was given.
            target = target_of(message.url, private=self._private)
            secret = self._sealer.open(message.webhook_id, message.secret_sealed).decode("ascii")
        except AppError as error:
            return Reply(error=error.message)
        body = message.body.encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "MusicGenAI-Webhooks/1",
            "X-MusicGen-Event": message.event,
            "X-MusicGen-Delivery": str(message.id),
            SIGNATURE_HEADER: signature(secret, int(self._clock()), body),
        }
        return await self._sender.post(target, headers, body, owner=str(message.owner_id))


def _now() -> float:
    return time.monotonic()
