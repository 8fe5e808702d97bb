"""The public keys of access tokens (RFC 7517), fetched from user_management and kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import jwt
import structlog

from services.shared.errors import AppError, ErrorCode

log = structlog.get_logger(__name__)

# A key that nobody knows may be a fresh one or a forger's: asking more often than this would let forgers flood
# user_management.
SECONDS_BETWEEN_FETCHES = 10.0
# Keys that were withdrawn stop working after this, without a restart.
SECONDS_UNTIL_STALE = 300.0


class KeySet:
    """Keys by id. `fetch` answers the JWK set as JSON and raises `AppError` when it cannot."""

    def __init__(self, fetch: Callable[[], Awaitable[str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._document = ""
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._tries = 0

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key of this id, or None when there is none.

        Raises `AppError` (UNAVAILABLE) while no key is known at all.
        """
        if key_id not in self._keys or self._is_stale():
            await self._refresh()
        return self._keys.get(key_id)

    async def document(self) -> str:
        """The JWK set as JSON, for other verifiers. Raises `AppError` (UNAVAILABLE) when it was never fetched."""
        if not self._document or self._is_stale():
            await self._refresh()
        return self._document

    def _is_stale(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at > SECONDS_UNTIL_STALE

    def _may_fetch(self) -> bool:
        # Without any key every sign-in fails, so that nothing is gained by waiting.
        return not self._keys or self._tried_at is None or self._clock() - self._tried_at >= SECONDS_BETWEEN_FETCHES

    async def _refresh(self) -> None:
        if not self._may_fetch():
            return
        tries = self._tries
        async with self._lock:
            if tries != self._tries:
                # Somebody else fetched while this call waited for the lock.
                if not self._keys:
                    raise _unavailable()
                return
            self._tries += 1
            self._tried_at = self._clock()
            try:
                document = await self._fetch()
                keys = {
                    key.key_id: key
                    for key in jwt.PyJWKSet.from_dict(json.loads(document)).keys
                    if key.key_id is not None
                }
            except (AppError, jwt.PyJWTError, ValueError) as error:
                if self._keys:
                    log.warning("access token keys not refreshed, the old ones go on", error=repr(error))
                    return
                raise _unavailable() from error
            self._keys, self._document, self._fetched_at = keys, document, self._clock()


def _unavailable() -> AppError:
    return AppError(ErrorCode.UNAVAILABLE, "Sign-in cannot be checked at the moment. Try again.", retry_after_seconds=2)
