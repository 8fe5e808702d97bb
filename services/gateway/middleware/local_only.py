"""Guards the mode without sign-in: only this machine's own pages and programs may call."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.errors import app_error_response
from services.shared.errors import AppError, ErrorCode

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class LocalOnlyMiddleware:
    """Refuses foreign Host headers (DNS rebinding) and unsafe requests that another site's page sends (CSRF)."""

    def __init__(self, app: ASGIApp, allowed_origins: Collection[str]) -> None:
        self._app = app
        self._allowed_origins = frozenset(origin.lower() for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            refusal = self._refusal(Headers(scope=scope), scope["method"])
            if refusal is not None:
                await app_error_response(Request(scope), refusal)(scope, receive, send)
                return
        if scope["type"] == "websocket" and self._refusal(Headers(scope=scope), "GET") is not None:
            # Closed before it is accepted: 403 (RFC 6455 §10.2). Its Origin is the hub's own affair.
            await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers, method: str) -> AppError | None:
        host = headers.get("host", "")
        if _host_name(host) not in _LOCAL_HOSTS:
            return AppError(
                ErrorCode.FORBIDDEN,
                "This server works without sign-in, on this machine only: open it as localhost or 127.0.0.1.",
            )
        if method in _SAFE_METHODS:
            return None
        origin = headers.get("origin", "").lower()
        # An origin is scheme, host and port: another program's page on this machine is a stranger too.
        if origin in {"", f"http://{host.lower()}", f"https://{host.lower()}"}:
            site = headers.get("sec-fetch-site", "none")
            foreign = site not in {"same-origin", "none"}
        else:
            foreign = origin not in self._allowed_origins
        if foreign:
            return AppError(
                ErrorCode.FORBIDDEN, "A page of another site sent this request. Use the server's own pages."
            )
        return None


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
