"""What happens to one person's things, in order: a short stream in Valkey that sockets follow and resume.

`mg:feed:{<user>}` holds the newest 500 entries for an hour after the last one; the channel `mg:feed` says whose feed
has grown and carries nothing else. A lost announcement costs a listener seconds, never an entry.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from services.shared.errors import AppError
from services.shared.valkey import as_text, patiently

FEED_CHANNEL = "mg:feed"
KEPT = 500
KEPT_SECONDS = 3_600

_ENTRY_ID = re.compile(r"\d{1,19}-\d{1,19}", re.ASCII)
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One thing that happened. `type`: status, done, error, notification; `job_id` is empty where no job is meant."""

    entry_id: str
    type: str
    job_id: str
    data: dict[str, Any]


async def publish_to_feed(
    redis: Redis,
    user_id: str,
    type: str,  # noqa: A002 — the contract's word
    data: Mapping[str, Any],
    job_id: str = "",
) -> None:
    """Append to a person's feed and tell listeners. Never fails: who lists their things sees them all the same."""
    key = _key(user_id)

    async def append() -> None:
        async with redis.pipeline(transaction=True) as pipe:
            fields = {"type": type, "job": job_id, "data": orjson.dumps(data)}
            pipe.xadd(key, fields, maxlen=KEPT, approximate=False)  # type: ignore[arg-type]
            pipe.expire(key, KEPT_SECONDS)
            pipe.publish(FEED_CHANNEL, user_id)
            await pipe.execute()

    with contextlib.suppress(AppError):
        await patiently(append, _PATIENCE_SECONDS)


async def read_feed(redis: Redis, user_id: str, after: str, count: int = 100) -> list[FeedEntry]:
    """The entries after the id `after`, oldest first; at most `count`. Raises redis errors."""
    found: Any = await redis.xrange(_key(user_id), f"({after}", "+", count=count)
    return [
        FeedEntry(as_text(entry_id), fields[b"type"].decode(), fields[b"job"].decode(), orjson.loads(fields[b"data"]))
        for entry_id, fields in found
    ]


async def feed_position(redis: Redis, user_id: str, wanted: str = "") -> tuple[str, bool]:
    """Where to read on from, and whether nothing between `wanted` (an earlier entry's id) and there is lost.

    Without `wanted`, with one that is none, and when entries after it are gone, that is the feed's end.
    """
    seconds, _ = await redis.time()
    now = int(seconds) * 1000
    last, first_kept = f"{now}-0", "0-0"
    with contextlib.suppress(ResponseError):  # no such stream: nothing was said for an hour
        info: Any = await redis.xinfo_stream(_key(user_id))
        last = as_text(info["last-generated-id"])
        if info["entries-added"] > info["length"]:
            first_kept = as_text(info["first-entry"][0])
    if not _ENTRY_ID.fullmatch(wanted) or _order(wanted)[0] > now + 1000 or _order(wanted) < _order(first_kept):
        return last, False
    # What came after a younger id is younger still, so that the stream cannot have expired with it.
    young = _order(wanted)[0] >= now - KEPT_SECONDS * 1000
    if young or await redis.xrange(_key(user_id), wanted, wanted):
        return wanted, True
    return last, False


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def _key(user_id: str) -> str:
    return f"mg:feed:{{{user_id}}}"
