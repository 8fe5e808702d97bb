"""Where a queued job stands and when a job will end: estimates from counters, cheap enough for every answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.database import Database
from services.user_management.jobs.fairness import OwnerLoad, queue_position
from services.user_management.jobs.queue_repository import QueueRepository
from services.user_management.jobs.rules import Job, Status

_FRESH_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """`queue_position` is 1 for the next, 0 for a job that is not queued; `eta_seconds` is 0 when nobody knows."""

    queue_position: int = 0
    eta_seconds: float = 0.0


def queued_eta_seconds(position: int, running: int, mean_run_seconds: float) -> float:
    """When a job at `position` will have ended, if those before it are spread over as many slots as are busy now."""
    return mean_run_seconds * ((position - 1) / max(running, 1) + 1)


class Forecast:
    """Reads the database only for queued jobs. The mean running time of a queue is remembered for seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._means: dict[str, tuple[float, float]] = {}
        self._lock = asyncio.Lock()

    async def of(self, jobs: Sequence[Job]) -> dict[UUID, Outlook]:
        """The outlook of each job."""
        found = {job.id: Outlook(eta_seconds=job.eta_seconds) for job in jobs}
        queued = [job for job in jobs if job.status is Status.QUEUED]
        for queue, owner_id in {(job.queue, job.owner_id) for job in queued}:
            loads, own = await self._load(queue, owner_id)
            ranks = {job_id: rank for rank, job_id in enumerate(own)}
            running = sum(load.running for load in loads)
            mean = await self._mean_run_seconds(queue)
            for job in queued:
                # A job that was leased since it was read is in nobody's way any more.
                if (job.queue, job.owner_id) == (queue, owner_id) and job.id in ranks:
                    position = queue_position(owner_id, ranks[job.id], loads)
                    found[job.id] = Outlook(position, queued_eta_seconds(position, running, mean))
        return found

    async def _load(self, queue: str, owner_id: UUID) -> tuple[list[OwnerLoad], list[UUID]]:
        async def query(connection: AsyncConnection) -> tuple[list[OwnerLoad], list[UUID]]:
            queues = QueueRepository(connection)
            return await queues.loads(queue), await queues.queued_of(queue, owner_id)

        return await self._database.read(query)

    async def _mean_run_seconds(self, queue: str) -> float:
        async with self._lock:
            read_at, mean = self._means.get(queue, (float("-inf"), 0.0))
            if time.monotonic() - read_at > _FRESH_SECONDS:

                async def query(connection: AsyncConnection) -> float:
                    return await QueueRepository(connection).mean_run_seconds(queue)

                mean = await self._database.read(query)
                if mean:
                    self._means[queue] = (time.monotonic(), mean)
            return mean
