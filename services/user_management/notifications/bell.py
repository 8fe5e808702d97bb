"""Tells open sockets of new notifications: behind the answer, in order, and never at a caller's cost.

What Valkey does not take in time is not told live; the list has it all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.shared.user_feed import publish_to_feed
from services.user_management.database import Database
from services.user_management.notifications.notification import Notification
from services.user_management.notifications.repository import NotificationRepository

PENDING_LIMIT: Final = 10_000
_STOP_SECONDS: Final = 1.0
# How many are read at once.
_TOGETHER: Final = 100

_log = structlog.get_logger(__name__)

# Whom, and the notification's id.
Told = tuple[UUID, UUID]


class NotificationBell:
    """One per process. `ring` never waits and never fails."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self._database = database
        self._redis = redis
        self._pending: asyncio.Queue[Told] = asyncio.Queue(PENDING_LIMIT)

    def ring(self, told: Sequence[Told]) -> None:
        """Tell people what they were notified of, once it is committed."""
        for item in told:
            try:
                self._pending.put_nowait(item)
            except asyncio.QueueFull:
                _log.warning("notification_not_told", notification_id=str(item[1]))

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            batch = [await self._pending.get()]
            while len(batch) < _TOGETHER and not self._pending.empty():
                batch.append(self._pending.get_nowait())
            try:
                await self._tell(batch)
            except AppError as error:
                _log.warning("notifications_not_told", count=len(batch), reason=error.message)
            except Exception:
                _log.exception("notifications_not_told", count=len(batch))
            finally:
                for _ in batch:
                    self._pending.task_done()

    async def flush(self, timeout_seconds: float = _STOP_SECONDS) -> None:
        """Wait until everything so far is told, or the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._pending.join()

    async def _tell(self, batch: Sequence[Told]) -> None:
        people = {notification_id: person_id for person_id, notification_id in batch}

        async def query(connection: AsyncConnection) -> list[Notification]:
            return await NotificationRepository(connection).of_ids(list(people))

        # What was taken back meanwhile is not told.
        for notification in await self._database.read(query):
            await publish_to_feed(self._redis, str(people[notification.id]), "notification", notification.document())
