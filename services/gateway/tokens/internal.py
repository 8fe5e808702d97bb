"""Internal tokens: what the gateway shows the services for whoever signed in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from services.shared.identity import InternalTokenMinter, Principal

# A token lives 60 s; half of it is left for the call when a cached one is handed out.
SECONDS_REUSED = 30.0

_CACHED_TOKENS = 8_192


class InternalTokens:
    """Internal tokens by caller, minted anew after 30 s at the latest, to spare signatures."""

    def __init__(self, minter: InternalTokenMinter, clock: Callable[[], float] = time.monotonic) -> None:
        self._minter = minter
        self._clock = clock
        self._minted: OrderedDict[Principal, tuple[float, str]] = OrderedDict()

    def token(self, caller: Principal) -> str:
        """A token for `caller`, valid for at least another 30 s."""
        now = self._clock()
        known = self._minted.get(caller)
        if known is not None and now < known[0]:
            return known[1]
        token = self._minter.mint(
            user_id=caller.subject,
            username=caller.username,
            role=caller.role,
            scopes=caller.scopes,
            session_id=caller.session_id,
        )
        self._minted[caller] = (now + SECONDS_REUSED, token)
        self._minted.move_to_end(caller)
        if len(self._minted) > _CACHED_TOKENS:
            self._minted.popitem(last=False)
        return token
