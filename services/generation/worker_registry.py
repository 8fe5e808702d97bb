"""Which workers live and which models they have in memory: small keys in Valkey that run out by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

_PREFIX = "mg:worker:"
TIME_TO_LIVE_SECONDS = 15
_REMEMBER_SECONDS = 1.0


async def announce(redis: Redis, worker_id: str, models: Iterable[str], slots: int, busy: int) -> None:
    """Say that a worker lives; call it every few seconds. Raises what redis raises."""
    content = orjson.dumps({"models": sorted(models), "slots": slots, "busy": busy})
    await redis.set(f"{_PREFIX}{worker_id}", content, ex=TIME_TO_LIVE_SECONDS)


async def withdraw(redis: Redis, worker_id: str) -> None:
    """Say that a worker is gone."""
    await redis.delete(f"{_PREFIX}{worker_id}")


class ResidentModels:
    """The models that live workers have in memory, read at most once a second. Never fails: unknown means none."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._models: frozenset[str] = frozenset()
        self._read_at = -_REMEMBER_SECONDS

    async def get(self) -> frozenset[str]:
        """Ids of the models."""
        now = time.monotonic()
        if now - self._read_at >= _REMEMBER_SECONDS:
            self._read_at = now
            try:
                self._models = await self._read()
            except (RedisError, OSError):
                self._models = frozenset()
        return self._models

    async def _read(self) -> frozenset[str]:
        keys = [key async for key in self._redis.scan_iter(match=f"{_PREFIX}*", count=1000)]
        values: list[Any] = await self._redis.mget(keys) if keys else []
        return frozenset(model for value in values if value for model in orjson.loads(value)["models"])
