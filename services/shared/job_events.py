"""A job's events: a short stream in Valkey that watchers follow and resume by event id."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from services.shared.errors import AppError
from services.shared.live_scripts import LiveKeys, LiveScripts
from services.shared.valkey import BLOCK_MILLISECONDS, patiently, read_stream, require_bytes

_EVENT_ID = re.compile(r"\d{1,19}-\d{1,19}")
_ENTRIES_PER_READ = 100


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One event. `event_id` is what Last-Event-ID takes; `type` is status, progress, preview, done or error."""

    event_id: str
    type: str
    data: dict[str, Any]


async def publish_event(
    redis: Redis,
    job_id: str,
    type: str,  # noqa: A002 — the contract's word
    data: Mapping[str, Any],
    *,
    token: int | None,
) -> str:
    """Append an event; answers its id. With a worker's `token` it is fenced (raises `StaleToken`).

    At least once: when Valkey restarts in the middle, an event may appear twice.
    """
    return await LiveScripts(redis, job_id).publish(token, type, orjson.dumps(data))


async def read_events(redis: Redis, job_id: str, after: str | None) -> AsyncIterator[JobEvent]:
    """The events after the id `after` (None: from the first that is kept), then each new one; the caller stops.

    Raises VALIDATION for an id that is none.
    """
    if after is not None and not _EVENT_ID.fullmatch(after):
        raise AppError.field("/last_event_id", "This is not an event id. Leave it out to read from the beginning.")
    require_bytes(redis)
    key = LiveKeys.of(job_id).events
    cursor = after or "0-0"
    while True:
        for event in await _next(redis, key, cursor):
            cursor = event.event_id
            yield event


async def find_event(redis: Redis, job_id: str, event_id: str) -> JobEvent | None:
    """The event of this id, while the stream keeps it. None for an id that it never had, or that is none."""
    if not _EVENT_ID.fullmatch(event_id):
        return None
    require_bytes(redis)
    found = await redis.xrange(LiveKeys.of(job_id).events, event_id, event_id)
    for _, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", found):
        return JobEvent(event_id, fields[b"type"].decode(), orjson.loads(fields[b"data"]))
    return None


async def _next(redis: Redis, key: str, cursor: str) -> list[JobEvent]:
    entries = await patiently(
        lambda: read_stream(redis, key, cursor, count=_ENTRIES_PER_READ, block_milliseconds=BLOCK_MILLISECONDS)
    )
    return [JobEvent(entry_id, fields[b"type"].decode(), orjson.loads(fields[b"data"])) for entry_id, fields in entries]
