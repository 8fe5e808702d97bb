"""How fast each model makes songs on this installation: what the latest ones took, a short list a model in Valkey."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

_PREFIX = "mg:speed:"
# Enough that one song beside three others, or the one that waited for the model, does not count.
_SONGS = 15
# A machine may have become another one since.
_KEEP_SECONDS = 30 * 24 * 3600
_REMEMBER_SECONDS = 5.0


async def note_speed(redis: Redis, model_id: str, real_time_factor: float) -> None:
    """Count a finished song: `real_time_factor` seconds of audio for each second of work. Never fails."""
    if not (math.isfinite(real_time_factor) and real_time_factor > 0):
        return
    key = f"{_PREFIX}{model_id}"
    with contextlib.suppress(RedisError, OSError):
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.lpush(key, repr(real_time_factor))
            pipeline.ltrim(key, 0, _SONGS - 1)
            pipeline.expire(key, _KEEP_SECONDS)
            await pipeline.execute()


class ModelSpeeds:
    """The median speed of each model, remembered for seconds. Never fails: what is not known is not in the answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._known: dict[str, tuple[float, float]] = {}

    async def of(self, model_ids: Iterable[str]) -> Mapping[str, float]:
        """Seconds of audio for each second of work, by model."""
        wanted = tuple(model_ids)
        now = time.monotonic()
        unread = [model for model in wanted if model not in self._known or now > self._known[model][0]]
        if unread:
            # What was known a moment ago is better than nothing.
            with contextlib.suppress(RedisError, OSError, ValueError):
                found = await self._read(unread)
                for model in unread:
                    self._known.pop(model, None)
                self._known |= {model: (now + _REMEMBER_SECONDS, speed) for model, speed in found.items()}
        return {model: self._known[model][1] for model in wanted if model in self._known}

    async def _read(self, model_ids: Sequence[str]) -> dict[str, float]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for model in model_ids:
                pipeline.lrange(f"{_PREFIX}{model}", 0, _SONGS - 1)
            lists = await cast(Awaitable[list[list[bytes]]], pipeline.execute())
        kept = zip(model_ids, lists, strict=True)
        return {model: statistics.median(map(float, values)) for model, values in kept if values}
