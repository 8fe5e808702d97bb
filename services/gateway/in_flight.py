"""How much the gateway has in hand at once. What goes beyond is refused at once, before anything is looked up for it:
a queue that grows answers everybody too late, and answers nobody who has left meanwhile.
"""

from __future__ import annotations

from collections import Counter

from prometheus_client import Counter as CounterMetric

from services.shared.errors import AppError, ErrorCode

# Events, live audio and calls that wait: they last as long as a song.
STREAMS = "stream"
# Connections of the hub: they last as long as a page is open.
SOCKETS = "socket"
# Files on their way, in either direction: they last as long as the client takes.
TRANSFERS = "audio"

_RETRY_AFTER_SECONDS = 1.0

REFUSED = CounterMetric("http_requests_refused_total", "Requests that found the gateway full.", ["place"])


class Place:
    """One request's place. It is let go of by `leave`, however the request ends."""

    __slots__ = ("_name", "_of")

    def __init__(self, of: InFlight, name: str) -> None:
        self._of = of
        self._name: str | None = name

    def move(self, name: str) -> None:
        """Go on among others: a quick call that turns out to wait. Raises `AppError` (OVERLOADED); then it stays."""
        if self._name is not None and self._name != name:
            self._of.take(name)
            self.leave()
            self._name = name

    def leave(self) -> None:
        """Make room. Harmless to repeat."""
        if self._name is not None:
            self._of.give_back(self._name)
            self._name = None


class InFlight:
    """Counts what is in hand, by class of rate limits.

    `quick` bounds all calls that are neither streams nor transfers, and half of it each of their classes, so that a
    flood of one leaves the others room; `transfers` and `streams` have bounds of their own, sockets that of streams.
    """

    def __init__(self, *, quick: int, transfers: int, streams: int) -> None:
        self._quick = quick
        self._share = max(1, quick // 2)
        self._slow = {TRANSFERS: transfers, STREAMS: streams, SOCKETS: streams}
        self._held: Counter[str] = Counter()
        self._held_quick = 0

    def count_of(self, name: str) -> int:
        """How many of a class are in hand."""
        return self._held[name]

    def enter(self, name: str) -> Place:
        """A place. Raises `AppError` (OVERLOADED) when all are taken."""
        self.take(name)
        return Place(self, name)

    def take(self, name: str) -> None:
        """One more of the class. Raises `AppError` (OVERLOADED)."""
        slow = self._slow.get(name)
        if slow is not None:
            full = self._held[name] >= slow
        else:
            full = self._held_quick >= self._quick or self._held[name] >= self._share
        if full:
            REFUSED.labels(name).inc()
            raise AppError(
                ErrorCode.OVERLOADED,
                "The server has as much to do as it can answer in time. Try again in a second.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        self._held[name] += 1
        self._held_quick += slow is None

    def give_back(self, name: str) -> None:
        """One less of the class."""
        self._held[name] -= 1
        self._held_quick -= name not in self._slow
