"""Waiting for the end of jobs: by a local signal at once, or by one look at the database a second for all waiters."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.user_management.database import Database
from services.user_management.jobs.repository import JobRepository

POLL_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class JobEndings:
    """Knows who waits for which job.

    A job that ends in this process wakes its waiters through `ended`; one that ends in another replica is found by
    `run`, whose cost does not grow with the number of waiters.
    """

    def __init__(self, database: Database, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._waiters: dict[UUID, set[asyncio.Event]] = {}

    @contextmanager
    def waiting(self, job_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when the job ends. Look at the job only after entering, so that no end is missed."""
        event = asyncio.Event()
        self._waiters.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            waiters = self._waiters[job_id]
            waiters.discard(event)
            if not waiters:
                del self._waiters[job_id]

    def ended(self, job_id: UUID) -> None:
        """Wake whoever waits for this job."""
        for event in self._waiters.get(job_id, ()):
            event.set()

    async def run(self) -> None:
        """Look once a second for ends that happened elsewhere; until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                await self.look()
            except AppError as error:
                _log.warning("endings_not_read", reason=error.message)

    async def look(self) -> None:
        """Wake the waiters of every awaited job that has ended."""
        awaited = list(self._waiters)
        if not awaited:
            return

        async def query(connection: AsyncConnection) -> list[UUID]:
            return await JobRepository(connection).ended_among(awaited)

        for job_id in await self._database.read(query):
            self.ended(job_id)
