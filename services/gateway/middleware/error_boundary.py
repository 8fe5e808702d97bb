"""The innermost layer before the framework: whatever goes wrong becomes a problem document, never a stack trace."""

from __future__ import annotations

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.errors import internal_error_response

log = structlog.get_logger(__name__)


class ErrorBoundaryMiddleware:
    """Answers 500 for what nobody expected.

    An error after the first byte can no longer be told; the connection is torn down instead, so that a client never
    takes half a file for a whole one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            if begun:
                raise
            log.exception("unexpected error", error=repr(error))
            await internal_error_response(Request(scope))(scope, receive, send)
