"""Headers that tell browsers what an answer may do (OWASP secure headers)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing but data: an API answer that a browser opens as a page can load and run nothing.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# Whoever came by HTTPS stays there (RFC 6797); half a year.
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=15768000")


class SecurityHeadersMiddleware:
    """Adds what the answer itself did not set."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                headers.extend(item for item in _ALWAYS if item[0] not in present)
                if scope["scheme"] == "https":
                    headers.append(_STRICT_TRANSPORT)
                if b"content-security-policy" not in present:
                    headers.append((b"content-security-policy", _DATA_POLICY.encode()))
                if b"cache-control" not in present:
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, send_secured)
