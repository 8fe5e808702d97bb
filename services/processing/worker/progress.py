"""A job's `progress` events: from any thread, only the newest, at most five a second, fenced by the lease's token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import structlog
from redis.asyncio import Redis

from services.shared.errors import AppError
from services.shared.job_events import publish_event
from services.shared.leases import Lease
from services.shared.live_channel import StaleToken

_INTERVAL_SECONDS: Final = 0.2

_log = structlog.get_logger(__name__)


class JobProgress:
    """Tells the ledger (with the next renewal) and the watchers (at once) how far a job is."""

    def __init__(self, redis: Redis, lease: Lease) -> None:
        self._loop = asyncio.get_running_loop()
        self._redis = redis
        self._lease = lease
        self._news = asyncio.Event()
        self._newest: dict[str, Any] = {}

    def report(self, fraction: float, stage: str) -> None:
        """Take the newest state: 0 to 1, and what is being done in a musician's words. From any thread; cheap."""
        self._lease.progress(fraction, stage)
        self._newest = {"progress": round(fraction, 4), "stage": stage}
        self._loop.call_soon_threadsafe(self._news.set)

    @contextlib.asynccontextmanager
    async def published(self) -> AsyncIterator[None]:
        """Publish within the block."""
        task = asyncio.create_task(self._publish())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _publish(self) -> None:
        # Events are a comfort: whatever fails here costs only them.
        while not self._lease.lost:
            await self._news.wait()
            self._news.clear()
            try:
                await publish_event(
                    self._redis, self._lease.job_id, "progress", self._newest, token=self._lease.fencing_token
                )
            except StaleToken:
                return
            except AppError as error:
                _log.warning("progress_event_lost", reason=error.message)
            await asyncio.sleep(_INTERVAL_SECONDS)
