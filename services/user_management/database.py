"""The connection to PostgreSQL: a pool that survives the server's death, and the two ways to use it.

`read` runs one query function outside a transaction, `write` runs one inside. Both repeat it for up to a second while
the server is away, where that is harmless: a write whose transaction was certainly rolled back, or that says that it
may be repeated. What is still unreachable then becomes `AppError` (UNAVAILABLE). Where more people's calls come than
connections can answer in time, the rest is turned away at once (OVERLOADED).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

import asyncpg
import orjson
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from services.shared.errors import AppError, ErrorCode
from services.user_management.connections import Connections, Use
from services.user_management.turnstile import Turnstile

RETRY_SECONDS: Final = 1.0
LONGEST_LINE: Final = 256
_FIRST_PAUSE_SECONDS: Final = 0.02
_CONNECT_SECONDS: Final = 2.0
_STATEMENT_SECONDS: Final = 5.0

Found = TypeVar("Found")
Work = Callable[[AsyncConnection], Awaitable[Found]]

# SQLSTATEs (PostgreSQL 18, appendix A) after which a transaction is rolled back and may simply run again.
_CONFLICTS: Final = frozenset({"40001", "40P01"})
# Shutting down, crashed, starting up, too many connections; waited too long for a lock, took too long.
_AWAY: Final = frozenset({"57P01", "57P02", "57P03", "53300", "55P03", "57014"})
_DISK_FULL: Final = "53100"
_FOREIGN_KEY_VIOLATION: Final = "23503"


def async_url(database_url: str) -> URL:
    """The settings' address in the form that SQLAlchemy's asyncpg dialect reads."""
    return make_url(database_url).set(drivername="postgresql+asyncpg")


def open_engine(
    database_url: str,
    *,
    connections: int = 20,
    statement_seconds: float = _STATEMENT_SECONDS,
    custom_plans: bool = False,
) -> AsyncEngine:
    """A pool of at most `connections`. `statement_seconds` bounds each statement and each wait for a lock.

    With `custom_plans` every query is planned for its own values, which is for searches: what suits a common word does
    not suit a rare one.
    """
    timeout_ms = str(int(statement_seconds * 1000))
    engine = create_async_engine(
        async_url(database_url),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        # What people typed has no place in logs.
        hide_parameters=True,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "server_settings": {
                "application_name": "musicgen-user-management",
                "timezone": "UTC",
                "statement_timeout": timeout_ms,
                "lock_timeout": timeout_ms,
                "idle_in_transaction_session_timeout": timeout_ms,
                # Of solid disks and of what lies in memory anyway; the default is that of turning ones, for which
                # reading all of a table looks cheaper than a thousand rows by index.
                "random_page_cost": "1.1",
                "plan_cache_mode": "force_custom_plan" if custom_plans else "auto",
            },
        },
    )
    event.listen(engine.sync_engine, "checkout", _require_open)
    return engine


def _require_open(connection: Any, record: object, proxy: object) -> None:
    """Have the pool take another connection instead of one that died with the server.

    The driver reads its socket all the time and so knows; to ask the server would cost three round trips before each
    query. What dies in this very moment is what `Database` repeats.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


class Database:
    """The pool of one process. `engine` comes from `open_engine`."""

    def __init__(
        self, engine: AsyncEngine, *, retry_seconds: float = RETRY_SECONDS, longest_line: int = LONGEST_LINE
    ) -> None:
        self._engine = engine
        # As wide as the pool, which so never makes anybody wait.
        width = cast("QueuePool", engine.pool).size()
        self.turnstile = Turnstile(width, longest_line)
        self._connections = Connections(engine, width)
        self._retry_seconds = retry_seconds

    async def read(self, work: Work[Found]) -> Found:
        """Run queries that change nothing; each sees the newest committed state."""

        async def attempt() -> Found:
            async with self.turnstile.passed(), self._connections.one(Use.READ) as connection:
                return await work(connection)

        return await self._repeated(attempt, lambda: True)

    async def write(self, work: Work[Found], *, repeatable: bool = False, spared: bool = False) -> Found:
        """Run `work` in one transaction: all of it is committed, or nothing.

        `repeatable` says that running it twice is harmless, for when the server dies between commit and answer;
        `spared` that it makes room, and so is not turned away for want of it.
        """
        undecided = False

        async def attempt() -> Found:
            nonlocal undecided
            async with self.turnstile.passed(spared=spared), self._connections.one(Use.WRITE) as connection:
                undecided = False
                transaction = await connection.begin()
                try:
                    found = await work(connection)
                except BaseException:
                    await _roll_back(transaction.rollback)
                    raise
                undecided = True
                await transaction.commit()
                return found

        return await self._repeated(attempt, lambda: repeatable or not undecided)

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()
        await self._engine.dispose()

    async def _repeated(self, attempt: Callable[[], Awaitable[Found]], may_repeat: Callable[[], bool]) -> Found:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._retry_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await attempt()
            except (DBAPIError, PoolTimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if _sqlstate(error) == _DISK_FULL:
                    raise AppError(
                        ErrorCode.STORAGE_FULL, "The database's disk is full. Free some space and try again."
                    ) from error
                if not is_transient(error):
                    raise
                if loop.time() + pause > give_up_at or not may_repeat():
                    raise AppError(
                        ErrorCode.UNAVAILABLE,
                        "The database is not reachable at the moment. Try again in a second.",
                        retry_after_seconds=1.0,
                    ) from error
            await asyncio.sleep(pause)
            pause *= 2


async def _roll_back(rollback: Callable[[], Awaitable[None]]) -> None:
    """Roll back; when the connection is gone, the server has done so."""
    try:
        await rollback()
    except (DBAPIError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not is_transient(error):
            raise


def is_transient(error: BaseException) -> bool:
    """Whether the database was away or in conflict, so that the same work may succeed a moment later."""
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error.orig, OSError)):
        return True
    if isinstance(error, DBAPIError | asyncpg.PostgresError):
        sqlstate = _sqlstate(error)
        return sqlstate.startswith("08") or sqlstate in _CONFLICTS or sqlstate in _AWAY
    # A socket that refuses or is missing, a full pool, a closed connection.
    return isinstance(error, PoolTimeoutError | OSError | asyncpg.InterfaceError)


def refers_to_nothing(error: IntegrityError) -> bool:
    """Whether a row that others were to refer to has gone since it was looked up."""
    return _sqlstate(error) == _FOREIGN_KEY_VIOLATION


def _sqlstate(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")
