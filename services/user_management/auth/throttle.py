"""Slows guessing of passwords down, per account and per address, without letting anybody lock an owner out.

Counted are failures only, in Valkey, by what was typed (whether or not such an account exists): by name and network
together, by name from networks that the account was never used from, by network, and by the IPv6 /48 around it. An
owner's own network has its own count, so that strangers' failures never touch it. Names are kept as hashes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.shared.errors import AppError, ErrorCode
from services.shared.networks import network_of, site_of

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many failures within a window that slides from the first of them."""

    failures: int
    seconds: int


PAIR: Final = Allowance(10, 15 * 60)
STRANGERS: Final = Allowance(50, 60 * 60)
NETWORK: Final = Allowance(100, 60 * 60)
# One customer may have 65,536 networks of IPv6.
SITE: Final = Allowance(1_000, 60 * 60)

# KEYS: the counters; ARGV: their allowances. Answers the longest wait in ms among those that are used up, 0 for none.
_WAIT = """
local wait = 0
for i, key in ipairs(KEYS) do
  if (tonumber(redis.call('GET', key)) or 0) >= tonumber(ARGV[i]) then
    wait = math.max(wait, redis.call('PTTL', key))
  end
end
return wait
"""
# KEYS: the counters; ARGV: their windows in seconds.
_FAIL = """
for i, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('EXPIRE', key, ARGV[i]) end
end
return 0
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to sign in as `identifier`. `known`: the account was used from this network before."""

    identifier: str
    address: str
    known: bool

    def counters(self) -> list[tuple[str, Allowance]]:
        """The counters that it falls under."""
        name = hashlib.sha256(self.identifier.strip().casefold().encode(errors="replace")).hexdigest()[:32]
        network = network_of(self.address)
        found = [(f"mg:signin:pair:{name}:{network}", PAIR)]
        if not self.known:
            found.append((f"mg:signin:name:{name}", STRANGERS))
            # Other people at home or in an office are not to suffer from one who forgot a password.
            found.append((f"mg:signin:net:{network}", NETWORK))
            site = site_of(self.address)
            if site is not None:
                found.append((f"mg:signin:site:{site}", SITE))
        return found


class Throttle:
    """Without Valkey nobody is held up: the gateway's own limits stand, and each guess costs an argon2 hash."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def admit(self, attempt: Attempt) -> None:
        """Raises `AppError` (RATE_LIMITED) when too many attempts like this one failed lately."""
        keys, limits = zip(*((key, str(allowance.failures)) for key, allowance in attempt.counters()), strict=True)
        try:
            wait_ms = int(await self._redis.eval(_WAIT, len(keys), *keys, *limits))
        except (RedisError, OSError) as error:
            _log.warning("sign_in_throttle_away", reason=repr(error))
            return
        if wait_ms > 0:
            minutes = max(1, round(wait_ms / 60_000))
            raise AppError(
                ErrorCode.RATE_LIMITED,
                f"Too many wrong passwords. Try again in {minutes} min, or choose a new password by e-mail.",
                retry_after_seconds=wait_ms / 1000,
            )

    async def failed(self, attempt: Attempt) -> None:
        """Count a failure."""
        keys, windows = zip(*((key, str(allowance.seconds)) for key, allowance in attempt.counters()), strict=True)
        try:
            await self._redis.eval(_FAIL, len(keys), *keys, *windows)
        except (RedisError, OSError) as error:
            _log.warning("sign_in_throttle_away", reason=repr(error))

    async def succeeded(self, attempt: Attempt) -> None:
        """Forget the failures of this name from this network."""
        key, _ = attempt.counters()[0]
        try:
            await self._redis.delete(key)
        except (RedisError, OSError) as error:
            _log.warning("sign_in_throttle_away", reason=repr(error))

    async def forget(self, identifiers: Iterable[str], address: str) -> None:
        """Forget the failures of an account's names, from this network and from strangers' networks alike.

        The network's own count stays: whoever owns one account is not to go on guessing at others.
        """
        attempts = [Attempt(identifier, address, known=False) for identifier in identifiers]
        keys = [
            key for attempt in attempts for key, allowance in attempt.counters() if allowance not in (NETWORK, SITE)
        ]
        try:
            await self._redis.delete(*keys)
        except (RedisError, OSError) as error:
            _log.warning("sign_in_throttle_away", reason=repr(error))
