"""Refuses bodies that are larger than any call takes, without reading them into memory."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.errors import http_error_response

# A client mostly reads the answer only after it has sent its body: so much of it is let run into the void, so that it
# sees the 413 and not a reset connection. Beyond that the connection is closed.
_DISCARDED_BYTES = 64 * 1024 * 1024


class BodyLimitMiddleware:
    """Answers 413 by Content-Length at once, and for a chunked body as soon as it has grown too large."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

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
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
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
