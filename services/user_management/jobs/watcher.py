"""The events of one job for one watcher: from Valkey while it has them, and from the database when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.shared.errors import AppError, ErrorCode
from services.shared.job_events import JobEvent, find_event, read_events
from services.user_management.jobs.endings import JobEndings
from services.user_management.jobs.events import ending_events, is_terminal
from services.user_management.jobs.ledger import JobLedger

# How long the stream may still hold back the last events of a job that has ended.
LAST_EVENTS_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.5

_log = structlog.get_logger(__name__)

_Item = JobEvent | AppError | None


class JobWatcher:
    """Watches jobs. Every stream ends after a terminal event, also when Valkey has lost the stream."""

    def __init__(self, ledger: JobLedger, endings: JobEndings, redis: Redis) -> None:
        self._ledger = ledger
        self._endings = endings
        self._redis = redis

    async def watch(self, owner_id: UUID, job_id: UUID, after: str | None) -> AsyncGenerator[JobEvent]:
        """Events after the id `after` (None: from the first that is kept), up to the terminal one."""
        with self._endings.waiting(job_id) as ended:
            if (await self._ledger.get(owner_id, job_id)).status.ended:
                if after is not None and await self._is_last(str(job_id), after):
                    return
                ended.set()
            seen = False
            async with contextlib.aclosing(self._until_ended(str(job_id), after, ended)) as events:
                async for event in events:
                    seen = True
                    yield event
                    if is_terminal(event.type, event.data):
                        return
            job = await self._ledger.get(owner_id, job_id)
            # An id in the stream's own form, so that it can be resumed from.
            event_id = f"{int(time.time() * 1000)}-0"
            for kind, data in ending_events(job):
                if is_terminal(kind, data) or not seen:
                    yield JobEvent(event_id, kind, data)

    async def _is_last(self, job_id: str, event_id: str) -> bool:
        """Whether the stream still knows this event as the terminal one: then its hearer has heard everything."""
        try:
            event = await find_event(self._redis, job_id, event_id)
        except RedisError:
            return False
        return event is not None and is_terminal(event.type, event.data)

    async def _until_ended(self, job_id: str, after: str | None, ended: asyncio.Event) -> AsyncGenerator[JobEvent]:
        """The stream's events until shortly after the job's end."""
        items: asyncio.Queue[_Item] = asyncio.Queue()
        tasks = [
            asyncio.create_task(self._read(job_id, after, items)),
            asyncio.create_task(_put_after(ended, items)),
        ]
        try:
            while (item := await items.get()) is not None:
                if isinstance(item, AppError):
                    raise item
                yield item
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, job_id: str, after: str | None, items: asyncio.Queue[_Item]) -> None:
        """Read until cancelled; a lost connection is taken up again."""
        while True:
            try:
                async for event in read_events(self._redis, job_id, after):
                    after = event.event_id
                    items.put_nowait(event)
            except AppError as error:
                if error.code is not ErrorCode.UNAVAILABLE:
                    items.put_nowait(error)
                    return
                _log.warning("events_not_read", job_id=job_id, reason=error.message)
            except RedisError as error:
                _log.warning("events_not_read", job_id=job_id, reason=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)


async def _put_after(ended: asyncio.Event, items: asyncio.Queue[_Item]) -> None:
    await ended.wait()
    await asyncio.sleep(LAST_EVENTS_SECONDS)
    items.put_nowait(None)
