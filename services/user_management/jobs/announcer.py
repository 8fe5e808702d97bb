"""Tells the rest of the platform what the ledger has committed: fences, events, doorbells, Celery's hints.

All of it is derived from the committed rows and none of it is needed to get a job done, so it happens behind the
answer, in order, and waits out a restart of Valkey. What was lost with a killed process, or could not be told, is told
again (`retelling`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis

from services.shared.doorbell import announce_cancel, ring
from services.shared.errors import AppError
from services.shared.job_events import publish_event
from services.shared.live_channel import raise_fence
from services.shared.user_feed import publish_to_feed
from services.user_management.background.sender import BackgroundTasks
from services.user_management.jobs.endings import JobEndings
from services.user_management.jobs.events import CHANNEL_STATES, Event, ending_events, status_event
from services.user_management.jobs.rules import Job, Status

PROCESSING: Final = "processing"
PENDING_LIMIT: Final = 10_000
_STOP_SECONDS: Final = 2.0

_ENDED = Counter("jobs_ended_total", "Jobs that ended, by queue and status.", ["queue", "status"])

_log = structlog.get_logger(__name__)


class Announcer:
    """Announces changes one after the other. `announce` never waits and never fails."""

    def __init__(self, redis: Redis, endings: JobEndings, tasks: BackgroundTasks) -> None:
        self._redis = redis
        self._endings = endings
        self._tasks = tasks
        self._pending: asyncio.Queue[tuple[Job | None, Job]] = asyncio.Queue(PENDING_LIMIT)
        self._missed_since: datetime | None = None

    def announce(self, before: Job | None, after: Job, *, master_keys: Sequence[str] = ()) -> None:
        """A job changed; `before` is None when it is new, or when its state has to be told (again) as a whole.

        `master_keys`: lossless audio that it made.
        """
        if after.status.ended:
            self._endings.ended(after.id)
            if before is not None:
                _ENDED.labels(after.queue, after.status.value).inc()
        if after.status is Status.QUEUED and after.queue == PROCESSING:
            self._tasks.post("processing.ring", queue=PROCESSING)
        for key in master_keys:
            self._tasks.post("processing.prepare_track", key, queue=PROCESSING)
        try:
            self._pending.put_nowait((before, after))
        except asyncio.QueueFull:
            _log.warning("announcement_dropped", job_id=str(after.id), status=after.status.value)
            self._miss()

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            before, after = await self._pending.get()
            try:
                await self._tell(before, after)
            except AppError as error:
                _log.warning("announcement_failed", job_id=str(after.id), reason=error.message)
                self._miss()
            except Exception:
                _log.exception("announcement_failed", job_id=str(after.id))
                self._miss()
            finally:
                self._pending.task_done()

    async def flush(self, timeout_seconds: float = _STOP_SECONDS) -> None:
        """Wait until everything so far is told, or the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._pending.join()

    def take_missed(self) -> datetime | None:
        """Since when announcements were lost and not told again; asked for once. None: everything was told."""
        since, self._missed_since = self._missed_since, None
        return since

    def _miss(self) -> None:
        self._missed_since = self._missed_since or datetime.now(UTC)

    def retell(self, ended: Sequence[Job]) -> None:
        """Tell again of jobs that ended. Harmless when it is known."""
        for job in ended:
            self.announce(None, job)

    async def _tell(self, before: Job | None, after: Job) -> None:
        job_id = str(after.id)
        if after.status is Status.RUNNING and after.cancel_requested:
            await announce_cancel(self._redis, job_id)
        ran = before is not None and before.status is Status.RUNNING and after.status is Status.QUEUED
        if ran or after.status.ended:
            token = (before or after).fencing_token + 1
            await raise_fence(self._redis, job_id, token, CHANNEL_STATES.get(after.status))
        for kind, data in _events(before, after):
            await publish_event(self._redis, job_id, kind, data, token=None)
            # What "done" carries can be read; whoever follows a feed only has to know of it.
            told = {} if kind == "done" else data
            await publish_to_feed(self._redis, str(after.owner_id), kind, told, job_id)
        if after.status is Status.QUEUED:
            await ring(self._redis, after.queue)


def _events(before: Job | None, after: Job) -> list[Event]:
    if after.status.ended:
        return ending_events(after)
    changed = before is None or before.status is not after.status or before.cancel_requested != after.cancel_requested
    return [status_event(after)] if changed else []
