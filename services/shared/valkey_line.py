"""Short calls to Valkey over one connection, which every request waits for.

What is asked within a turn of the event loop leaves in one piece, and answers come in the order of the questions
(https://valkey.io/topics/pipelining/). redis-py gives each call a connection, two timeouts and a parser for every kind
of answer, which took a tenth of the gateway's processor time. Whoever subscribes, blocks or moves much uses `valkey`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, TypeAlias

from redis.asyncio import SSLConnection
from redis.asyncio.connection import parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 1.0

# Before a call whose connection was lost, or could not be had, is tried once more.
_PAUSE_SECONDS = 0.05

Answer: TypeAlias = "int | bytes | list[Answer] | ResponseError | None"


class ValkeyLine:
    """Calls `redis://…`, `rediss://…` or `unix://…` as `open_valkey` does. Connects lazily; `aclose` it."""

    def __init__(
        self, url: str, *, connect_seconds: float = CONNECT_SECONDS, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        options: dict[str, Any] = {**parse_url(url)}
        kind = options.pop("connection_class", None)
        self._path = options.get("path")
        self._host, self._port = str(options.get("host", "localhost")), int(options.get("port", 6379))
        self._tls = kind(**options).ssl_context.get() if kind is not None and issubclass(kind, SSLConnection) else None
        self._greetings: list[tuple[str, ...]] = []
        if "password" in options:
            self._greetings.append(("AUTH", options.get("username", "default"), options["password"]))
        if options.get("db"):
            self._greetings.append(("SELECT", str(options["db"])))
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._wire: _Wire | None = None
        self._connecting: asyncio.Task[_Wire] | None = None

    async def call(self, *words: str) -> Answer:
        """The answer to one command. Raises what redis-py raises: `RedisError`, `OSError`.

        A call whose connection is lost is repeated once, whether or not the server had carried it out.
        """
        packed = _packed(words)
        try:
            return await self._ask(packed)
        except (RedisConnectionError, RedisTimeoutError, OSError):
            await asyncio.sleep(_PAUSE_SECONDS)
            return await self._ask(packed)

    async def aclose(self) -> None:
        """Close the connection. Who waits for an answer gets a `ConnectionError`."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        if self._wire is not None:
            self._wire.close()

    async def _ask(self, packed: bytes) -> Answer:
        wire = self._wire
        if wire is None or wire.closed:
            wire = await self._connected()
        return _of_success(await wire.ask(packed))

    async def _connected(self) -> _Wire:
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        # Others wait for the same connection.
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> _Wire:
        loop = asyncio.get_running_loop()
        wire = _Wire(loop, self._answer_seconds)
        try:
            async with asyncio.timeout(self._connect_seconds):
                if self._path is not None:
                    await loop.create_unix_connection(lambda: wire, self._path)
                else:
                    await loop.create_connection(lambda: wire, self._host, self._port, ssl=self._tls)
                for words in self._greetings:
                    _of_success(await wire.ask(_packed(words)))
        except TimeoutError as error:
            wire.close()
            raise RedisTimeoutError("The server cannot be reached in time.") from error
        except BaseException:
            wire.close()
            raise
        self._wire = wire
        return wire


class _Wire(asyncio.Protocol):
    """One connection: questions, and who waits for their answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer_seconds: float) -> None:
        self._loop = loop
        self._answer_seconds = answer_seconds
        self._transport: asyncio.Transport | None = None
        self._leaving: list[bytes] = []
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._begun = b""
        self._timer: asyncio.TimerHandle | None = None
        self._heard = False
        self.closed = False

    def ask(self, packed: bytes) -> asyncio.Future[Answer]:
        """The answer to what is asked."""
        answer = self._loop.create_future()
        if self.closed:
            answer.set_exception(RedisConnectionError("The connection is closed."))
            return answer
        if not self._leaving:
            self._loop.call_soon(self._send)
        self._leaving.append(packed)
        if not self._waiting:
            # Until now nothing was to be heard.
            self._heard = True
        self._waiting.append(answer)
        if self._timer is None:
            self._listen()
        return answer

    def close(self) -> None:
        """Hang up."""
        self._end(RedisConnectionError("The connection was closed."))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # of a stream, always
        """The server took the call."""
        self._transport = transport
        if self.closed:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server hung up."""
        self._end(RedisConnectionError("The connection was lost."))

    def data_received(self, data: bytes) -> None:
        """Answers, or parts of them."""
        self._heard = True
        data, at = self._begun + data, 0
        try:
            while at < len(data):
                answer, at = _read(data, at)
                waits = self._waiting.popleft()
                # Whoever was cancelled waits no more, but the answer comes in its place all the same.
                if not waits.done():
                    waits.set_result(answer)
        except _UnfinishedError:
            pass
        except (ValueError, IndexError):
            self._end(InvalidResponse("The server does not answer as Valkey does."))
        self._begun = data[at:]

    def _send(self) -> None:
        leaving, self._leaving = self._leaving, []
        if self._transport is not None and not self.closed:
            self._transport.write(b"".join(leaving))

    def _listen(self) -> None:
        """Hang up when nothing was heard for the whole time in which answers were due."""
        self._heard = False
        self._timer = self._loop.call_later(self._answer_seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._waiting and not self._heard:
            self._end(RedisTimeoutError("The server does not answer in time."))
        elif self._waiting:
            self._listen()

    def _end(self, error: Exception) -> None:
        self.closed = True
        if self._transport is not None:
            self._transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            waits = self._waiting.popleft()
            if not waits.done():
                waits.set_exception(error)


class _UnfinishedError(Exception):
    """More of the answer is to come."""


def _of_success(answer: Answer) -> Answer:
    if isinstance(answer, ResponseError):
        raise answer
    return answer


def _packed(words: tuple[str, ...]) -> bytes:
    """The words of a command as the server reads them: RESP2 (https://valkey.io/topics/protocol/)."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        written = word.encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(written), written))
    return b"".join(parts)


def _read(data: bytes, at: int) -> tuple[Answer, int]:
    """The answer that begins at `at`, and where the next one does.

    Raises `_UnfinishedError` where data ends before the answer, `ValueError` for what is no answer.
    """
    end = data.find(b"\r\n", at)
    if end < 0:
        raise _UnfinishedError
    kind, head, at = data[at : at + 1], data[at + 1 : end], end + 2
    if kind == b":":
        return int(head), at
    if kind == b"*":
        items: list[Answer] = []
        for _ in range(count := int(head)):
            item, at = _read(data, at)
            items.append(item)
        return (items if count >= 0 else None), at
    if kind == b"$":
        end = at + int(head)
        if end < at:
            return None, at
        if len(data) < end + 2:
            raise _UnfinishedError
        return data[at:end], end + 2
    if kind == b"+":
        return head, at
    if kind == b"-":
        refusal = head.decode(errors="replace")
        return (NoScriptError if refusal.startswith("NOSCRIPT") else ResponseError)(refusal), at
    raise ValueError(kind)
