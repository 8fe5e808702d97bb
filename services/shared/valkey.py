"""Connections to Valkey (or Redis), and patience with it: a restart of the server delays work but does not fail it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.shared.errors import AppError, ErrorCode

PATIENCE_SECONDS = 30.0

# Longer than any blocking read below, shorter than what a lease forgives.
SOCKET_TIMEOUT_SECONDS = 5.0
MAX_CONNECTIONS = 5_000
BLOCK_MILLISECONDS = 1_000

TRANSIENT = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, OSError)

_FIRST_BACKOFF_SECONDS = 0.02
_MAX_BACKOFF_SECONDS = 0.5

ResultT = TypeVar("ResultT")
StreamEntry = tuple[str, dict[bytes, bytes]]


class _CancellableSend(AbstractConnection):
    """Sends under `asyncio.timeout`.

    redis-py uses `asyncio.wait_for`, which in Python 3.11 forgets a cancellation that arrives while it finishes
    (python/cpython#86296): a listener that left would be listened for ever after.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        limit, self.socket_timeout = self.socket_timeout, None
        try:
            async with asyncio.timeout(limit):
                await super().send_packed_command(command, check_health)
        except TimeoutError as error:
            raise RedisTimeoutError("Timeout writing to socket") from error
        finally:
            self.socket_timeout = limit


class _TcpConnection(_CancellableSend, Connection):
    """`redis://`."""


class _TlsConnection(_CancellableSend, SSLConnection):
    """`rediss://`."""


class _SocketConnection(_CancellableSend, UnixDomainSocketConnection):
    """`unix://`."""


_CONNECTIONS: dict[str, type[AbstractConnection]] = {
    "redis": _TcpConnection,
    "rediss": _TlsConnection,
    "unix": _SocketConnection,
}


def open_valkey(url: str) -> Redis:
    """A client for `redis://…`, `rediss://…` or `unix://…`; answers are bytes. Connects lazily; `aclose` it.

    Use it instead of `Redis.from_url`: it reconnects, has timeouts, and keeps cancellation intact.
    """
    pool = ConnectionPool.from_url(
        url,
        decode_responses=False,
        socket_connect_timeout=2.0,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        # Each blocking read (a listener, a watcher) holds one; the default of 100 would turn the next one away.
        max_connections=MAX_CONNECTIONS,
        retry=Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), retries=2),
        # What introduces the library to the server reads its metadata from disk for every connection, a millisecond
        # each, when a burst opens hundreds.
        driver_info=None,
    )
    pool.connection_class = _CONNECTIONS[urlsplit(url).scheme]
    return Redis.from_pool(pool)


def require_bytes(redis: Redis) -> None:
    """Refuse a client that decodes answers: audio is not text. Raises `TypeError`."""
    if redis.connection_pool.connection_kwargs.get("decode_responses"):
        raise TypeError("the Valkey client must be opened with decode_responses=False (open_valkey)")


def backoff_seconds(attempt: int) -> float:
    """How long to wait before repeat number `attempt` (from 0), with jitter."""
    full: float = min(_FIRST_BACKOFF_SECONDS * 2 ** min(attempt, 10), _MAX_BACKOFF_SECONDS)
    return full * random.uniform(0.5, 1.0)  # noqa: S311 — jitter, not a secret


async def patiently(operation: Callable[[], Awaitable[ResultT]], patience_seconds: float = PATIENCE_SECONDS) -> ResultT:
    """Run `operation` until it works; it must be harmless to run twice.

    Raises `AppError`: UNAVAILABLE when Valkey stays away, STORAGE_FULL when it cannot store.
    """
    give_up = time.monotonic() + patience_seconds
    attempt = 0
    while True:
        try:
            return await operation()
        except TRANSIENT as error:
            pause = backoff_seconds(attempt)
            if time.monotonic() + pause > give_up:
                raise AppError(ErrorCode.UNAVAILABLE, "The message store does not answer. Try again.") from error
            attempt += 1
            await asyncio.sleep(pause)
        except ResponseError as error:
            raise _refused(error) from error


async def read_stream(redis: Redis, key: str, after: str, *, count: int, block_milliseconds: int) -> list[StreamEntry]:
    """The entries of a stream after the id `after`; waits for the first, an empty list when none comes in time."""
    answer: Any = await redis.xread({key: after}, count=count, block=block_milliseconds)
    if not answer:
        return []
    # RESP3 clients answer with a mapping, RESP2 clients with pairs.
    entries = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], tuple | list):
        entries = entries[0]
    return [(as_text(entry_id), fields) for entry_id, fields in entries]


def as_text(value: bytes | str) -> str:
    """A key, id or small field as text."""
    return value.decode() if isinstance(value, bytes) else value


def _refused(error: RedisError) -> AppError:
    reason = str(error)
    if isinstance(error, OutOfMemoryError) or "MISCONF" in reason:
        return AppError(ErrorCode.STORAGE_FULL, "The message store cannot keep more. Free disk space or memory.")
    return AppError(ErrorCode.INTERNAL, "Something went wrong on our side.", reason=reason)
