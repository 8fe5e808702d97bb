"""A job's `progress` events: never falling, at most five a second, whatever the backend's pace."""

from __future__ import annotations

import asyncio
import threading

import structlog
from redis.asyncio import Redis

from services.shared.errors import AppError
from services.shared.job_events import publish_event
from services.shared.leases import Lease
from services.shared.live_channel import StaleToken

_INTERVAL_SECONDS = 0.2

_log = structlog.get_logger(__name__)


class ProgressReporter:
    """Made on the loop; `report` may be called from any thread and only keeps the newest."""

    def __init__(self, redis: Redis, lease: Lease) -> None:
        self._loop = asyncio.get_running_loop()
        self._redis = redis
        self._lease = lease
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._fraction = 0.0
        self._stage = ""
        self._eta_seconds: float | None = None

    def report(self, fraction: float, stage: str, eta_seconds: float | None) -> None:
        """Take the newest state."""
        with self._lock:
            self._fraction = max(self._fraction, min(1.0, fraction))
            self._stage = stage
            self._eta_seconds = eta_seconds
            is_new = not self._news.is_set()
        if is_new:
            self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Publish until cancelled or until the lease is lost. Events are a comfort: a failure costs only them."""
        while True:
            await self._news.wait()
            self._news.clear()
            with self._lock:
                data = {"progress": round(self._fraction, 4), "stage": self._stage}
                if self._eta_seconds is not None:
                    data["eta_seconds"] = round(self._eta_seconds, 1)
            if self._lease.lost:
                return
            try:
                await publish_event(self._redis, self._lease.job_id, "progress", data, token=self._lease.fencing_token)
            except StaleToken:
                return
            except AppError as error:
                _log.warning("progress_event_lost", reason=error.message)
            await asyncio.sleep(_INTERVAL_SECONDS)
