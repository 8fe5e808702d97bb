"""Spans reach a collector when, and only when, an endpoint is set."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

PROGRAM = """
import sys
from opentelemetry import trace
from services.shared.telemetry import configure_tracing
configure_tracing("exporting", sys.argv[1])
trace.get_tracer("test").start_span("work").end()
trace.get_tracer_provider().shutdown()
"""


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 — the name of the call
        for resource_spans in request.resource_spans:
            names = {item.key: item.value.string_value for item in resource_spans.resource.attributes}
            for scope_spans in resource_spans.scope_spans:
                self.spans.extend((names["service.name"], span.name) for span in scope_spans.spans)
        return trace_service_pb2.ExportTraceServiceResponse()


async def test_spans_reach_the_collector() -> None:
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PROGRAM, f"http://127.0.0.1:{port}"],
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
        check=True,
        timeout=60,
    )
    server.stop(0)
    assert collector.spans == [("exporting", "work")]
