"""Brings the database's schema up to date. `python -m services.user_management.migrate [revision]` does it alone.

Replicas that start together take turns: an advisory lock of the session lets one in at a time, and whoever comes later
finds nothing left to do. Each revision runs in a transaction, so a killed migration leaves the revision before it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from services.shared.errors import AppError, ErrorCode
from services.shared.logging import configure_logging
from services.user_management.config import UserManagementSettings
from services.user_management.database import async_url, is_transient

MIGRATIONS: Final = Path(__file__).parent / "migrations"
# Any number will do, as long as nobody else on this server uses it: "musicgen" in ASCII.
ADVISORY_LOCK: Final = 0x6D757369_6367656E

# How long a table may keep a migration waiting.
LOCK_SECONDS: Final = 10.0
# SQLSTATE (PostgreSQL 18, appendix A).
_LOCK_NOT_AVAILABLE: Final = "55P03"
_IN_USE: Final = (
    "A table that the migration has to change was in use for more than {seconds:g} s, so the step was undone: the "
    "schema is as it was before. Let long transactions end, or stop what runs them (SELECT pid, state, xact_start, "
    "query FROM pg_stat_activity WHERE xact_start < now() - interval '5 seconds'), or raise "
    "MUSICGEN_USER_MANAGEMENT_MIGRATION_LOCK_SECONDS; then start again."
)

_log = structlog.get_logger(__name__)


async def migrate(
    database_url: str,
    revision: str = "head",
    *,
    wait_seconds: float = 60.0,
    lock_seconds: float = LOCK_SECONDS,
) -> None:
    """Upgrade to `revision`, or downgrade: "-1" one step, "base" everything.

    Waits up to `wait_seconds` for a server that is late, and up to `lock_seconds` for a table that somebody uses:
    behind a migration that waits, everybody else would have to wait, too. Raises `AppError` (UNAVAILABLE) after that.
    """
    engine = create_async_engine(async_url(database_url), poolclass=NullPool, connect_args={"timeout": 5})
    try:
        await _wait_for_server(engine, wait_seconds)
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            await connection.execute(
                text("SELECT set_config('lock_timeout', :limit, false)"), {"limit": str(round(lock_seconds * 1000))}
            )
            await connection.commit()
            try:
                await connection.run_sync(_run, revision)
                await connection.commit()
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                    raise
                raise AppError(ErrorCode.UNAVAILABLE, _IN_USE.format(seconds=lock_seconds)) from error
            finally:
                # The lock belongs to the session and would end with it; after an error the session may be unusable.
                await connection.rollback()
                await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
                await connection.commit()
    finally:
        await engine.dispose()


async def _wait_for_server(engine: AsyncEngine, wait_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + wait_seconds
    while True:
        try:
            async with engine.connect():
                return
        except (DBAPIError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not is_transient(error) or loop.time() > give_up_at:
                raise AppError(
                    ErrorCode.UNAVAILABLE,
                    f"PostgreSQL could not be reached ({error}). Check MUSICGEN_USER_MANAGEMENT_DATABASE_URL "
                    "and whether the server runs.",
                ) from error
            _log.info("waiting_for_database", reason=str(error))
        await asyncio.sleep(0.2)


def _run(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if revision == "base" or revision.startswith("-"):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def main() -> None:
    """Entry point: to the newest revision, or the one that is named; "-1" goes back one."""
    settings = UserManagementSettings.load()
    configure_logging("user_management.migrate", settings.log_level, settings.log_format)
    revision = sys.argv[1] if len(sys.argv) > 1 else "head"
    try:
        asyncio.run(
            migrate(
                settings.database_url,
                revision,
                wait_seconds=settings.database_wait_seconds,
                lock_seconds=settings.migration_lock_seconds,
            )
        )
    except AppError as error:
        if error.code is not ErrorCode.UNAVAILABLE:
            raise
        raise SystemExit(error.message) from None
    _log.info("migrated", revision=revision)


if __name__ == "__main__":
    main()
