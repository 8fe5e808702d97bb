"""The live channel's keys, and the scripts that guard them: whoever holds a token below the fence writes nothing.

Entry ids in the stream are `<end>-<n>`, where `end` is the sample after the entry's last one: reading "after id `S-0`"
starts exactly at the entry that holds sample S. Entries without data are marks: they wake readers at a
change of state.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from services.shared.errors import AppError, ErrorCode
from services.shared.valkey import as_text, patiently

LIVE_SECONDS_AFTER_WRITE = 2 * 3600
LIVE_SECONDS_AFTER_END = 15 * 60
EVENTS_KEPT = 1_000

FINAL_STATES = frozenset({"closed", "failed", "cancelled"})


class StaleToken(AppError):  # noqa: N818 — the contract's word
    """The caller's fencing token is below the fence, or the job has ended: stop writing, somebody else owns the job."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.STALE_LEASE, "This run of the job has lost its lease.")


@dataclass(frozen=True, slots=True)
class LiveKeys:
    """The Valkey keys of one job; the braces keep them on one cluster node."""

    meta: str
    pcm: str
    segments: str
    events: str
    tokens: str

    @classmethod
    def of(cls, job_id: str) -> LiveKeys:
        """The keys of `job_id`."""
        live = f"mg:live:{{{job_id}}}"
        return cls(f"{live}:meta", f"{live}:pcm", f"{live}:segments", f"mg:events:{{{job_id}}}", f"{live}:tokens")


_PRELUDE = """
local meta = redis.call('HMGET', KEYS[1], 'token', 'state', 'committed', 'sample_rate', 'channels')
local fence, state, committed = tonumber(meta[1] or 0), meta[2], tonumber(meta[3] or 0)
local function ended() return state == 'failed' or state == 'cancelled' end
local function mark()
  redis.call('XADD', KEYS[2], string.format('%.0f-*', committed), 'o', string.format('%.0f', committed), 'd', '')
end
local function expire(seconds)
  for _, key in ipairs({KEYS[1], KEYS[2], KEYS[3]}) do redis.call('EXPIRE', key, seconds) end
end
"""

# ARGV: token, attempt, sample rate, channels, total, seconds to live
_OPEN = (
    _PRELUDE
    + """
if tonumber(ARGV[1]) < fence or ended() then return {'stale', committed} end
if committed > 0 and (meta[4] ~= ARGV[3] or meta[5] ~= ARGV[4]) then return {'format', committed} end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'attempt', ARGV[2], 'sample_rate', ARGV[3], 'channels', ARGV[4],
  'total', ARGV[5], 'committed', string.format('%.0f', committed), 'state', 'open')
mark()
expire(ARGV[6])
return {'ok', committed}
"""
)

# ARGV: token, first sample, samples, data, seconds to live
_APPEND = (
    _PRELUDE
    + """
if tonumber(ARGV[1]) < fence or (state and state ~= 'open') then return {'stale', committed} end
if not state then return {'lost', 0} end
if tonumber(ARGV[2]) ~= committed then return {'gap', committed} end
local last = committed + tonumber(ARGV[3])
redis.call('XADD', KEYS[2], string.format('%.0f-*', last), 'o', ARGV[2], 'd', ARGV[4])
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'committed', string.format('%.0f', last))
expire(ARGV[5])
return {'ok', last}
"""
)

# ARGV: token, index, start, end, object key, samples to keep in the tail
_SEGMENT = (
    _PRELUDE
    + """
if tonumber(ARGV[1]) < fence or ended() then return {'stale', committed} end
local index, last = tonumber(ARGV[2]), tonumber(ARGV[4])
local stored = redis.call('LLEN', KEYS[3])
if index > stored or last > committed then return {'gap', committed} end
local line = ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5]
if index == stored then redis.call('RPUSH', KEYS[3], line) else redis.call('LSET', KEYS[3], index, line) end
local covered = tonumber(string.match(redis.call('LINDEX', KEYS[3], -1), '^%d+ (%d+) '))
local trim = math.min(covered, committed - tonumber(ARGV[6]))
if trim > 0 then redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', trim + 1)) end
redis.call('EXPIRE', KEYS[3], redis.call('TTL', KEYS[1]))
return {'ok', committed}
"""
)

# ARGV: token, seconds to live
_CLOSE = (
    _PRELUDE
    + """
if tonumber(ARGV[1]) < fence or ended() then return {'stale', committed} end
if state == 'open' then
  redis.call('HSET', KEYS[1], 'state', 'closed')
  mark()
  expire(ARGV[2])
end
return {'ok', committed}
"""
)

# KEYS: meta, tokens. ARGV: token, bytes that are there already (−1: begin anew), data, seconds to live
_TOKENS = """
local meta = redis.call('HMGET', KEYS[1], 'token', 'state')
if tonumber(ARGV[1]) < tonumber(meta[1] or 0) or (meta[2] and meta[2] ~= 'open') then return {'stale', 0} end
if ARGV[2] == '-1' then redis.call('DEL', KEYS[2])
elseif tonumber(ARGV[2]) ~= redis.call('STRLEN', KEYS[2]) then return {'gap', redis.call('STRLEN', KEYS[2])} end
local length = redis.call('APPEND', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {'ok', length}
"""

