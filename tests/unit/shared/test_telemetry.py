"""Trace context travels; metrics are served where they are asked for."""

from __future__ import annotations

import socket
import urllib.request

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import REGISTRY

from services.shared.errors import AppError, ErrorCode
from services.shared.telemetry import configure_tracing, extract_context, inject_headers, start_metrics_server


def test_trace_context_goes_through_headers() -> None:
    configure_tracing("test", "")
    tracer = trace.get_tracer("test")
    with tracer.start_as_current_span("caller") as caller:
        headers = inject_headers({"other": "kept"})
    assert headers["other"] == "kept"
    assert headers["traceparent"].startswith("00-")
    with tracer.start_as_current_span("callee", context=extract_context(headers)) as callee:
        assert callee.get_span_context().trace_id == caller.get_span_context().trace_id


def test_empty_headers_begin_a_trace_of_their_own() -> None:
    configure_tracing("test", "")
    span = trace.get_tracer("test").start_span("alone", context=extract_context({}))
    assert span.get_span_context().is_valid


def test_configuring_twice_keeps_one_provider() -> None:
    configure_tracing("test", "")
    provider = trace.get_tracer_provider()
    configure_tracing("test", "")
    assert trace.get_tracer_provider() is provider
    assert isinstance(provider, TracerProvider)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_metrics_are_served_as_text() -> None:
    port = free_port()
    start_metrics_server("127.0.0.1", port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert "process_cpu_seconds_total" in text
    assert REGISTRY.get_sample_value("process_open_fds") is not None


def test_port_zero_serves_nothing() -> None:
    start_metrics_server("127.0.0.1", 0)


def test_taken_metrics_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AppError, match=str(port)) as caught:
            start_metrics_server("127.0.0.1", port)
    assert caught.value.code is ErrorCode.CONFLICT
