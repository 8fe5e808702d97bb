"""Hashing passwords without holding up the event loop, and without telling by its time who has an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from services.shared.errors import AppError, ErrorCode

# OWASP Password Storage Cheat Sheet: argon2id, 19 MiB, 2 passes, 1 lane. About 25 ms on one core.
_MEMORY_KIB: Final = 19_456
_PASSES: Final = 2
_LANES: Final = 1

Found = TypeVar("Found")


class Passwords:
    """argon2id in a few threads of its own. More sign-ins than `queue` at once are turned away, not piled up."""

    def __init__(self, *, threads: int = 2, queue: int = 64) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        # Checked in place of a hash that does not exist, with the same cost.
        self._decoy = self._hasher.hash("nobody's password")

    async def hash(self, password: str) -> str:
        """The string to store."""
        return await self.run(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is the one that was stored. Takes as long for `None` (no such account)."""
        matches = await self.run(lambda: self._matches(stored or self._decoy, password))
        return matches and stored is not None

    async def run(self, work: Callable[[], Found]) -> Found:
        """Do something else about passwords that takes a while, in the same threads.

        Raises what `work` raises, and `AppError` (UNAVAILABLE) when the queue is full.
        """
        if self._room <= 0:
            raise AppError(
                ErrorCode.UNAVAILABLE, "Too many people sign in at this moment. Try again.", retry_after_seconds=2.0
            )
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._room += 1

    def is_outdated(self, stored: str) -> bool:
        """Whether the stored string was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
