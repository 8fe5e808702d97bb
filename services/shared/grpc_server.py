"""A gRPC server as every service runs it: health protocol, reflection in development, interceptor, limits."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_interceptor import CallInterceptor
from services.shared.identity import TokenVerifier

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_PROBE_SECONDS = 1.0

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A second server on the same port has to fail instead of taking half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Our clients ping an idle connection every 20 s; the default would close it for that.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 0),
)

_log = structlog.get_logger(__name__)

ServicerT = TypeVar("ServicerT")


class GrpcServer:
    """Holds one `grpc.aio.Server`. `address` is `unix:/path` or `host:port`; port 0 becomes the real one in `start`."""

    def __init__(self, *, service: str, address: str, verifier: TokenVerifier, reflection: bool) -> None:
        self.address = address
        self.server = grpc.aio.server(interceptors=[CallInterceptor(verifier)], options=_OPTIONS)
        self._service = service
        self._reflection = reflection
        self._names: list[str] = []
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined] # the stubs lack it
        health_pb2_grpc.add_HealthServicer_to_server(self._health, _ByName(self.server))

    def add(
        self, add_servicer_fn: Callable[[ServicerT, Any], None], servicer: ServicerT, full_service_name: str
    ) -> None:
        """Serve `servicer`. `add_servicer_fn` is the generated `add_…_to_server`, the name `musicgen.….v1.…`."""
        add_servicer_fn(servicer, _ByName(self.server))
        self._names.append(full_service_name)

    async def start(self) -> None:
        """Bind, serve and report SERVING. Raises `AppError` (CONFLICT) when the address cannot be had."""
        if self._reflection:
            reflection.enable_server_reflection(
                [*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME], self.server
            )
        try:
            _refuse_live_socket(self.address)
            port = self.server.add_insecure_port(self.address)
        except (RuntimeError, OSError) as error:
            raise AppError(
                ErrorCode.CONFLICT,
                f"{self._service} cannot listen on {self.address}: it is taken or not allowed. Free it or set ADDRESS.",
            ) from error
        if not self.address.startswith("unix:"):
            self.address = f"{self.address.rpartition(':')[0]}:{port}"
        await self.server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        _log.info("listening", address=self.address)

    async def stop(self, grace: float) -> None:
        """Report NOT_SERVING, refuse new calls, give running ones `grace` seconds, then cancel them."""
        await self._health.enter_graceful_shutdown()
        await self.server.stop(grace)


class _ByName:
    """What generated code adds a servicer's methods to: found by name when they are called, and not registered.

    grpc.aio accepts the calls of registered methods by a task for each method, and waits for all of them anew after
    every call: with the 128 methods of user_management that cost more than most of the calls themselves.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler[Any, Any]]) -> None:
        """Let the server find them."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, object]) -> None:
        """Nothing: they are among the others."""


def _refuse_live_socket(address: str) -> None:
    """OSError when somebody answers on a unix socket: gRPC would unlink it and take its place without a word."""
    if not address.startswith("unix:"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(address.removeprefix("unix:"))
        except OSError:
            return
    raise OSError(errno.EADDRINUSE, "somebody listens there")
