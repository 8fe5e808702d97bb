"""The hub: one WebSocket for all of a person's jobs and notifications, over as many connections as it takes.

Both clients follow it with what is here: where to connect, what to remember, and what an end of a connection means.
Whoever reads slowly keeps the server waiting, which keeps the rest in the feed: nothing piles up on either side.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect as connect_sync

from musicgen_client.calls.call import API
from musicgen_client.errors import ApiError, MusicGenError, UnavailableError, UnexpectedAnswerError, UnreachableError
from musicgen_client.hub_events import HubEvent, HubOpened, event_of
from musicgen_client.retries import PASSING
from musicgen_client.sse import LONGEST_PAUSE_SECONDS, MOST_FAILURES

# Of RFC 6455 §7.4.1, and the server's own.
_POLICY_VIOLATION: Final = 1008
_SESSION_ENDED: Final = 4401
# A job's result with all that was understood of its prompt is far smaller.
_LARGEST_MESSAGE: Final = 8 * 1024 * 1024
_CONNECT_SECONDS: Final = 10.0
# A connection that lasted is no failure when it ends.
_LASTED_SECONDS: Final = 30.0

# What a connection may end with; everything else is a fault of this program.
BROKEN: Final = (OSError, EOFError, WebSocketException, UnreachableError, UnavailableError)


class DirectConnect(connect_async):
    """Connects where it is told to: a redirect would carry credentials elsewhere. The synchronous one follows none."""

    def process_redirect(self, exc: Exception) -> Exception:
        """No redirect is one that may be followed."""
        return exc


class HubFeed:
    """What is remembered while the hub is followed over several connections."""

    def __init__(self, url: str, last_event_id: str | None = None) -> None:
        self._url = url
        self.last_event_id = last_event_id
        self._failures = 0
        self._opened_at: float | None = None
        # Whether the server has just refused the credential: it is exchanged once, then the refusal counts.
        self.was_refused = False

    @property
    def address(self) -> str:
        """Where the next connection goes."""
        start = f"ws{self._url.removeprefix('http')}{API}/ws"
        return f"{start}?last_event_id={quote(self.last_event_id, safe='')}" if self.last_event_id else start

    @staticmethod
    def options(headers: dict[str, str], user_agent: str) -> dict[str, Any]:
        """How to connect: what both kinds of connection take. Pings find out about servers that are gone."""
        return {
            "additional_headers": headers,
            "user_agent_header": user_agent,
            "open_timeout": _CONNECT_SECONDS,
            "close_timeout": 1.0,
            "max_size": _LARGEST_MESSAGE,
        }

    def take(self, text: str | bytes) -> HubEvent:
        """A message as an event."""
        event = event_of(text)
        self.last_event_id = event.id or self.last_event_id
        self.was_refused = False
        if isinstance(event, HubOpened):
            self._opened_at = time.monotonic()
        else:
            self._failures = 0
        return event

    def pause_after(self, end: Exception) -> float:
        """Seconds to wait before the next connection. Raises `MusicGenError` when there is no point in one."""
        if _is_about_the_credential(end) and not self.was_refused:
            self.was_refused = True
            return 0.0
        if isinstance(end, InvalidStatus) and end.response.status_code not in PASSING:
            raise _refusal(end) from end
        if isinstance(end, ConnectionClosed) and end.rcvd is not None and end.rcvd.code == _POLICY_VIOLATION:
            raise UnexpectedAnswerError("the hub ended the connection: it takes nothing but pings") from end
        if self._opened_at is not None and time.monotonic() - self._opened_at >= _LASTED_SECONDS:
            self._failures = 0
        self._opened_at = None
        self._failures += 1
        if self._failures > MOST_FAILURES:
            raise UnreachableError(f"the hub of {self._url} ends every connection: {_reason(end)}") from end
        return float(min(LONGEST_PAUSE_SECONDS, 0.1 * 2**self._failures))


def _is_about_the_credential(end: Exception) -> bool:
    if isinstance(end, InvalidStatus):
        return end.response.status_code == HTTPStatus.UNAUTHORIZED
    return isinstance(end, ConnectionClosed) and end.rcvd is not None and end.rcvd.code == _SESSION_ENDED


def _refusal(refused: InvalidStatus) -> MusicGenError:
    answer = refused.response
    return ApiError.from_response(
        httpx.Response(answer.status_code, headers=list(answer.headers.raw_items()), content=bytes(answer.body or b""))
    )


def _reason(end: Exception) -> str:
    return str(end) or type(end).__name__


__all__ = ["BROKEN", "DirectConnect", "HubFeed", "connect_sync"]
