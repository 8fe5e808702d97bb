"""What surrounds every handler of a gRPC server: request id, trace, caller, errors, metrics, log line.

grpc.aio runs each call in a task of its own, so context variables that are set here end with the call.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NoReturn

import grpc
import structlog
from opentelemetry import context as trace_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import Counter, Histogram

from services.shared.deadlines import bind_deadline
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_errors import GRPC_STATUS, error_trailer
from services.shared.identity import TokenVerifier, bind_principal
from services.shared.ids import new_id
from services.shared.telemetry import begin_span, extract_context

REQUEST_ID_HEADER = "x-request-id"
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

# Health checks and reflection come from probes and tools that hold no token; they tell nothing about users.
_OPEN_METHODS = ("/grpc.health.v1.Health/", "/grpc.reflection.")

_REQUESTS = Counter("grpc_server_requests_total", "Finished calls by method and status code.", ["method", "code"])
_LATENCY = Histogram(
    "grpc_server_latency_seconds",
    "Seconds from the start of a call to its end, streams included.",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)

# Methods and codes are few; to find the counter of each anew takes a lock and a tuple.
_counted, _timed = lru_cache(4_096)(_REQUESTS.labels), lru_cache(1_024)(_LATENCY.labels)

_SERVER_FAULTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """The one interceptor of our servers. Handlers are coroutines or async generators; they raise `AppError`."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        # What a method is handled by never changes while a server runs.
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Wrap the method's handler, whatever its kind."""
        method = handler_call_details.method
        known = self._wrapped.get(method)
        if known is not None:
            return known
        handler = await continuation(handler_call_details)
        if handler is None or method.startswith(_OPEN_METHODS):
            return handler
        if handler.request_streaming:
            name = "stream_stream" if handler.response_streaming else "stream_unary"
        else:
            name = "unary_stream" if handler.response_streaming else "unary_unary"
        make = getattr(grpc, f"{name}_rpc_method_handler")
        inner = getattr(handler, name)
        wrap = self._stream if inspect.isasyncgenfunction(inner) else self._single
        wrapped: grpc.RpcMethodHandler[Any, Any] = make(
            wrap(inner, method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
        self._wrapped[method] = wrapped
        return wrapped

    def _single(self, inner: Callable[[Any, Any], Awaitable[Any]], method: str) -> Callable[[Any, Any], Awaitable[Any]]:
        async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = _Call(method, context)
            with call.measured():
                try:
                    self._admit(call)
                    return await inner(request, context)
                except Exception as error:
                    await call.refuse(error)

        return handle

    def _stream(self, inner: Callable[[Any, Any], AsyncIterator[Any]], method: str) -> Callable[[Any, Any], Any]:
        async def handle(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            call = _Call(method, context)
            with call.measured():
                try:
                    self._admit(call)
                    async for response in inner(request, context):
                        yield response
                except Exception as error:
                    await call.refuse(error)

        return handle

    def _admit(self, call: _Call) -> None:
        left = call.context.time_remaining()
        if left is not None and left <= 0:
            raise AppError(ErrorCode.DEADLINE_EXCEEDED, "The answer would come too late. Try again.")
        bind_deadline(left)
        scheme, _, token = call.metadata.get("authorization", "").partition(" ")
        principal = self._verifier.verify(token if scheme.lower() == "bearer" else "")
        bind_principal(principal)
        call.span.set_attribute("enduser.id", principal.subject)


class _Call:
    """One running call: its ids, its span and how it ends."""

    def __init__(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.metadata: Mapping[str, str] = {
            str(key): value for key, value in context.invocation_metadata() or () if isinstance(value, str)
        }
        self._method = method
        self.context = context
        self._code = grpc.StatusCode.OK
        self._started = time.perf_counter()
        request_id = self.metadata.get(REQUEST_ID_HEADER, "")
        if not SANE_REQUEST_ID.fullmatch(request_id):
            request_id = new_id()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        parent = extract_context(self.metadata)
        self.span = begin_span(_tracer, method.lstrip("/"), SpanKind.SERVER, parent)
        # Never detached: the context belongs to the call's own task, which ends with it.
        trace_context.attach(trace.set_span_in_context(self.span, parent))

    async def refuse(self, error: Exception) -> NoReturn:
        """End the call with what `error` means to the caller."""
        if isinstance(error, grpc.aio.AbortError):
            # A handler aborted by itself: the status is already set.
            self._code = self.context.code()
            raise error
        if not isinstance(error, AppError):
            _log.error("handler failed", method=self._method, exc_info=error)
            self.span.record_exception(error)
            error = AppError(ErrorCode.INTERNAL, "Something went wrong on our side.")
        elif error.code is ErrorCode.INTERNAL:
            _log.error("handler failed", method=self._method, exc_info=error, **error.context)
        self._code = GRPC_STATUS[error.code]
        await self.context.abort(self._code, error.message, (error_trailer(error),))
        raise AssertionError("abort returned")

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count, time, trace and log the call, however it ends."""
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            left = self.context.time_remaining()
            late = left is not None and left <= 0
            self._code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
            raise
        finally:
            self._finish()

    def _finish(self) -> None:
        seconds = time.perf_counter() - self._started
        code = self._code
        _counted(self._method, code.name).inc()
        _timed(self._method).observe(seconds)
        self.span.set_attribute("rpc.system", "grpc")
        self.span.set_attribute("rpc.grpc.status_code", code.value[0])
        if code in _SERVER_FAULTS:
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.end()
        # Good calls are many (workers ask every second) and already counted; refused ones are what people look for.
        write = _log.debug if code is grpc.StatusCode.OK else _log.info
        write("call", method=self._method, code=code.name, duration_ms=round(seconds * 1000, 2))
