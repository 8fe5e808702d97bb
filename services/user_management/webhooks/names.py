"""Looking names up without letting one account's slow ones keep the others waiting.

The system's resolver cannot be stopped: a name server that stays silent holds a thread for half a minute, whoever has
stopped waiting. So look-ups have threads of their own, not those that the rest of the process waits for; a thread that
is held counts against the account that named the host until the resolver lets it go.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

LOOK_UP_SECONDS: Final = 3.0
MOST_AT_ONCE: Final = 64
# Of one account, those that nobody waits for any more among them.
MOST_OF_ONE: Final = 4

LookUp = Callable[[str, int], list[str]]


class SlowNameError(OSError):
    """A name that was not found in time, or not looked up at all. The text is a sentence for who named it."""


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order. Blocks. Raises `OSError` when it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Names:
    """One for a process, whatever event loops it runs. `look_up` is the world outside."""

    def __init__(
        self,
        *,
        seconds: float = LOOK_UP_SECONDS,
        most: int = MOST_AT_ONCE,
        most_of_one: int = MOST_OF_ONE,
        look_up: LookUp = look_up,
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._most_of_one = most_of_one
        self._look_up = look_up
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    async def resolve(self, host: str, port: int, owner: str) -> list[str]:
        """The addresses of a name. Raises `OSError` when it has none, `SlowNameError` when that takes too long."""
        self._take(owner)
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[str]] = loop.create_future()

        def tell(addresses: list[str], error: Exception | None) -> None:
            if found.done():
                return
            if error is None:
                found.set_result(addresses)
            else:
                found.set_exception(error)

        def run() -> None:
            addresses: list[str] = []
            failure: Exception | None = None
            try:
                addresses = self._look_up(host, port)
            except Exception as error:
                failure = error
            finally:
                self._give_back(owner)
            # Nobody waits any more where the loop has ended meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, addresses, failure)

        try:
            # A daemon: neither a task nor the process waits for a name server.
            threading.Thread(target=run, name="webhook-name", daemon=True).start()
        except RuntimeError as error:
            self._give_back(owner)
            raise SlowNameError("The host's name could not be looked up at the moment.") from error
        try:
            async with asyncio.timeout(self._seconds):
                return await found
        except TimeoutError as error:
            raise SlowNameError(f"The host's name was not found within {self._seconds:g} s.") from error

    def _take(self, owner: str) -> None:
        with self._lock:
            if self._held[owner] >= self._most_of_one:
                raise SlowNameError("Other names of yours are still being looked up: their name servers are slow.")
            if self._held.total() >= self._most:
                raise SlowNameError("The host's name could not be looked up at the moment.")
            self._held[owner] += 1

    def _give_back(self, owner: str) -> None:
        with self._lock:
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
