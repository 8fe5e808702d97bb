"""Whom a browser's cookie stands for: asked of user_management, and remembered for half a minute.

That a session was ended is looked up in Valkey at every request (`admission`): remembering does not keep it alive.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from protos.users.v1 import accounts_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

_SECRET = re.compile(r"mgb_[A-Za-z0-9_-]{43}", re.ASCII)

_FRESH_SECONDS = 30.0
# While user_management is away, people who were there a moment ago go on, as holders of access tokens do.
_USABLE_SECONDS = 900.0
_REMEMBERED = 8_192

_AWAY = frozenset({ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED})

Resolve = Callable[[str, accounts_pb2.Device], Awaitable[accounts_pb2.ResolveBrowserSessionResponse]]


@dataclass(frozen=True, slots=True)
class BrowserUse:
    """One use of a session. `renewed_seconds`: its end was put off by so much, the cookies have to be sent anew."""

    principal: Principal
    secret: str
    renewed_seconds: int | None = None


class BrowserSessions:
    """Resolves cookies. `resolve` asks user_management and raises `AppError`."""

    def __init__(self, resolve: Resolve, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolve = resolve
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def use(
        self, secret: str, device: accounts_pb2.Device, before_asking: Callable[[], Awaitable[None]] | None = None
    ) -> BrowserUse:
        """The session of a cookie. Raises `AppError` (UNAUTHENTICATED, UNAVAILABLE).

        `before_asking` runs before user_management is asked about a cookie that is not remembered, and may raise.
        """
        if _SECRET.fullmatch(secret) is None:
            raise _ended()
        digest = hashlib.sha256(secret.encode()).digest()
        known = self._known.get(digest)
        age = self._clock() - known[0] if known else _USABLE_SECONDS
        if known is not None and age < _FRESH_SECONDS:
            return BrowserUse(known[1], secret)
        if known is None and before_asking is not None:
            await before_asking()
        try:
            answer = await self._resolve(secret, device)
        except AppError as error:
            if known is not None and error.code in _AWAY and age < _USABLE_SECONDS:
                return BrowserUse(known[1], secret)
            if error.code is ErrorCode.UNAUTHENTICATED:
                self._known.pop(digest, None)
            raise
        principal = principal_of(answer.session)
        self._known[digest] = (self._clock(), principal)
        self._known.move_to_end(digest)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return BrowserUse(principal, secret, answer.session.lifetime_seconds if answer.renewed else None)


def principal_of(session: accounts_pb2.BrowserSession) -> Principal:
    """Who is signed in."""
    user = session.user
    return Principal(user.id, "user", user.username, user.role, session_id=session.id, tier=user.tier)


def _ended() -> AppError:
    return AppError(ErrorCode.UNAUTHENTICATED, "The session has ended. Sign in again.")
