"""The cookies of a browser's session: one that scripts cannot read, and the CSRF token, which they have to read.

Over HTTPS their names begin with `__Host-`, which a browser takes only with Secure, Path=/ and without Domain
(RFC 6265bis §4.1.3.2), so that no other host of the domain can plant them. Over plain HTTP, which is for this
machine's own browser, browsers would refuse that, and the names have no prefix.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

SESSION_COOKIE = "musicgen_session"
CSRF_COOKIE = "musicgen_csrf"
_SECURE_PREFIX = "__Host-"

_SECURE_SCHEMES = frozenset({"https", "wss"})


def is_secure(request: HTTPConnection) -> bool:
    """Whether the browser came by HTTPS, as far as the server or a trusted proxy knows."""
    return request.scope.get("scheme") in _SECURE_SCHEMES


def name_of(cookie: str, *, secure: bool) -> str:
    """What a cookie is called on this connection."""
    return f"{_SECURE_PREFIX}{cookie}" if secure else cookie


def session_secret(request: HTTPConnection) -> str | None:
    """The secret that the browser sent; None without one."""
    return request.cookies.get(name_of(SESSION_COOKIE, secure=is_secure(request))) or None


def set_session(request: HTTPConnection, response: Response, *, secret: str, csrf: str, lifetime_seconds: int) -> None:
    """Give the browser both cookies."""
    secure = is_secure(request)
    for cookie, value, hidden in ((SESSION_COOKIE, secret, True), (CSRF_COOKIE, csrf, False)):
        response.set_cookie(
            name_of(cookie, secure=secure),
            value,
            max_age=lifetime_seconds,
            path="/",
            secure=secure,
            httponly=hidden,
            samesite="lax",
        )


def set_sealed(request: HTTPConnection, response: Response, cookie: str, value: str, lifetime_seconds: int) -> None:
    """Give the browser something to carry for a while that its scripts cannot read."""
    secure = is_secure(request)
    name = name_of(cookie, secure=secure)
    # Lax: the provider sends the browser back from its own site.
    response.set_cookie(name, value, max_age=lifetime_seconds, path="/", secure=secure, httponly=True, samesite="lax")


def sealed(request: HTTPConnection, cookie: str) -> str | None:
    """What the browser carried; None without it."""
    return request.cookies.get(name_of(cookie, secure=is_secure(request))) or None


def clear_sealed(request: HTTPConnection, response: Response, cookie: str) -> None:
    """Take it back."""
    secure = is_secure(request)
    response.delete_cookie(name_of(cookie, secure=secure), path="/", secure=secure, httponly=True, samesite="lax")


def clear_session(request: HTTPConnection, response: Response) -> None:
    """Take both cookies back."""
    secure = is_secure(request)
    for cookie, hidden in ((SESSION_COOKIE, True), (CSRF_COOKIE, False)):
        response.delete_cookie(name_of(cookie, secure=secure), path="/", secure=secure, httponly=hidden, samesite="lax")
