"""How far a job is, told to the ledger and to its watchers: from any thread, never falling, at most five a second."""

from __future__ import annotations

import asyncio
import contextlib
import threading
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
    """Made on the loop. The ledger hears of it with the lease's next renewal, watchers by `progress` events at once."""

    def __init__(self, redis: Redis, lease: Lease) -> None:
        self._loop = asyncio.get_running_loop()
        self._redis = redis
        self._lease = lease
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._fraction = 0.0
        self._newest: dict[str, Any] = {}

    def report(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Take the newest state: 0 to 1, what is being done in a musician's words, seconds to go. Cheap."""
        self._lease.progress(fraction, stage, eta_seconds)
        with self._lock:
            self._fraction = max(self._fraction, min(1.0, fraction))
            self._newest = {"progress": round(self._fraction, 4), "stage": stage}
            if eta_seconds is not None:
                self._newest["eta_seconds"] = round(eta_seconds, 1)
            is_new = not self._news.is_set()
        if is_new:
            self._loop.call_soon_threadsafe(self._news.set)

    @contextlib.asynccontextmanager
    async def published(self) -> AsyncIterator[None]:
        """Publish within the block."""
        task = asyncio.create_task(self.publish())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def publish(self) -> None:
        """Publish until cancelled or until the lease is lost. Events are a comfort: a failure costs only them."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._lease.lost:
                return
            with self._lock:
                newest = self._newest
            try:
                await publish_event(
                    self._redis, self._lease.job_id, "progress", newest, token=self._lease.fencing_token
                )
            except StaleToken:
                return
            except AppError as error:
                _log.warning("progress_event_lost", reason=error.message)
            await asyncio.sleep(_INTERVAL_SECONDS)
