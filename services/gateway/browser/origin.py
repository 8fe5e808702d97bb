"""Whether a browser's request comes from the server's own pages (Fetch standard: `Origin`, `Sec-Fetch-Site`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from services.gateway.browser.cookies import is_secure


def is_foreign(request: HTTPConnection, allowed_origins: Collection[str] = ()) -> bool:
    """Whether another site's page sent the request. Programs send neither header and are not foreign."""
    origin = request.headers.get("origin", "").lower()
    if not origin:
        return request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}
    host = request.headers.get("host", "").lower()
    # A proxy that is not trusted may speak HTTPS for a server that sees plain HTTP.
    own = {f"https://{host}"} if is_secure(request) else {f"http://{host}", f"https://{host}"}
    return origin not in own and origin not in {item.lower() for item in allowed_origins}


def is_loopback(request: HTTPConnection) -> bool:
    """Whether the browser was told to go to this very machine."""
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        return name == "localhost" or name.endswith(".localhost") or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