# ARGV: token, state or '', seconds to live, seconds to live after the end
_RAISE_FENCE = (
    _PRELUDE
    + """
if tonumber(ARGV[1]) < fence then return {'ok', committed} end
redis.call('HSET', KEYS[1], 'token', ARGV[1])
local final = ended() or state == 'closed'
if ARGV[2] ~= '' and not final then
  redis.call('HSET', KEYS[1], 'state', ARGV[2])
  mark()
  final = true
end
expire(final and ARGV[4] or ARGV[3])
return {'ok', committed}
"""
)

# KEYS: meta, events. ARGV: token or '', type, data, entries to keep, seconds to live
_PUBLISH = """
if ARGV[1] ~= '' then
  local meta = redis.call('HMGET', KEYS[1], 'token', 'state')
  if tonumber(ARGV[1]) < tonumber(meta[1] or 0) or meta[2] == 'failed' or meta[2] == 'cancelled' then return 'stale' end
end
local id = redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], '*', 'type', ARGV[2], 'data', ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return id
"""


class LiveScripts:
    """The scripts, bound to one client. Every call waits for Valkey to come back; all may run twice without harm."""

    def __init__(self, redis: Redis, job_id: str) -> None:
        self.keys = LiveKeys.of(job_id)
        self._redis = redis

    async def open(self, token: int, attempt: int, sample_rate_hz: int, channels: int, total: int) -> int:
        """Open the channel; answers the samples that are in it. Raises `StaleToken`, CONFLICT for another format."""
        status, committed = await self._run(
            _OPEN, token, attempt, sample_rate_hz, channels, total, LIVE_SECONDS_AFTER_WRITE
        )
        if status == "format":
            raise AppError(ErrorCode.CONFLICT, "The job's live audio began in another format.")
        return committed

    async def append(self, token: int, first_sample: int, samples: int, pcm: bytes) -> int:
        """Add samples if they begin at the channel's end. Answers how many samples the channel holds now.

        Raises `StaleToken`, UNAVAILABLE when the channel is gone.
        """
        status, committed = await self._run(_APPEND, token, first_sample, samples, pcm, LIVE_SECONDS_AFTER_WRITE)
        if status == "lost":
            raise AppError(ErrorCode.UNAVAILABLE, "The job's live channel is gone.")
        return committed

    async def save_tokens(self, token: int, known_bytes: int | None, data: bytes) -> int:
        """Append to the job's record of tokens if it holds `known_bytes` (None: begin it anew).

        Answers how many bytes it holds now: fewer or more than the caller thinks mean that nothing was appended. Raises
        `StaleToken`.
        """
        script = self._redis.register_script(_TOKENS)
        keys = [self.keys.meta, self.keys.tokens]
        args: list[str | int | bytes] = [token, -1 if known_bytes is None else known_bytes, data]
        args.append(LIVE_SECONDS_AFTER_WRITE)
        status, held = await patiently(lambda: cast("Awaitable[Any]", script(keys=keys, args=args)))
        if as_text(status) == "stale":
            raise StaleToken
        return int(held)

    async def add_segment(self, token: int, index: int, start: int, end: int, key: str, keep_samples: int) -> bool:
        """Announce a stored segment and trim what it covers off the stream. False when it leaves a gap."""
        status, _ = await self._run(_SEGMENT, token, index, start, end, key, keep_samples)
        return status == "ok"

    async def close(self, token: int) -> None:
        """End the channel well. Raises `StaleToken`."""
        await self._run(_CLOSE, token, LIVE_SECONDS_AFTER_END)

    async def raise_fence(self, token: int, state: str) -> None:
        """Refuse tokens below `token` from now on; `state` ("" for none) ends the channel unless it has ended."""
        await self._answer(_RAISE_FENCE, token, state, LIVE_SECONDS_AFTER_WRITE, LIVE_SECONDS_AFTER_END)

    async def publish(self, token: int | None, kind: str, data: bytes) -> str:
        """Append an event and answer its id. Raises `StaleToken` when a token is given and refused."""
        script = self._redis.register_script(_PUBLISH)
        keys = [self.keys.meta, self.keys.events]
        fence = "" if token is None else token
        args = [fence, kind, data, EVENTS_KEPT, LIVE_SECONDS_AFTER_WRITE]
        answer = as_text(await patiently(lambda: cast("Awaitable[bytes]", script(keys=keys, args=args))))
        if answer == "stale":
            raise StaleToken
        return answer

    async def _run(self, text: str, *args: str | int | bytes) -> tuple[str, int]:
        status, committed = await self._answer(text, *args)
        if status == "stale":
            raise StaleToken
        return status, committed

    async def _answer(self, text: str, *args: str | int | bytes) -> tuple[str, int]:
        script = self._redis.register_script(text)
        keys = [self.keys.meta, self.keys.pcm, self.keys.segments]
        status, committed = await patiently(lambda: cast("Awaitable[Any]", script(keys=keys, args=list(args))))
        return as_text(status), int(committed)
