"""Refuses bodies that are larger than any call takes, without reading them into memory, and those that never end."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.errors import http_error_response

# A client mostly reads the answer only after it has sent its body: so much of it is let run into the void, so that it
# sees the 413 and not a reset connection. Beyond that the connection is closed.
_DISCARDED_BYTES = 64 * 1024 * 1024


class BodyLimitMiddleware:
    """Answers 413 by Content-Length at once, and for a chunked body as soon as it has grown too large; 408 when it
    stalls.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, body_seconds: float) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._max_body_bytes:
            error = self._too_large(close=int(declared) > _DISCARDED_BYTES)
            await http_error_response(Request(scope), error)(scope, receive, send)
            return
        received, complete = 0, False
        deadline: float | None = None

        async def receive_counted() -> Message:
            nonlocal received, complete, deadline
            if complete:
                # What follows is the client's leaving, which may be waited for as long as the answer takes.
                return await receive()
            deadline = deadline or asyncio.get_running_loop().time() + self._body_seconds
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(
                    408, "The body did not arrive in time. Send it again.", headers={"connection": "close"}
                ) from error
            complete = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                # Nobody knows how much follows.
                raise self._too_large(close=True)
            return message

        await self._app(scope, receive_counted, send)

    def _too_large(self, *, close: bool) -> HTTPException:
        return HTTPException(
            413,
            f"The body is too large: send at most {self._max_body_bytes} bytes.",
            headers={"connection": "close"} if close else None,
        )
