"""Who gets to the database, and who is told at once that the line is too long."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from services.shared.deadlines import seconds_left
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import calls_for_a_person

_RETRY_AFTER_SECONDS: Final = 1.0
# Statements end sooner than this: where the line stands still for so long, something is wrong.
_LONGEST_WAIT_SECONDS: Final = 10.0
# How much a new measurement counts in the mean of how long a place is held.
_NEWS: Final = 0.05


class Turnstile:
    """Lets `places` through at a time, the others in the order in which they came.

    People's calls are turned away where `longest` wait already, or where their turn would come too late for them:
    what nobody waits for any more would cost those who do. The services' own (leases, heartbeats, loops) always wait;
    they are few, and they are what brings a crowd to an end.
    """

    def __init__(self, places: int, longest: int, clock: Callable[[], float] | None = None) -> None:
        self._places = places
        self._free = places
        self._longest = longest
        self._line: deque[asyncio.Future[None]] = deque()
        self._held_seconds = 0.0
        self._clock = clock

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    @property
    def free(self) -> int:
        """How many may pass without waiting."""
        return self._free

    @asynccontextmanager
    async def passed(self, *, spared: bool = False) -> AsyncIterator[None]:
        """Hold a place within the block. `spared` is for what makes room. Raises `AppError` (OVERLOADED)."""
        await self._enter(spared or not calls_for_a_person())
        clock = self._clock or asyncio.get_running_loop().time
        since = clock()
        try:
            yield
        finally:
            self._held_seconds += _NEWS * (clock() - since - self._held_seconds)
            self._leave()

    async def _enter(self, spared: bool) -> None:
        if self._free:
            self._free -= 1
            return
        if not spared and (len(self._line) >= self._longest or self._comes_too_late()):
            raise AppError(
                ErrorCode.OVERLOADED,
                "The server has as much to do as it can answer in time. Try again in a second.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                await self._turn(turn)
        except TimeoutError as error:
            raise AppError(
                ErrorCode.UNAVAILABLE,
                "The database does not answer in time at the moment. Try again in a second.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            ) from error

    async def _turn(self, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                # Whoever left before may have passed it over already.
                with suppress(ValueError):
                    self._line.remove(turn)
            else:
                # It was given the place in the moment in which it left.
                self._leave()
            raise

    def _comes_too_late(self) -> bool:
        left = seconds_left()
        return left is not None and left < self._held_seconds * (len(self._line) + 1) / self._places

    def _leave(self) -> None:
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
