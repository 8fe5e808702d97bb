"""HTTP to addresses that somebody else names, without letting them reach what only this machine can reach (SSRF).

A name is resolved here, every address that it has is checked, and the connection goes to one of the checked addresses:
a second look-up could answer something else (DNS rebinding). Nothing follows redirects, proxies of the environment are
left aside, answers are cut off by size and by time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from services.shared.networks import is_inner, is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]

_CONNECTIONS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=0)


class OutboundError(Exception):
    """A request that was not made, or got no answer. The text is for logs: it may name inner addresses."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def resolve(host: str, port: int) -> list[str]:
    """Every address of a name. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """A client for addresses of others. `inner`: private networks and this machine may be asked, and by plain HTTP."""

    def __init__(
        self,
        *,
        inner: bool = False,
        seconds: float = 10.0,
        largest_bytes: int = 1024 * 1024,
        resolve: Resolve = resolve,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._inner = inner
        self._seconds = seconds
        self._largest_bytes = largest_bytes
        self._resolve = resolve
        # Connections are not kept: the next request checks its addresses anew.
        self._transport = transport or httpx.AsyncHTTPTransport(trust_env=False, limits=_CONNECTIONS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.aclose()

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> Answer:
        """Ask. Raises `OutboundError`; an answer of any status is an answer, and a redirect is not followed."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._request(method, url, headers or {}, content)
        except TimeoutError as error:
            raise OutboundError(f"no whole answer within {self._seconds} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise OutboundError(f"{type(error).__name__}: {error}") from error

    async def _request(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> Answer:
        target = httpx.URL(url)
        host = target.host
        if not host or target.userinfo or target.scheme not in {"https", "http"}:
            raise OutboundError("not an https URL")
        port = target.port or (443 if target.scheme == "https" else 80)
        address = self._admitted(await self._resolve(host, port), target.scheme)
        # Its own `Host` and, for TLS, its own name: only where the connection goes is settled.
        request = httpx.Request(
            method,
            target.copy_with(host=address),
            headers={**headers, "host": target.netloc.decode("ascii"), "accept-encoding": "identity"},
            content=content,
            extensions={"sni_hostname": host, "timeout": httpx.Timeout(self._seconds).as_dict()},
        )
        response = await self._transport.handle_async_request(request)
        try:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._largest_bytes:
                    raise OutboundError(f"the answer is larger than {self._largest_bytes} bytes")
            return Answer(response.status_code, response.headers, bytes(body))
        finally:
            await response.aclose()

    def _admitted(self, addresses: list[str], scheme: str) -> str:
        if not addresses:
            raise OutboundError("the name has no address")
        for address in addresses:
            # One inner address among public ones is how a rebinding name begins: all have to be fine.
            inner = self._inner and is_inner(address)
            if not inner and not is_public(address):
                raise OutboundError(f"{address} is not on the open internet")
            if scheme == "http" and not inner:
                raise OutboundError("plain HTTP leaves this machine's networks")
        return addresses[0]


def is_web_address(url: str, *, inner: bool = False) -> bool:
    """Whether a URL has the form that `Outbound` takes; nothing is looked up."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = inner and parts.scheme == "http"
    return (
        (parts.scheme == "https" or plain)
        and bool(parts.hostname)
        and parts.username is None
        and port != 0
        and not parts.fragment
    )
