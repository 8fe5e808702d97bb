"""Refuses bodies that are larger than any call takes, without reading them into memory, and those that never end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.errors import http_error_response

# A client mostly reads the answer only after it has sent its body: so much of it is let run into the void, so that it
# sees the 413 and not a reset connection. Beyond that the connection is closed.
_DISCARDED_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """How large a body may be, and how long may be waited for it: `seconds` as a whole.

    With a `pace` in bytes a second, `seconds` are what may be lost on pauses instead: what arrives wins them back, one
    second for each `pace` bytes, so that a body which goes on below that pace is ended however regular its pieces are.
    """

    max_bytes: int
    seconds: float
    pace: float | None = None


class Patience:
    """What is left of the time that may be waited for a body. Time in which nobody asks for it does not count."""

    def __init__(self, limit: BodyLimit, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._left = limit.seconds
        self._asked_at: float | None = None

    def deadline(self) -> float:
        """By when the next piece has to come, if it is asked for now."""
        now = self._clock()
        if self._asked_at is None or self._limit.pace is not None:
            self._asked_at = now
        return self._asked_at + self._left

    def received(self, count: int) -> None:
        """The piece has come, of `count` bytes."""
        if self._limit.pace is not None and self._asked_at is not None:
            won = count / self._limit.pace - (self._clock() - self._asked_at)
            self._left = min(self._limit.seconds, self._left + won)


class BodyLimitMiddleware:
    """Answers 413 by Content-Length at once, and for a chunked body as soon as it has grown too large; 408 when it
    comes too slowly. `by_path` holds the paths (as patterns that match the whole) that have a limit of their own.
    """

    def __init__(self, app: ASGIApp, limit: BodyLimit, by_path: Mapping[re.Pattern[str], BodyLimit]) -> None:
        self._app = app
        self._limit = limit
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        limit = next((own for pattern, own in self._by_path.items() if pattern.fullmatch(path)), self._limit)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > limit.max_bytes:
            error = _too_large(limit, close=int(declared) > _DISCARDED_BYTES)
            await http_error_response(Request(scope), error)(scope, receive, send)
            return
        received, complete = 0, False
        patience = Patience(limit, asyncio.get_running_loop().time)

        async def receive_counted() -> Message:
            nonlocal received, complete
            if complete:
                # What follows is the client's leaving, which may be waited for as long as the answer takes.
                return await receive()
            try:
                async with asyncio.timeout_at(patience.deadline()):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(
                    408, "The body did not arrive in time. Send it again.", headers={"connection": "close"}
                ) from error
            complete = not message.get("more_body", False)
            patience.received(len(message.get("body", b"")))
            received += len(message.get("body", b""))
            if received > limit.max_bytes:
                # Nobody knows how much follows.
                raise _too_large(limit, close=True)
            return message

        await self._app(scope, receive_counted, send)


def _too_large(limit: BodyLimit, *, close: bool) -> HTTPException:
    return HTTPException(
        413,
        f"The body is too large: send at most {limit.max_bytes} bytes.",
        headers={"connection": "close"} if close else None,
    )
