"""Refuses bodies that are larger than any call takes, without reading them into memory, and those that never end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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
    """How large a body may be, and how long it may take: as a whole, or (`stalls`) from one piece to the next."""

    max_bytes: int
    seconds: float
    stalls: bool = False


class BodyLimitMiddleware:
    """Answers 413 by Content-Length at once, and for a chunked body as soon as it has grown too large; 408 when it
    stalls. `by_path` holds the paths that have a limit of their own.
    """

    def __init__(self, app: ASGIApp, limit: BodyLimit, by_path: Mapping[str, BodyLimit]) -> None:
        self._app = app
        self._limit = limit
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._limit)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > limit.max_bytes:
            error = _too_large(limit, close=int(declared) > _DISCARDED_BYTES)
            await http_error_response(Request(scope), error)(scope, receive, send)
            return
        received, complete = 0, False
        deadline: float | None = None

        async def receive_counted() -> Message:
            nonlocal received, complete, deadline
            if complete:
                # What follows is the client's leaving, which may be waited for as long as the answer takes.
                return await receive()
            if deadline is None or limit.stalls:
                deadline = asyncio.get_running_loop().time() + limit.seconds
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(
                    408, "The body did not arrive in time. Send it again.", headers={"connection": "close"}
                ) from error
            complete = not message.get("more_body", False)
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
