"""`python -m services.gateway`: serves the public API until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from services.gateway.config import GatewaySettings
from services.gateway.http_protocol import BoundedHttpProtocol
from services.gateway.main import SERVICE, create_app
from services.shared.errors import AppError, ErrorCode
from services.shared.garbage import spare_the_collector
from services.shared.logging import configure_logging
from services.shared.telemetry import configure_tracing, start_metrics_server

if TYPE_CHECKING:
    from fastapi import FastAPI

log = structlog.get_logger("services.gateway")

# Longer than any proxy's idle timeout, so that the proxy is the one who closes (FACTS: uvicorn's default is 5 s).
KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
# Heads are bounded. Clients of the hub say little: pings; one that does not answer ours is gone.
_PROTOCOLS: dict[str, Any] = {
    "http": BoundedHttpProtocol,
    "ws": "websockets-sansio",
    "ws_max_size": 4_096,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
}


class GatewayServer(uvicorn.Server):
    """uvicorn, which says when it is ready and tells long answers when it has to end."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, url: str) -> None:
        super().__init__(config)
        self._app = app
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve."""
        await super().startup(sockets)
        if self.started:
            log.info("ready", url=self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: events and waiting answers at once, audio within the grace period."""
        closing: asyncio.Event = self._app.state.collaborators.closing
        closing.set()
        await super().shutdown(sockets)


def main() -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status."""
    try:
        settings = GatewaySettings.load()
        configure_logging(SERVICE, settings.log_level, settings.log_format)
        configure_tracing(SERVICE, settings.otlp_endpoint)
        start_metrics_server(settings.metrics_host, settings.metrics_port)
        app = create_app(settings)
        spare_the_collector()
        listener = listen(settings.host, settings.port)
    except AppError as error:
        print(f"gateway: {error.message}", file=sys.stderr)  # noqa: T201 — the operator's one line
        return 1
    # uvicorn raises the signal again after it has ended; that is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    server = GatewayServer(server_config(app, settings), app, url_of(listener))
    server.run(sockets=[listener])
    return 0 if server.started else 1


def server_config(app: FastAPI, settings: GatewaySettings) -> uvicorn.Config:
    """How uvicorn serves the application: whoever does it otherwise serves something else."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        **_PROTOCOLS,
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_grace_seconds,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises `AppError` (CONFLICT) with what to do when it cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # The protocol is named because asyncio turns Nagle's algorithm off only where it is: answers would wait 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise AppError(
            ErrorCode.CONFLICT,
            f"cannot listen on {host}:{port} ({error.strerror}). Free the port, or set MUSICGEN_GATEWAY_PORT.",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Where the socket can be reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _ignore(number: int, frame: FrameType | None) -> None:
    """uvicorn has its own handlers while it runs."""


if __name__ == "__main__":
    sys.exit(main())
