"""What operators see: one trace from the caller to the worker, counts, and starts that fail in one line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from services.shared.errors import AppError, ErrorCode
from services.shared.telemetry import configure_tracing
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]


@pytest.fixture
def spans() -> InMemorySpanExporter:
    configure_tracing("test", "")
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


async def test_one_trace_leads_from_the_caller_to_the_worker(
    generation: Any, worker: asyncio.Event, spans: InMemorySpanExporter
) -> None:
    with trace.get_tracer("test").start_as_current_span("a person asks") as asking:
        job = await generation.submit(duration_seconds=1)
    await generation.ended(job)

    async def made_spans() -> list[ReadableSpan]:
        return [span for span in spans.get_finished_spans() if span.name == "generate"]

    (made,) = await eventually(made_spans, what="the run's span has ended")
    assert made.context.trace_id == asking.get_span_context().trace_id
    assert made.attributes is not None
    assert made.attributes["job.id"] == job.id


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_ended_jobs_and_made_seconds_are_counted(generation: Any, worker: asyncio.Event) -> None:
    succeeded = count("generation_jobs_total", model="tone", outcome="succeeded")
    failed = count("generation_jobs_total", model="tone", outcome="failed")
    seconds = count("generation_audio_seconds_total", model="tone")
    first_audio = count("generation_first_audio_seconds_count", model="tone")
    await generation.ended(await generation.submit(duration_seconds=3))
    await generation.ended(await generation.submit(spec={"fail_at": 0.0}))

    async def both_counted() -> bool:  # a run is counted when it ends, a moment after the ledger was told
        return (
            count("generation_jobs_total", model="tone", outcome="succeeded") > succeeded
            and count("generation_jobs_total", model="tone", outcome="failed") > failed
        )

    await eventually(both_counted, what="both runs are counted")
    assert count("generation_jobs_total", model="tone", outcome="succeeded") == succeeded + 1
    assert count("generation_jobs_total", model="tone", outcome="failed") == failed + 1
    assert count("generation_audio_seconds_total", model="tone") == seconds + 3
    assert count("generation_first_audio_seconds_count", model="tone") == first_audio + 1
    assert count("generation_slots") == 2


async def test_stream_of_a_song_whose_channel_has_run_out_is_not_found(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=1)
    await generation.ended(job)
    for part in ("meta", "pcm", "segments"):
        await generation.redis.delete(f"mg:live:{{{job.id}}}:{part}")
    with pytest.raises(AppError, match="finished track") as caught:
        await generation.heard(job)
    assert caught.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("module", ["services.generation", "services.generation.worker"])
@pytest.mark.parametrize(
    ("settings", "word"),
    [({"SLOTS": "0"}, "MUSICGEN_GENERATION_SLOTS"), ({"SECRETS_DIR": "/nonexistent"}, "/nonexistent")],
)
def test_start_that_fails_is_one_line_that_names_the_cure(module: str, settings: dict[str, str], word: str) -> None:
    environment = {**os.environ, **{f"MUSICGEN_GENERATION_{name}": value for name, value in settings.items()}}
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert word in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_server_reads_descriptions_without_the_heavy_stack() -> None:
    program = (
        "import sys; from pathlib import Path; import services.generation.__main__\n"
        "from services.generation.backends.protocol import BackendEnvironment\n"
        "from services.generation.backends.registry import find_backends\n"
        "backends = find_backends(BackendEnvironment(Path('/x'), Path('/x')))\n"
        "assert [model for backend in backends for model in backend.describe()]\n"
        "sys.exit(', '.join(sorted({'torch', 'numba', 'scipy'} & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
