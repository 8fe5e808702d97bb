"""The outermost layer: names the request, joins its trace, writes its log line and counts it."""

from __future__ import annotations

import re
import time
from functools import lru_cache

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.shared.ids import new_id
from services.shared.telemetry import extract_context

log = structlog.get_logger(__name__)
tracer = trace.get_tracer(__name__)

REQUEST_ID_HEADER = b"x-request-id"

# What a client may name its request: the services behind take the same (services.shared.grpc_interceptor).
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate"})
_QUIET_ROUTES = frozenset({"/health/live", "/health/ready"})
_UNMATCHED = "unmatched"
# What a client that went away would have got; nginx's number, for the log only.
_CLIENT_CLOSED = 499

REQUESTS = Counter("http_requests_total", "Requests that were answered.", ["route", "method", "status"])
LATENCY = Histogram(
    "http_request_duration_seconds",
    "Seconds from a request to its answer's first byte.",
    ["route", "method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60),
)
# Routes, methods and statuses are few; to find the counter of each anew takes a lock and a tuple.
_counted, _timed = lru_cache(4_096)(REQUESTS.labels), lru_cache(1_024)(LATENCY.labels)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestContextMiddleware:
    """Gives every request an id (`X-Request-ID`), a span, one log line and its metrics.

    `notices` in the request's state are headers of every answer, whichever layer gives it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status, first_byte = 0, 0.0

        async def send_named(message: Message) -> None:
            nonlocal status, first_byte
            if message["type"] == "http.response.start":
                status, first_byte = message["status"], time.perf_counter()
                named = (REQUEST_ID_HEADER, request_id.encode())
                message["headers"] = [*message.get("headers", ()), named, *scope["state"].get("notices", ())]
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        with tracer.start_as_current_span(method, context=_trace_context(scope), kind=SpanKind.SERVER) as span:
            try:
                await self._app(scope, receive, send_named)
            finally:
                route = _route(scope)
                status = status or _CLIENT_CLOSED
                span.update_name(f"{method} {route}")
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))
                _counted(route, method, str(status)).inc()
                if first_byte:
                    _timed(route, method).observe(first_byte - started)
                if route not in _QUIET_ROUTES or status >= 400:
                    _log_line(scope, route, method, status, started)


def _log_line(scope: Scope, route: str, method: str, status: int, started: float) -> None:
    # The path's ids are in it; the query, which may hold a signature, is not.
    log.info(
        "request",
        method=method,
        path=scope["path"][:200],
        route=route,
        status=status,
        milliseconds=round((time.perf_counter() - started) * 1000, 1),
        client=(scope.get("client") or ("unknown",))[0],
        user_id=scope["state"].get("user_id"),
    )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == REQUEST_ID_HEADER and _SANE_REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return new_id()


def _trace_context(scope: Scope) -> Context | None:
    carrier = {
        str(name, "latin-1"): str(value, "latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS
    }
    return extract_context(carrier) if carrier else None


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or _UNMATCHED
