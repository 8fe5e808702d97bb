"""uvicorn's HTTP parser with bounds that it lacks: on the size of a request's head and trailers, and on time.

Without them a client could send a header that never ends into the server's memory, or hold connections by dawdling.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# More than browsers send (all cookies of a host: 8 to 16 KiB) and than proxies let through.
LARGEST_HEAD_BYTES = 65_536
# From the connection, or the first byte of a later request, to the end of the head.
HEAD_SECONDS = 15.0
# Trailers (RFC 9112 §7.1.2), and whatever else of a chunked message is not its body, between two pieces of that.
LARGEST_TRAILERS_BYTES = 8_192
# From an answer to the end of its request's body, which nobody reads any more.
REST_SECONDS = 15.0
# Written at once.
LARGE_BYTES = 65_536


def _too_large(what: str, limit_bytes: int) -> bytes:
    """The answer to a request whose `what` goes beyond the limit."""
    problem = orjson.dumps(
        {
            "type": "/problems/http-error",
            "title": "The request is not proper HTTP",
            "status": 431,
            "detail": f"The request's {what} are too large: send at most {limit_bytes // 1024} KiB.",
        }
    )
    return (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
        b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(problem), problem)
    )


class Outlet(asyncio.Transport):
    """Lets what is written within a turn of the event loop leave in one piece.

    uvicorn writes an answer's head and its body each by itself, and uvloop makes a system call of each, which wakes up
    whoever reads: that took an eighth of the gateway's processor time.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write it soon; at once what is large, so that whoever writes hears that it has to wait."""
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(bytes(data))
        if len(data) >= LARGE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        if self._held:
            held, self._held = self._held, []
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Close the connection behind what was written."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._transport.is_closing()


class BoundedHttpProtocol(HttpToolsProtocol):
    """Answers 431 (RFC 6585 §5) to heads and trailers that are too large, and closes connections that keep it waiting
    for the rest of a head, or of a request that it has answered.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_head = True
        self._head_bytes = 0
        self._refused = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._in_message = False
        # Since the head, or the last piece of the body.
        self._loose_bytes = 0
        self._trailer_bytes = 0
        self._rest_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._outlet = Outlet(transport, self.loop)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_head_timer()
        self._stop_rest_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came: they are counted unless they are of a body."""
        if self._refused:
            return
        # Before the parser sees them: a piece of a body in them starts the count anew.
        self._loose_bytes += len(data)
        rested = self._is_idle() and not self._in_message
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD_BYTES:
                self._refuse_head()
        elif self._in_message:
            # The parser collects a field that has not ended, and tells of it at its end only.
            if self._loose_bytes > LARGEST_TRAILERS_BYTES:
                self._refuse_trailers()
        elif rested and self._is_idle() and self._head_timer is None:
            # Empty lines before a request (RFC 9112 §2.2) have stopped the timer of idle connections.
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._in_message, self._head_bytes, self._trailer_bytes = True, True, 0, 0
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head is kept, one of the trailers is dropped (RFC 9110 §6.5.1): nothing here reads those."""
        if self._in_head:
            super().on_header(name, value)
            return
        self._trailer_bytes += len(name) + len(value) + 4
        if self._trailer_bytes > LARGEST_TRAILERS_BYTES:
            self._refuse_trailers()

    def on_headers_complete(self) -> None:
        """The head is whole: the application gets it, unless it is too large."""
        self._in_head, self._loose_bytes = False, 0
        self._stop_head_timer()
        # Four more for the colon, the blank and the end of each line.
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > LARGEST_HEAD_BYTES:
            self._refuse_head()
        elif not self._refused:
            super().on_headers_complete()
            if self.cycle is not None:
                self.cycle.transport = self._outlet

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._loose_bytes = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._in_message = False
        if self._refused:
            return
        super().on_message_complete()
        if self._rest_timer is not None:
            self._stop_rest_timer()
            # Its bytes have stopped the timer of idle connections.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        """The answer was sent: what is missing of its request has to come soon."""
        self._outlet.flush()
        super().on_response_complete()
        # uvicorn's timer of idle connections ends with any byte, and starts again with the next answer only.
        if self._in_message and not self._in_head and self._is_idle() and not self.transport.is_closing():
            self._rest_timer = self.loop.call_later(REST_SECONDS, self.transport.close)

    def _is_idle(self) -> bool:
        """Whether there is no request, of those whose head is whole, that waits for its answer."""
        # The protocol of a WebSocket has taken over its connection.
        return self.cycle is not None and self.cycle.response_complete and self.transport.get_protocol() is self

    def _refuse_head(self) -> None:
        # The request has no cycle yet; that of the one before may still be at its answer.
        self._refuse(_too_large("headers", LARGEST_HEAD_BYTES), free=self.cycle is None or self.cycle.response_complete)

    def _refuse_trailers(self) -> None:
        free = self.cycle is not None and not self.cycle.response_started and not self.pipeline
        self._refuse(_too_large("trailers", LARGEST_TRAILERS_BYTES), free=free)

    def _refuse(self, answer: bytes, *, free: bool) -> None:
        """Close the connection; `free`: no other answer is on it, so that this one can be said first."""
        if not self._refused:
            self._refused = True
            if free:
                self.transport.write(answer)
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_rest_timer(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
