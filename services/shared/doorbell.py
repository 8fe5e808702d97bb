"""Doorbells: "look for work" and "this job is to end", over Valkey's publish and subscribe.

They carry no state. A lost ring costs a second, never a job: workers ask by themselves, heartbeats tell of cancels.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from services.shared.errors import AppError
from services.shared.valkey import TRANSIENT, as_text, backoff_seconds, patiently

_CANCEL_CHANNEL = "mg:cancel"

# Ringing is never worth waiting for.
_RING_PATIENCE_SECONDS = 1.0


async def ring(redis: Redis, queue: str) -> None:
    """Tell the workers of `queue` to look for work. Never fails: workers also ask by themselves."""
    await _publish(redis, _doorbell_channel(queue), "")


async def announce_cancel(redis: Redis, job_id: str) -> None:
    """Tell whoever runs `job_id` that its end was asked for. Never fails: the heartbeat tells it too."""
    await _publish(redis, _CANCEL_CHANNEL, job_id)


class Doorbell:
    """Waits for the rings of one queue. One waiter at a time; `aclose` it."""

    def __init__(self, redis: Redis, queue: str) -> None:
        self._subscription = _Subscription(redis, _doorbell_channel(queue))

    async def wait(self, timeout: float) -> bool:
        """Whether it rang (also since the wait before) within `timeout` seconds. Rings that piled up count once."""
        if await self._subscription.next(timeout) is None:
            return False
        while await self._subscription.next(0) is not None:
            continue
        return True

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._subscription.drop()


async def cancelled_jobs(redis: Redis) -> AsyncIterator[str]:
    """The ids of jobs whose end is asked for from now on. Runs until it is closed, over restarts of Valkey."""
    subscription = _Subscription(redis, _CANCEL_CHANNEL)
    try:
        while True:
            job_id = await subscription.next(60.0)
            if job_id is not None:
                yield job_id
    finally:
        await subscription.drop()


class _Subscription:
    """One channel, subscribed again whenever the connection was lost."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._pubsub: PubSub | None = None
        self._failures = 0

    async def next(self, timeout_seconds: float) -> str | None:
        """The next message, None when none came in time."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            try:
                message = await self._receive(left)
                self._failures = 0
            except TRANSIENT:
                await self.drop()
                await asyncio.sleep(min(backoff_seconds(self._failures), left))
                self._failures += 1
                message = None
            if message is not None:
                return message
            if time.monotonic() >= deadline:
                return None

    async def drop(self) -> None:
        """Close the connection; the next `next` opens another."""
        if self._pubsub is not None:
            pubsub, self._pubsub = self._pubsub, None
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _receive(self, timeout_seconds: float) -> str | None:
        if self._pubsub is None:
            pubsub = self._redis.pubsub()
            self._pubsub = pubsub
            await pubsub.subscribe(self._channel)
        message = await self._pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_seconds)
        return as_text(message["data"]) if message is not None and message["type"] == "message" else None


def _doorbell_channel(queue: str) -> str:
    return f"mg:doorbell:{queue}"


async def _publish(redis: Redis, channel: str, text: str) -> None:
    with contextlib.suppress(AppError):
        await patiently(lambda: redis.publish(channel, text), _RING_PATIENCE_SECONDS)
