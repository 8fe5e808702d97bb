"""What is added to every outgoing call: identity, request id, trace context, a deadline, and a client span around it.

Our protos have no client streams, so only calls with one request are dressed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import grpc
import structlog
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from services.shared.grpc_interceptor import REQUEST_ID_HEADER
from services.shared.ids import new_id
from services.shared.telemetry import begin_span, inject_headers

TokenSource = Callable[[], str]

# For calls through a bare stub; `grpc_client.call` sets its own. Streams may last as long as a song and set none.
_UNARY_TIMEOUT_SECONDS = 30.0

_tracer = trace.get_tracer(__name__)


class _Details(NamedTuple):
    """`grpc.ClientCallDetails` for sync channels, where it is only an interface."""

    method: str
    timeout: float | None
    metadata: Sequence[tuple[str, str | bytes]]
    credentials: Any
    wait_for_ready: bool | None
    compression: Any = None


class _CallDresser:
    """Dresses one outgoing call; shared by the asyncio and the thread interceptors."""

    def __init__(self, token_source: TokenSource | None) -> None:
        self._token_source = token_source
        self._ending: set[asyncio.Task[None]] = set()

    def start_aio(self, method: Any, name: str, request: Any, metadata: Any, options: dict[str, Any]) -> Any:
        span = _start_span(name)
        running = method(request, metadata=grpc.aio.Metadata(*self._metadata(span, metadata)), **options)
        if span.is_recording():
            running.add_done_callback(lambda _: self._end_aio(running, span))
        return running

    def start_sync(self, continuation: Any, details: Any, request: Any, default_timeout: float | None) -> Any:
        span = _start_span(details.method)
        dressed = _Details(
            details.method,
            default_timeout if details.timeout is None else details.timeout,
            self._metadata(span, details.metadata),
            details.credentials,
            getattr(details, "wait_for_ready", None),
            getattr(details, "compression", None),
        )
        running = continuation(dressed, request)
        running.add_done_callback(lambda finished: _end_span(span, finished.code()))
        return running

    def _end_aio(self, finished: Any, span: Span) -> None:
        # The status is known by now, but grpc.aio tells it only to those who await.
        async def end() -> None:
            _end_span(span, await finished.code())

        task = asyncio.get_running_loop().create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _metadata(self, span: Span, own: Any) -> list[tuple[str, str | bytes]]:
        """The call's own metadata plus what is missing in it."""
        entries: list[tuple[str, str | bytes]] = list(own or ())
        present = {key for key, _ in entries}
        if "authorization" not in present and self._token_source is not None:
            entries.append(("authorization", f"Bearer {self._token_source()}"))
        if REQUEST_ID_HEADER not in present:
            bound = structlog.contextvars.get_contextvars().get("request_id")
            entries.append((REQUEST_ID_HEADER, str(bound or new_id())))
        carrier: dict[str, str] = inject_headers({}, trace.set_span_in_context(span))
        entries.extend(item for item in carrier.items() if item[0] not in present)
        return entries


def _start_span(method: str | bytes) -> Span:
    name = method.decode() if isinstance(method, bytes) else method
    return begin_span(_tracer, name.lstrip("/"), SpanKind.CLIENT, attributes={"rpc.system": "grpc"})


def _end_span(span: Span, code: grpc.StatusCode) -> None:
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code is not grpc.StatusCode.OK:
        span.set_status(Status(StatusCode.ERROR, code.name))
    span.end()


def dressed_aio(channel: grpc.aio.Channel, token_source: TokenSource | None) -> grpc.aio.Channel:
    """`channel`, whose calls are dressed before they leave."""
    return _DressedChannel(channel, _CallDresser(token_source))


def sync_interceptors(token_source: TokenSource | None) -> list[Any]:
    """For `grpc.intercept_channel`."""
    return [_SyncInterceptor(_CallDresser(token_source))]


class _DressedChannel(grpc.aio.Channel):
    """Dresses calls as they are made. grpc.aio's own interceptors would cost every call two more tasks."""

    def __init__(self, inner: grpc.aio.Channel, dresser: _CallDresser) -> None:
        self._inner = inner
        self._dresser = dresser

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._inner.__aexit__(kind, error, traceback)

    async def close(self, grace: float | None = None) -> None:
        await self._inner.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._inner.channel_ready()

    def unary_unary(self, method: str, *args: Any, **options: Any) -> Any:
        return _DressedMethod(self._inner.unary_unary(method, *args, **options), method, self._dresser, unary=True)

    def unary_stream(self, method: str, *args: Any, **options: Any) -> Any:
        return _DressedMethod(self._inner.unary_stream(method, *args, **options), method, self._dresser, unary=False)

    def stream_unary(self, method: str, *args: Any, **options: Any) -> Any:
        return self._inner.stream_unary(method, *args, **options)

    def stream_stream(self, method: str, *args: Any, **options: Any) -> Any:
        return self._inner.stream_stream(method, *args, **options)


class _DressedMethod:
    """One method of a dressed channel."""

    def __init__(self, method: Any, name: str, dresser: _CallDresser, *, unary: bool) -> None:
        self._method = method
        self._name = name.lstrip("/")
        self._dresser = dresser
        self._unary = unary

    def __call__(self, request: Any, *, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
        if timeout is None and self._unary:
            timeout = _UNARY_TIMEOUT_SECONDS
        return self._dresser.start_aio(self._method, self._name, request, metadata, {"timeout": timeout, **options})


class _SyncInterceptor(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
    def __init__(self, dresser: _CallDresser) -> None:
        self._dresser = dresser

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return self._dresser.start_sync(continuation, client_call_details, request, _UNARY_TIMEOUT_SECONDS)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return self._dresser.start_sync(continuation, client_call_details, request_iterator, None)
