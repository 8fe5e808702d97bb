"""Traces (OpenTelemetry, W3C trace context) and metrics (Prometheus).

Trace ids are made and passed on always, so that logs can be joined; spans are written down, and leave the process, only
where an OTLP endpoint is set.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import TypeVar

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, Span, SpanKind, TraceState, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes
from prometheus_client import start_http_server

from services.shared.errors import AppError, ErrorCode

CarrierT = TypeVar("CarrierT", bound=MutableMapping[str, str])


class _WhereExported(Sampler):
    """Writes spans down where somebody takes them, whatever the service of the caller does; elsewhere they are ids."""

    exporting = False

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The decision; what a caller noted in the trace's state is passed on."""
        state = get_current_span(parent_context).get_span_context().trace_state
        if not self.exporting:
            return SamplingResult(Decision.DROP, None, state)
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)

    def get_description(self) -> str:
        """For people."""
        return "where exported"


class _Provider(TracerProvider):
    """Tracers of this process; spans cost little until there is a processor for them."""

    def __init__(self, resource: Resource) -> None:
        self._where_exported = _WhereExported()
        super().__init__(sampler=self._where_exported, resource=resource)

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Hand spans to a processor from now on."""
        super().add_span_processor(span_processor)
        self._where_exported.exporting = True

    @property
    def exports(self) -> bool:
        """Whether anybody takes the spans."""
        return self._where_exported.exporting


def begin_span(
    tracer: trace.Tracer,
    name: str,
    kind: SpanKind,
    context: Context | None = None,
    attributes: Attributes = None,
) -> Span:
    """A span below that of `context`. Where nobody takes spans, that one itself: its ids name the request as well."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, _Provider) and not provider.exports:
        around = get_current_span(context)
        if around.get_span_context().is_valid:
            return around
    return tracer.start_span(name, context=context, kind=kind, attributes=attributes)


def configure_tracing(service: str, otlp_endpoint: str) -> None:
    """Give this process a tracer. `otlp_endpoint` is `http(s)://host:4317`, empty: no export. Call after any fork."""
    propagate.set_global_textmap(TraceContextTextMapPropagator())
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = _Provider(resource=Resource.create({SERVICE_NAME: service}))
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


def inject_headers(carrier: CarrierT, context: Context | None = None) -> CarrierT:
    """Add the trace context (`traceparent`), by default the current one, to `carrier`: Celery headers, a job's JSON.
    Returns the carrier.
    """
    propagate.inject(carrier, context)
    return carrier


def extract_context(carrier: Mapping[str, str]) -> Context:
    """The trace context that `inject_headers` wrote, to start a span with (`context=`). Empty when there is none."""
    return propagate.extract(carrier)
