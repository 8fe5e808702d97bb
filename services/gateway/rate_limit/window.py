"""A sliding window in Valkey, counted by one atomic script, together with the look-up of revoked sessions.

Two counters stand for the window: this span's and the one's before, which weighs as much as of it still lies within the
last `window_seconds`. It is exact for steady traffic, needs one small hash a subject, and refuses without counting, so
that a client that keeps knocking is let in as soon as there is room.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from typing import cast

import structlog
from redis.exceptions import NoScriptError, RedisError

from services.gateway.rate_limit.policy import LimitClass
from services.shared.errors import AppError, ErrorCode
from services.shared.valkey_line import ValkeyLine

log = structlog.get_logger(__name__)

# KEYS: the hash, and where an ended session is noted (may be missing); ARGV: quota, window in ms, cost. Valkey's own
# clock, so that several gateways agree. Answers: allowed (0|1), what is left, ms until the window is empty, ms until
# the cost fits, whether the session was ended.
_SCRIPT = """
local quota, window, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local ended = 0
if KEYS[2] then ended = redis.call('EXISTS', KEYS[2]) end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local span = math.floor(now / window)
local elapsed = now - span * window
local stored = redis.call('HMGET', KEYS[1], 's', 'c', 'p')
local last, current, previous = tonumber(stored[1]), tonumber(stored[2]) or 0, tonumber(stored[3]) or 0
if last == span - 1 then
  previous, current = current, 0
elseif last ~= span then
  previous, current = 0, 0
end
local used = previous * (window - elapsed) / window + current
if used + cost <= quota then
  current = current + cost
  redis.call('HSET', KEYS[1], 's', span, 'c', current, 'p', previous)
  redis.call('PEXPIRE', KEYS[1], 2 * window - elapsed)
  return {1, math.floor(quota - used - cost), window - elapsed, 0, ended}
end
local wait
if current + cost <= quota then
  wait = window - elapsed - window * (quota - current - cost) / previous
else
  wait = window - elapsed
  if cost <= quota then wait = wait + window - window * (quota - cost) / current end
end
return {0, math.max(0, math.floor(quota - used)), window - elapsed, math.ceil(math.max(1, wait)), ended}
"""
_SCRIPT_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

_SECONDS_BETWEEN_LOG_LINES = 30.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the window says of one request."""

    allowed: bool
    remaining: int
    reset_seconds: int
    retry_after_seconds: float
    session_revoked: bool = False


class SlidingWindow:
    """Counts requests.

    One round trip a request; `None` in place of a limit turns counting off and keeps the look-up.
    """

    def __init__(self, valkey: ValkeyLine) -> None:
        self._valkey = valkey
        self._logged_at = -math.inf

    async def admit(
        self, name: str, limit: LimitClass | None, subject: str, *, cost: int = 1, session_id: str = ""
    ) -> Verdict | None:
        """Count one request of `subject` in the class `name`, and see whether its session was ended.

        None: nothing to say (no limit, or Valkey is away and the class lets requests pass). Raises `AppError`
        (UNAVAILABLE) when Valkey is away and the class refuses.
        """
        try:
            counted, revoked = await self._ask(name, limit, subject, cost, session_id)
        except (RedisError, OSError, TimeoutError) as error:
            self._go_without(limit, error)
            return None
        if counted is None:
            return Verdict(True, 0, 0, 0.0, session_revoked=True) if revoked else None
        allowed, remaining, reset_ms, retry_ms = counted
        return Verdict(bool(allowed), remaining, math.ceil(reset_ms / 1000), retry_ms / 1000, session_revoked=revoked)

    async def is_revoked(self, session_id: str) -> bool:
        """Whether the session was ended. False while Valkey is away."""
        if not session_id:
            return False
        try:
            return bool(await self._valkey.call("EXISTS", _revocation_key(session_id)))
        except (RedisError, OSError, TimeoutError):
            return False

    async def _ask(
        self, name: str, limit: LimitClass | None, subject: str, cost: int, session_id: str
    ) -> tuple[tuple[int, int, int, int] | None, bool]:
        if limit is None and not session_id:
            return None, False
        if limit is None:
            return None, bool(await self._valkey.call("EXISTS", _revocation_key(session_id)))
        keys = [f"mg:rate:{name}:{subject}"]
        if session_id:
            keys.append(_revocation_key(session_id))
        arguments = (str(limit.quota), str(limit.window_seconds * 1000), str(cost))
        try:
            # One command for both: packing and reading a second one costs the gateway as much as the first.
            found = await self._valkey.call("EVALSHA", _SCRIPT_SHA, str(len(keys)), *keys, *arguments)
        except NoScriptError:
            # A restarted Valkey forgets scripts.
            await self._valkey.call("SCRIPT", "LOAD", _SCRIPT)
            return await self._ask(name, limit, subject, cost, session_id)
        allowed, remaining, reset_ms, retry_ms, revoked = cast("tuple[int, int, int, int, int]", found)
        return (allowed, remaining, reset_ms, retry_ms), bool(revoked)

    def _go_without(self, limit: LimitClass | None, error: Exception) -> None:
        if time.monotonic() - self._logged_at > _SECONDS_BETWEEN_LOG_LINES:
            self._logged_at = time.monotonic()
            log.warning("rate limits and revoked sessions cannot be looked up", error=repr(error))
        if limit is not None and limit.when_unavailable == "refuse":
            raise AppError(
                ErrorCode.UNAVAILABLE,
                "The server cannot take this call at the moment. Try again.",
                retry_after_seconds=2,
            )


def _revocation_key(session_id: str) -> str:
    return f"mg:revoked:{session_id}"
