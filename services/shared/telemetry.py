"""Traces (OpenTelemetry, W3C trace context) and metrics (Prometheus).

Trace ids are made and passed on always, so that logs can be joined; spans leave the process only when an OTLP endpoint
is set.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TypeVar

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import start_http_server

from services.shared.errors import AppError, ErrorCode

CarrierT = TypeVar("CarrierT", bound=MutableMapping[str, str])


def configure_tracing(service: str, otlp_endpoint: str) -> None:
    """Give this process a tracer. `otlp_endpoint` is `http(s)://host:4317`, empty: no export. Call after any fork."""
    propagate.set_global_textmap(TraceContextTextMapPropagator())
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
        trace.set_tracer_provider(provider)
    if otlp_endpoint:
        # Imported here: the exporter is heavy, and off by default.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        insecure = not otlp_endpoint.startswith("https://")
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint, insecure=insecure)))


def start_metrics_server(host: str, port: int) -> None:
    """Serve Prometheus text on `host:port` from a thread; nothing at port 0. Raises `AppError` (CONFLICT) if taken."""
    if port == 0:
        return
    try:
        start_http_server(port, host)
    except OSError as error:
        raise AppError(
            ErrorCode.CONFLICT,
            f"The metrics port {host}:{port} cannot be opened ({error.strerror}). Set METRICS_PORT to another or 0.",
        ) from error


def inject_headers(carrier: CarrierT) -> CarrierT:
    """Add the current trace context (`traceparent`) to `carrier`: Celery headers, a job's JSON. Returns the carrier."""
    propagate.inject(carrier)
    return carrier


def extract_context(carrier: Mapping[str, str]) -> Context:
    """The trace context that `inject_headers` wrote, to start a span with (`context=`). Empty when there is none."""
    return propagate.extract(carrier)
