"""Telling the gateway which sessions and API keys were ended: it refuses them from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.auth.repository import SessionRepository
from services.user_management.database import Database

_TRY_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 1.0
# The gateway's clock may be behind: it takes a token for some seconds after its end.
_LEEWAY_SECONDS: Final = 10

# The gateway's longest setting, and the ten minutes that it rounds up.
_LONGEST_LINK_SECONDS: Final = 7 * 86_400 + 600
_CHANNEL: Final = "mg:revoked"

_log = structlog.get_logger(__name__)


class Revocations:
    """Writes `mg:revoked:<sid>`.

    What Valkey does not take is tried again until the session's last token and link have ended.
    """

    def __init__(self, redis: Redis, *, token_seconds: int) -> None:
        self._redis = redis
        self._kept_seconds = max(token_seconds, _LONGEST_LINK_SECONDS) + _LEEWAY_SECONDS
        self._pending: dict[UUID, float] = {}

    async def publish(self, session_id: UUID) -> None:
        """Make a revocation known. Never fails; takes a second at most."""
        await self.publish_all((session_id,))

    async def publish_all(self, ended: Iterable[UUID]) -> None:
        """Make revocations known. All are remembered at once, so that none is lost with a caller who goes away.

        Never fails; what Valkey does not take is left to `run`.
        """
        ids = list(ended)
        until = asyncio.get_running_loop().time() + self._kept_seconds
        self._pending.update((session_id, until) for session_id in ids)
        for session_id in ids:
            if not await self._try(session_id):
                break

    async def publish_recent(self, database: Database) -> None:
        """Make those known that another process may have died over."""
        span = timedelta(seconds=self._kept_seconds)

        async def query(connection: AsyncConnection) -> list[UUID]:
            return await SessionRepository(connection).revoked_within(span)

        await self.publish_all(await database.read(query))

    async def run(self) -> None:
        """Try again what did not work, until cancelled."""
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            for session_id in list(self._pending):
                if not await self._try(session_id):
                    break

    async def _try(self, session_id: UUID) -> bool:
        until = self._pending.get(session_id)
        if until is None:
            # Somebody else made it known meanwhile.
            return True
        left = until - asyncio.get_running_loop().time()
        try:
            if left > 0:
                async with asyncio.timeout(_TRY_SECONDS):
                    await self._redis.set(f"mg:revoked:{session_id}", b"1", ex=max(1, round(left)))
                    # Ends what is open at the moment; whoever misses it looks at the key within seconds.
                    await self._redis.publish(_CHANNEL, str(session_id))
        except (RedisError, OSError, TimeoutError) as error:
            _log.warning("revocation_not_published", session_id=str(session_id), reason=repr(error))
            return False
        self._pending.pop(session_id, None)
        return True
