"""HEAD for every GET (RFC 9110 §9.3.2): the same answer without its body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Asks the application for GET and drops the body. Routes whose body costs look at `scope["state"]["head"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        # The server looks at its own scope's method to see whether a body may follow.
        inner = {**scope, "method": "GET"}
        inner["state"]["head"] = True

        async def send_bare(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(inner, receive, send_bare)
        finally:
            scope["route"] = inner.get("route")
