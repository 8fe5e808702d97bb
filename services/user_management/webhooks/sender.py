"""Sends one message to one address, and lets it lead nowhere else.

The name is resolved once, every address of it is checked, and the connection goes to what was checked: a name that
answers differently a moment later (DNS rebinding) changes nothing. TLS and `Host` carry the name. Redirects are not
followed, the answer's body is not read, and all of it has one limit of time.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.shared.networks import is_public
from services.user_management.webhooks.names import SlowNameError
from services.user_management.webhooks.rules import Target

# Host, port, and whose message it is.
Resolver = Callable[[str, int, str], Awaitable[list[str]]]
Connect = Callable[..., Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

SEND_SECONDS: Final = 10.0
_LONGEST_HEAD_BYTES: Final = 16 * 1024
_MOST_ADDRESSES: Final = 3
_MOST_INTERIM_ANSWERS: Final = 5
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\r\n")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an attempt: the status, or why there is none."""

    status: int | None = None
    error: str = ""

    @property
    def arrived(self) -> bool:
        """Whether the receiver took the message (2xx)."""
        return self.status is not None and 200 <= self.status < 300


class WebhookSender:
    """`private` lets it call networks of the operator's own; `resolver`, `connect` and `tls` are the world outside."""

    def __init__(
        self,
        *,
        private: bool,
        resolver: Resolver,
        seconds: float = SEND_SECONDS,
        connect: Connect = asyncio.open_connection,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private = private
        self._seconds = seconds
        self._resolve = resolver
        self._connect = connect
        self._tls = tls or ssl.create_default_context()

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes, owner: str = "") -> Reply:
        """Send `body`. Never raises for what happens on the way: the reply says it in a sentence for the `owner`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(target, headers, body, owner)
        except TimeoutError:
            return Reply(error=f"There was no answer within {self._seconds:g} s.")
        except ssl.SSLCertVerificationError as error:
            return Reply(error=f"The server's certificate is not valid: {error.verify_message}.")
        except ssl.SSLError:
            return Reply(error="The server does not speak TLS as it should.")
        except (OSError, UnicodeError):
            return Reply(error="The connection could not be made, or broke.")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return Reply(error="The server did not answer with HTTP.")

    async def _post(self, target: Target, headers: Mapping[str, str], body: bytes, owner: str) -> Reply:
        try:
            addresses = await self._resolve(target.host, target.port, owner)
        except SlowNameError as error:
            return Reply(error=str(error))
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            return Reply(error="The host's name leads nowhere.")
        # One that may not be called is reason enough: nobody who means well mixes them.
        if not self._private and not all(is_public(address) for address in addresses):
            return Reply(error="The host's name leads to an address that is not on the public internet.")
        reader, writer = await self._open(target, addresses)
        try:
            lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.host_header}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
            writer.write("\r\n".join(lines).encode("ascii") + body)
            await writer.drain()
            return await _status(reader)
        finally:
            # Whatever else the server has to say, nobody listens.
            writer.transport.abort()

    async def _open(self, target: Target, addresses: list[str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tls = {"ssl": self._tls, "server_hostname": target.host} if target.scheme == "https" else {}
        failure: OSError = OSError("no address")
        for address in addresses[:_MOST_ADDRESSES]:
            try:
                return await self._connect(address, target.port, limit=_LONGEST_HEAD_BYTES, **tls)
            except ssl.SSLError:
                raise
            except OSError as error:
                failure = error
        raise failure


async def _status(reader: asyncio.StreamReader) -> Reply:
    for _ in range(_MOST_INTERIM_ANSWERS):
        head = await reader.readuntil(b"\r\n\r\n")
        match = _STATUS_LINE.match(head)
        if match is None:
            break
        status = int(match[1])
        if status < 200:
            continue
        if 300 <= status < 400:
            return Reply(status, "The server redirects. Redirects are not followed: give the final address.")
        return Reply(status, "" if status < 300 else f"The server answered {status}.")
    return Reply(error="The server did not answer with HTTP.")
