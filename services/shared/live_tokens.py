"""The record of a job's tokens in its live channel: what another worker goes on from when this one dies.

Bytes that only their backend understands, appended by the attempt that holds the lease and fenced like the audio. A
song of five minutes has 120 kB of them, so the writer keeps them all and makes good what a Valkey lost that came back
without its last second.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import cast

from redis.asyncio import Redis

from services.shared.errors import AppError, ErrorCode
from services.shared.live_scripts import LiveKeys, LiveScripts
from services.shared.valkey import patiently, require_bytes

_TRIES = 3


async def read_tokens(redis: Redis, job_id: str) -> bytes:
    """The record as earlier attempts left it; empty when there is none. Raises UNAVAILABLE."""
    require_bytes(redis)
    key = LiveKeys.of(job_id).tokens
    found = await patiently(lambda: cast("Awaitable[bytes | None]", redis.get(key)))
    return found or b""


class TokenWriter:
    """Appends to one job's record under a fencing token. `known` is what `read_tokens` gave. Not for concurrent use."""

    def __init__(self, redis: Redis, job_id: str, token: int, known: bytes = b"") -> None:
        require_bytes(redis)
        self._redis = redis
        self._scripts = LiveScripts(redis, job_id)
        self._token = token
        self._record = bytearray(known)

    async def restart(self, data: bytes) -> None:
        """Begin the record anew with `data`. Raises `StaleToken`, UNAVAILABLE."""
        self._record = bytearray(data)
        await self._scripts.save_tokens(self._token, None, data)

    async def append(self, data: bytes) -> None:
        """Append `data`. Raises `StaleToken`, UNAVAILABLE when the record is not what this attempt wrote."""
        known = len(self._record)
        self._record += data
        for _ in range(_TRIES):
            held = await self._scripts.save_tokens(self._token, known, bytes(self._record[known:]))
            if held == len(self._record):
                return
            if held > len(self._record):
                break
            # Valkey came back with less than it had: it is told the rest again.
            known = held
        raise AppError(ErrorCode.UNAVAILABLE, "The job's record of tokens is not this attempt's.")

    async def drop(self) -> None:
        """Forget the record: the song is whole, and nobody goes on from it."""
        await patiently(lambda: self._redis.delete(self._scripts.keys.tokens))
