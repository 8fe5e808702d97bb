"""An open-loop load generator: requests come when they are due, whether or not earlier ones were answered.

A closed loop (Locust) asks less when the server is slow, and so hides how slow it is; here the clock starts at the
moment when a request was due (coordinated omission). Arrivals are a Poisson process with a seed. Everything is bounded:
requests of a device whose last answer is not there yet wait in a queue, and what does not fit into it counts as failed.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from httptools import HttpResponseParser

QUEUE_EACH = 20
DRAIN_SECONDS = 10.0


@dataclass(frozen=True)
class Account:
    """Somebody's credential, and what is theirs."""

    token: str
    track_id: str
    job_id: str


@dataclass(frozen=True)
class Shot:
    """One request: its name in the table, its bytes, and the statuses that are fine."""

    name: str
    payload: bytes
    fine: frozenset[int] = frozenset({200, 204})


@dataclass
class Result:
    """What was measured, in seconds from when each request was due."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    # How late requests left because of the generator itself: when this is large, it measures itself.
    lateness: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return sum(map(len, self.latencies.values()))


def shot(name: str, method: str, host: str, path: str, token: str, body: Mapping[str, object] | None = None) -> Shot:
    content = b"" if body is None else json.dumps(body).encode()
    # As browsers and the usual libraries ask: packing is a part of what an answer costs.
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {token}", "Accept-Encoding: gzip"]
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return Shot(name, "\r\n".join([*head, "", ""]).encode() + content)


# Of a hundred requests: reads, writes, and the polls of people who wait for a song.
MIX = {
    "GET /tracks": 14,
    "GET /tracks/{id}": 14,
    "GET /users/me": 8,
    "GET /explore": 8,
    "GET /feed": 8,
    "GET /search": 8,
    "GET /jobs/{id}": 20,
    "GET /jobs": 5,
    "PATCH /tracks/{id}": 6,
    "PUT /tracks/{id}/like": 4,
    "DELETE /tracks/{id}/like": 4,
    "GET /notifications": 1,
}
WORDS = ("calm", "lofi", "piano", "lo", "rain")


def profile(draw: random.Random, host: str, account: Account) -> Shot:
    """One request of the mixed read, write and poll profile."""
    name = draw.choices(list(MIX), list(MIX.values()))[0]
    method, _, template = name.partition(" ")
    path = "/api/v1" + template.replace("{id}", account.job_id if "/jobs/" in template else account.track_id)
    if template == "/search":
        path += f"?q={draw.choice(WORDS)}"
    body = {"title": f"Take {draw.randrange(1000)}"} if method == "PATCH" else None
    return shot(name, method, host, path, account.token, body)


class Person(asyncio.Protocol):
    """One device: a connection that is kept, one request at a time, the others in its queue."""

    def __init__(self, result: Result, host: str, port: int) -> None:
        self._result = result
        self._address = (host, port)
        self._waiting: deque[tuple[float, Shot]] = deque()
        self._sent: tuple[float, Shot] | None = None
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._connecting: asyncio.Task[None] | None = None
        # Set while everything is answered.
        self.rest = asyncio.Event()
        self.rest.set()

    @property
    def unanswered(self) -> int:
        return len(self._waiting) + (self._sent is not None)

    async def connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, *self._address)
        except OSError:
            self._fail_all("not connected")

    def ask(self, due: float, wanted: Shot) -> None:
        if len(self._waiting) >= QUEUE_EACH:
            self._result.failures[f"{wanted.name}: queue full"] += 1
            return
        self._waiting.append((due, wanted))
        self.rest.clear()
        self._send_next()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _send_next(self) -> None:
        if self._sent is not None:
            return
        if not self._waiting:
            self.rest.set()
            return
        if self._transport is None:
            if self._connecting is None or self._connecting.done():
                self._connecting = asyncio.ensure_future(self.connect())
            return
        self._sent = self._waiting.popleft()
        self._transport.write(self._sent[1].payload)

    def _fail_all(self, why: str) -> None:
        for _, wanted in [*([self._sent] if self._sent else []), *self._waiting]:
            self._result.failures[f"{wanted.name}: {why}"] += 1
        self._sent = None
        self._waiting.clear()
        self.rest.set()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._parser = transport, HttpResponseParser(self)
        self._send_next()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._sent is not None:
            self._result.failures[f"{self._sent[1].name}: connection lost"] += 1
            self._sent = None
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # httptools

    def on_message_complete(self) -> None:
        assert self._sent is not None
        (due, wanted), self._sent = self._sent, None
        status = self._parser.get_status_code()
        if status in wanted.fine:
            self._result.latencies[wanted.name].append(time.perf_counter() - due)
        else:
            self._result.failures[f"{wanted.name}: {status}"] += 1
        asyncio.get_running_loop().call_soon(self._send_next)


async def run(url: str, accounts: Sequence[Account], *, users: int, rate: float, seconds: float, seed: int) -> Result:
    """`users` devices that together ask `rate` times a second for `seconds`."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    draw, result = random.Random(seed), Result()
    people = [Person(result, host, port) for _ in range(users)]
    for begin in range(0, users, 50):
        await asyncio.gather(*(person.connect() for person in people[begin : begin + 50]))
    arrivals, at = [], draw.expovariate(rate)
    while at < seconds:
        number = draw.randrange(users)
        arrivals.append((at, number, profile(draw, f"{host}:{port}", accounts[number % len(accounts)])))
        at += draw.expovariate(rate)
    began = time.perf_counter()
    for offset, number, wanted in arrivals:
        due = began + offset
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        result.lateness.append(time.perf_counter() - due)
        people[number].ask(due, wanted)
        # Answers have to be read even when the clock has run away.
        if wait <= 0:
            await asyncio.sleep(0)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            for person in people:
                await person.rest.wait()
    result.seconds = time.perf_counter() - began
    for person in people:
        result.failures["not answered in time"] += person.unanswered
        person.close()
    # Nothing that failed is left out, and nothing that did not is named.
    result.failures = +result.failures
    return result


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0
