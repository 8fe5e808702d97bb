"""`python -m services.user_management`: migrates, then serves until SIGTERM."""

from __future__ import annotations

import asyncio
import signal

import structlog
import uvloop

from services.shared.errors import AppError
from services.shared.garbage import spare_the_collector
from services.shared.logging import configure_logging
from services.shared.telemetry import configure_tracing, start_metrics_server
from services.user_management.config import UserManagementSettings
from services.user_management.migrate import migrate
from services.user_management.server import serving

SERVICE = "user_management"

_log = structlog.get_logger(__name__)


async def serve(settings: UserManagementSettings) -> None:
    """Migrate, serve, and stop when asked to."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    starting = asyncio.create_task(
        migrate(
            settings.database_url,
            wait_seconds=settings.database_wait_seconds,
            lock_seconds=settings.migration_lock_seconds,
        )
    )
    stopping = asyncio.create_task(stop.wait())
    # A stop that comes while the database is awaited is not kept waiting.
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        return
    await starting
    async with serving(settings) as server:
        _log.info("ready", address=server.address)
        await stopping
        _log.info("stopping")


def main() -> None:
    """Entry point."""
    try:
        settings = UserManagementSettings.load()
        configure_logging(SERVICE, settings.log_level, settings.log_format)
        configure_tracing(SERVICE, settings.otlp_endpoint)
        start_metrics_server(settings.metrics_host, settings.metrics_port)
        spare_the_collector()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except AppError as error:
        raise SystemExit(f"{SERVICE}: {error.message}") from None


if __name__ == "__main__":
    main()
