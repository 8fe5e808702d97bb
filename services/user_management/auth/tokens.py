"""Access tokens: EdDSA JWTs (RFC 8037), and the public keys that verify them (RFC 7517)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import jwt
import orjson
import structlog

from services.shared.errors import AppError
from services.shared.ids import new_id
from services.user_management.accounts.user import User
from services.user_management.auth.key_ring import KeyRing, published_keys, signing_key

ISSUER: Final = "musicgen"
AUDIENCE: Final = "musicgen-api"
_RELOAD_SECONDS: Final = 30.0

_log = structlog.get_logger(__name__)


class AccessTokens:
    """Issues access tokens with the ring's present key. Claims: docs/architecture/contracts.md, "Caller identity"."""

    def __init__(self, ring: KeyRing, *, lifetime_seconds: int, clock: Callable[[], float] = time.time) -> None:
        self._ring = ring
        self._clock = clock
        self.lifetime_seconds = lifetime_seconds

    @property
    def key_id(self) -> str:
        """The key that signs now."""
        return str(signing_key(self._ring.keys, self._clock()).jwk["kid"])

    @property
    def jwks_json(self) -> str:
        """The JWK set: every key that a valid token may be signed with, and those that will sign next."""
        keys = published_keys(self._ring.keys, self._clock(), self.lifetime_seconds)
        return orjson.dumps({"keys": [key.jwk for key in keys]}).decode()

    def issue(self, user: User, session_id: UUID) -> str:
        """A token for one session of a user."""
        now = int(self._clock())
        key = signing_key(self._ring.keys, now)
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user.id),
            "username": user.username,
            "role": user.role,
            "tier": user.tier,
            "sid": str(session_id),
            "jti": new_id(),
            "iat": now,
            "exp": now + self.lifetime_seconds,
        }
        return jwt.encode(claims, key.private_key, algorithm="EdDSA", headers={"kid": key.jwk["kid"]})

    async def run(self) -> None:
        """Take up new keys until cancelled."""
        while True:
            await asyncio.sleep(_RELOAD_SECONDS)
            try:
                await asyncio.to_thread(self._ring.reload)
            except (AppError, OSError) as error:
                _log.warning("access_token_keys_not_reloaded", reason=str(error))
