"""Slows guessing of a link's password down: per link and network, and per link over all networks.

A guess is counted before it is judged, so that a thousand at once are no way around it; a right one is not counted.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.shared.errors import AppError, ErrorCode
from services.shared.networks import network_of
from services.user_management.auth.throttle import Allowance

FROM_A_NETWORK: Final = Allowance(10, 15 * 60)
IN_ALL: Final = Allowance(100, 60 * 60)

# KEYS: the counters; ARGV: their allowances, then their windows in seconds. Answers 0 when the guess may be judged (and
# is counted), else the longest wait in ms among the counters that are used up.
_TAKE = """
local wait = 0
for i, key in ipairs(KEYS) do
  if (tonumber(redis.call('GET', key)) or 0) >= tonumber(ARGV[i]) then
    wait = math.max(wait, redis.call('PTTL', key), 1)
  end
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[#KEYS + i]) end
end
return 0
"""
# KEYS: the counters.
_GIVE_BACK = """
for _, key in ipairs(KEYS) do
  if (tonumber(redis.call('GET', key)) or 0) > 0 then redis.call('DECR', key) end
end
return 0
"""

_log = structlog.get_logger(__name__)


class Guesses:
    """Without Valkey no password is judged: what guards a link is not to fall with its counter."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def take(self, share_id: UUID, address: str) -> None:
        """Count a guess. Raises `AppError`: RATE_LIMITED when too many were wrong lately, UNAVAILABLE."""
        limits = (FROM_A_NETWORK, IN_ALL)
        arguments = [str(limit.failures) for limit in limits] + [str(limit.seconds) for limit in limits]
        keys = _keys(share_id, address)
        try:
            wait_ms = int(await self._redis.eval(_TAKE, len(keys), *keys, *arguments))
        except (RedisError, OSError) as error:
            _log.warning("share_guesses_away", reason=repr(error))
            raise AppError(
                ErrorCode.UNAVAILABLE,
                "Passwords of links cannot be checked at the moment. Try again.",
                retry_after_seconds=2.0,
            ) from error
        if wait_ms > 0:
            minutes = max(1, round(wait_ms / 60_000))
            raise AppError(
                ErrorCode.RATE_LIMITED,
                f"Too many wrong passwords for this link. Try again in {minutes} min, or ask its owner.",
                retry_after_seconds=wait_ms / 1000,
            )

    async def give_back(self, share_id: UUID, address: str) -> None:
        """Take the count of a right guess back."""
        keys = _keys(share_id, address)
        try:
            await self._redis.eval(_GIVE_BACK, len(keys), *keys)
        except (RedisError, OSError) as error:
            _log.warning("share_guesses_away", reason=repr(error))


def _keys(share_id: UUID, address: str) -> tuple[str, str]:
    return f"mg:share:net:{share_id}:{network_of(address)}", f"mg:share:all:{share_id}"
