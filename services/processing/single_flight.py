"""One piece of work for everybody who asks for the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ResultT = TypeVar("ResultT")


@dataclass(slots=True, eq=False)
class _Flight(Generic[ResultT]):
    task: asyncio.Task[ResultT]
    waiters: int = 0
    end: asyncio.TimerHandle | None = None


class SingleFlight(Generic[KeyT, ResultT]):
    """Joins callers of the same key. Work that nobody waits for is cancelled after `linger_seconds`.

    The lingering is for callers whose deadline passed and who ask again: without it, work that takes longer than their
    patience would begin anew each time and never end.
    """

    def __init__(self, linger_seconds: float) -> None:
        self._linger_seconds = linger_seconds
        self._flights: dict[KeyT, _Flight[ResultT]] = {}

    async def join(self, key: KeyT, work: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """The result of the work that runs under `key`, or of `work`, which is started if none does."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, work)
        flight.waiters += 1
        if flight.end is not None:
            flight.end.cancel()
            flight.end = None
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiters -= 1
            if flight.waiters == 0 and not flight.task.done():
                loop = asyncio.get_running_loop()
                flight.end = loop.call_later(self._linger_seconds, self._give_up, key, flight)

    async def aclose(self) -> None:
        """Cancel everything that still runs, and wait for its end."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: KeyT, work: Callable[[], Awaitable[ResultT]]) -> _Flight[ResultT]:
        async def run() -> ResultT:
            return await work()

        flight = _Flight(asyncio.get_running_loop().create_task(run()))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._landed(key, flight))
        return flight

    def _give_up(self, key: KeyT, flight: _Flight[ResultT]) -> None:
        # Whoever comes from now on starts anew instead of joining what is about to be cancelled.
        self._forget(key, flight)
        flight.task.cancel()

    def _landed(self, key: KeyT, flight: _Flight[ResultT]) -> None:
        self._forget(key, flight)
        if flight.end is not None:
            flight.end.cancel()
        if not flight.task.cancelled():
            flight.task.exception()  # seen, even when nobody waits any more

    def _forget(self, key: KeyT, flight: _Flight[ResultT]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
