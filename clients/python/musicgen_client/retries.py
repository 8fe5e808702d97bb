"""When a request is worth sending again, and after how long."""

from __future__ import annotations

from typing import Any, Final

import httpx

from musicgen_client.calls.call import Call
from musicgen_client.errors import ApiError, UnreachableError, retry_after

MOST_REPEATS: Final = 3
FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 5.0
PASSING: Final = frozenset({httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT})


class Repeats:
    """Counts the repeats of one call. Calls that could act twice are never repeated."""

    def __init__(self, call: Call[Any]) -> None:
        self._left = MOST_REPEATS if call.repeatable else 0
        self._pause = FIRST_PAUSE_SECONDS

    def after_failure(self) -> float | None:
        """Seconds to wait after a broken connection; None: give up."""
        return self._next(self._pause)

    def after_answer(self, response: httpx.Response) -> float | None:
        """Seconds to wait after an answer that may be better next time; None: take it as it is."""
        if response.status_code not in PASSING:
            return None
        asked = retry_after(response)
        if asked is not None and asked > LONGEST_PAUSE_SECONDS:
            return None
        return self._next(self._pause if asked is None else asked)

    def _next(self, pause: float) -> float | None:
        if self._left == 0:
            return None
        self._left -= 1
        self._pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2)
        return pause


def failed_stream(response: httpx.Response) -> Exception:
    """A refused stream as an exception: one that counts as a broken connection when the next attempt may go better."""
    if response.status_code in PASSING:
        return httpx.RemoteProtocolError(f"the server answered {response.status_code}", request=response.request)
    return ApiError.from_response(response)


def unreachable(base_url: str, error: httpx.TransportError) -> UnreachableError:
    """A sentence for what went wrong with the connection."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return UnreachableError(f"cannot reach {base_url}: is the server running, and is the address right?")
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(f"{base_url} did not answer in time")
    if isinstance(error, httpx.UnsupportedProtocol):
        return UnreachableError(f"{base_url} is not an address of a server: it has to begin with http:// or https://")
    return UnreachableError(f"the connection to {base_url} broke: {str(error) or type(error).__name__}")
