"""How long the queues are, for dashboards and autoscalers."""

from __future__ import annotations

import asyncio
from typing import Final

from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.user_management.database import Database
from services.user_management.jobs.queue_repository import QueueRepository

EVERY_SECONDS: Final = 5.0

_QUEUED = Gauge("jobs_queued", "Jobs that wait for a worker.", ["queue"])
_RUNNING = Gauge("jobs_running", "Jobs that are leased to a worker.", ["queue"])


class QueueGauges:
    """Reads the kept counters every few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            await self.measure()
            await asyncio.sleep(EVERY_SECONDS)

    async def measure(self) -> None:
        """Measure once; while the database is away the last values stand."""

        async def query(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
            return await QueueRepository(connection).totals()

        try:
            totals = await self._database.read(query)
        except AppError:
            return
        for queue, (queued, running) in totals.items():
            _QUEUED.labels(queue).set(queued)
            _RUNNING.labels(queue).set(running)
