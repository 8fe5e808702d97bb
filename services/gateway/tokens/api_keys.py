"""Whom an API key stands for: asked of user_management, and remembered for half a minute.

That a key was revoked is looked up in Valkey at every request, as an ended session is.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from protos.users.v1 import credentials_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

HEADER = "x-api-key"

_SECRET = re.compile(r"mga_[A-Za-z0-9_-]{43}", re.ASCII)
_FRESH_SECONDS = 30.0
_REMEMBERED = 8_192


class ApiKeyVerifier:
    """Resolves keys. `resolve` asks user_management and raises `AppError`."""

    def __init__(
        self,
        resolve: Callable[[str], Awaitable[credentials_pb2.ResolveApiKeyResponse]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def verify(self, secret: str, before_asking: Callable[[], Awaitable[None]] | None = None) -> Principal:
        """The key's owner within the key's scopes; its session is the key's id. Raises `AppError` (UNAUTHENTICATED).

        `before_asking` runs before user_management is asked about a key that is not remembered, and may raise.
        """
        if _SECRET.fullmatch(secret) is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "This is no API key: it begins with mga_.")
        digest = hashlib.sha256(secret.encode()).digest()
        known = self._known.get(digest)
        if known is not None and self._clock() < known[0]:
            return known[1]
        if known is None and before_asking is not None:
            await before_asking()
        self._known.pop(digest, None)
        answer = await self._resolve(secret)
        if not answer.scopes:
            # No scopes would mean every right.
            raise AppError(ErrorCode.UNAUTHENTICATED, "This key may do nothing. Make another one.")
        user = answer.user
        scopes = frozenset(answer.scopes)
        principal = Principal(
            user.id, "user", user.username, user.role, scopes, session_id=answer.key_id, tier=user.tier
        )
        self._known[digest] = (self._clock() + _FRESH_SECONDS, principal)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return principal
