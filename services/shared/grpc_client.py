"""Channels and calls to other services: identity, request id, trace and deadline on every call; quick reconnect.

A service that was killed and restarted on the same address is reachable again within about a second.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc

from services.shared.errors import ErrorCode
from services.shared.grpc_client_interceptors import dressed_aio, sync_interceptors
from services.shared.grpc_errors import error_from_rpc
from services.shared.grpc_server import MAX_MESSAGE_BYTES

TokenSource = Callable[[], str]
ResponseT = TypeVar("ResponseT")

DEFAULT_TIMEOUT_SECONDS = 5.0

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # This one bounds a single attempt to connect. A busy machine may need seconds for a handshake.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Channels of one process must not inherit each other's backoff.
    ("grpc.use_local_subchannel_pool", 1),
    # Proxy variables in the environment are meant for the internet, never for our own services.
    ("grpc.enable_http_proxy", 0),
)

# A service that is back is reached after one more attempt to connect: longer than the longest pause between two.
CONNECTION_PATIENCE_SECONDS = 1.5
# How gRPC tells of a call that never left: repeating it cannot make anything happen twice.
_NEVER_LEFT = "failed to connect to all addresses"

_FIRST_BACKOFF_SECONDS = 0.05
_MAX_BACKOFF_SECONDS = 1.0


def open_channel(address: str, token_source: TokenSource | None) -> grpc.aio.Channel:
    """A channel for asyncio. Calls carry `token_source()` unless they bring a token of their own. Connects lazily."""
    return dressed_aio(grpc.aio.insecure_channel(address, options=_OPTIONS), token_source)


def open_sync_channel(address: str, token_source: TokenSource | None) -> grpc.Channel:
    """The same for threads."""
    return grpc.intercept_channel(grpc.insecure_channel(address, options=_OPTIONS), *sync_interceptors(token_source))


async def call(
    method: Callable[..., Any],
    request: object,
    *,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    token: str | None = None,
    retries: int = 0,
) -> Any:
    """One unary call. Raises `AppError`. `timeout` seconds bound all attempts together.

    `retries` is only for methods that may run twice: an UNAVAILABLE answer is repeated, with backoff, so many times.
    What never left, because a service has just come back or is down, is repeated for 1.5 s whatever the method.
    """
    attempts = _Attempts(timeout, retries)
    cancels = _cancels()
    while True:
        failure = answer = None
        try:
            answer = await method(request, timeout=attempts.seconds_left(), metadata=_metadata(token))
        except grpc.RpcError as rpc_error:
            failure = rpc_error
        if _cancels() > cancels:
            # grpc.aio keeps a cancel to itself when the answer comes at the same time.
            raise asyncio.CancelledError
        if failure is None:
            return answer
        pause = attempts.pause_before_next(failure)
        await asyncio.sleep(pause)


def call_blocking(
    method: Callable[..., Any],
    request: object,
    *,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    token: str | None = None,
    retries: int = 0,
) -> Any:
    """`call` for threads, over a channel of `open_sync_channel`."""
    attempts = _Attempts(timeout, retries)
    while True:
        try:
            return method(request, timeout=attempts.seconds_left(), metadata=_metadata(token))
        except grpc.RpcError as rpc_error:
            pause = attempts.pause_before_next(rpc_error)
        time.sleep(pause)


async def stream(
    method: Callable[..., Any], request: object, *, timeout: float | None = None, token: str | None = None
) -> AsyncIterator[Any]:
    """The responses of a server stream. Raises `AppError`. Leaving the iteration (`aclose`) cancels the call."""
    running = method(request, timeout=timeout, metadata=_metadata(token))
    try:
        async for response in running:
            yield response
    except grpc.RpcError as rpc_error:
        raise error_from_rpc(rpc_error) from rpc_error
    finally:
        running.cancel()


def _cancels() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),) if token else ()


class _Attempts:
    """One call's attempts: what is left of its time, and whether a failure is worth another."""

    def __init__(self, timeout: float, retries: int) -> None:
        self._began = time.monotonic()
        self._deadline = self._began + timeout
        self._retries = retries
        self._made = 0

    def seconds_left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.001)

    def pause_before_next(self, rpc_error: grpc.RpcError) -> float:
        """Seconds to wait before the next attempt. Raises `AppError` where there is to be none."""
        error = error_from_rpc(rpc_error)
        now = time.monotonic()
        pause = _backoff_seconds(self._made)
        allowed = self._made < self._retries or (
            _NEVER_LEFT in (rpc_error.details() or "") and now - self._began < CONNECTION_PATIENCE_SECONDS
        )
        self._made += 1
        if error.code is ErrorCode.UNAVAILABLE and allowed and now + pause < self._deadline:
            return pause
        raise error from rpc_error


def _backoff_seconds(attempt: int) -> float:
    full: float = min(_FIRST_BACKOFF_SECONDS * 2**attempt, _MAX_BACKOFF_SECONDS)
    return full * random.uniform(0.5, 1.0)  # noqa: S311 — jitter, not a secret
