"""The benchmark scripts themselves: their arithmetic, and that they run."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from services.generation.engine.streamer import CHUNK_FRAMES
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision, cache_bytes

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "scripts"))

from engine_measures import costs, ours, table  # noqa: E402
from engine_measures.costs import Cost  # noqa: E402
from engine_measures.setting import SMALL  # noqa: E402


def script(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


def test_windows_are_joined_by_straight_lines() -> None:
    total = costs.integrate([(0, Cost(1.0, 2.0)), (9, Cost(10.0, 2.0))], 10)
    assert total.wall == pytest.approx(sum(range(1, 11)))
    assert total.cpu == pytest.approx(20.0)


def test_a_listener_waits_when_a_piece_comes_after_the_last_one_was_played() -> None:
    second = SMALL.codec.sample_rate
    assert ours.starvation([(1.0, second), (1.5, second), (2.9, second)]) == 0.0
    assert ours.starvation([(1.0, second), (2.25, second), (3.5, second)]) == pytest.approx(0.25)


def test_a_step_is_taken_apart_and_held_against_what_memory_allows() -> None:
    parts = table.Parts(Cost(0.010, 0.020), Cost(0.020, 0.040), Cost(0.008, 0.016), Cost(0.002, 0.004))
    line = parts.line(0.010)
    assert "layers 10.0 (20.0 CPU, 25%), cache 20.0 (40.0 CPU, 50%), codec 8.0 (16.0 CPU, 20%)" in line
    assert "25.0 steps/s, memory allows 100.0 (25%)" in line
    # What leaving a part out seems to cost is noise, not speed.
    assert Cost(1.0, 1.0).less(Cost(2.0, 0.5)) == Cost(0.0, 0.5)


def test_the_limit_counts_weights_caches_and_the_codec_of_every_song() -> None:
    precision = Precision(WeightPrecision.INT8, CachePrecision.FLOAT16)
    one, eight, with_codec = (
        table.step_limit(precision, songs, 30.0, 1e9, codec) for songs, codec in ((1, 0.0), (8, 0.0), (8, 60e6))
    )
    cache = 2 * cache_bytes(SMALL.decoder, CachePrecision.FLOAT16, 750)
    assert (eight.wall - one.wall) * 1e9 == pytest.approx(7 * cache)
    assert (with_codec.wall - eight.wall) * 1e9 == pytest.approx(8 * 60e6 / CHUNK_FRAMES)


@pytest.mark.slow
def test_the_benchmark_says_what_can_be_asked_of_it() -> None:
    answer = subprocess.run(
        [sys.executable, "scripts/bench_engine.py", "--cache", "float8"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 2
    assert "'auto', 'float16', 'int8'" in answer.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_gpu_benchmark_runs_on_a_processor_at_toy_dimensions(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    gpu = script("bench_engine_gpu")
    assert gpu.main(["--tiny", "--device", "cpu", "--songs", "1", "2", "--steps", "2"]) == 0
    first, header, *lines = capsys.readouterr().out.splitlines()
    assert "memory is read at" in first
    assert header.split() == ["model", "songs", "steps/s", "ms/step", "×", "RT", "first", "s", "GiB", "roofline"]
    rows = [line.split() for line in lines if line.startswith("tiny")]
    assert [row[:3] for row in rows] == [
        ["tiny", "1", "ours"],
        ["tiny", "2", "ours"],
        ["tiny", "1", "transformers"],
        ["tiny", "2", "transformers"],
    ]
    for row in rows:
        steps, milliseconds, real_time, heard, memory = (float(number) for number in row[3:8])
        assert steps == pytest.approx(1e3 / milliseconds, rel=0.1)
        assert min(real_time, heard, memory) > 0
        assert row[8].endswith("%")
        # Who does not stream is heard when all steps of 30 s are over.
        whole = 1_503 * milliseconds / 1e3
        if row[2] == "transformers":
            assert heard >= 0.98 * whole
            assert " ".join(row[9:11]) == "ours is"
        else:
            assert heard < whole
    assert "left out" not in lines[-1]


@pytest.mark.slow
def test_the_gpu_benchmark_says_what_it_had_no_time_for(capsys: pytest.CaptureFixture[str]) -> None:
    gpu = script("bench_engine_gpu")
    assert gpu.main(["--device", "cpu", "--steps", "1", "--minutes", "0"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("left out: small, medium, large")


def test_the_gpu_benchmark_knows_what_was_asked() -> None:
    gpu = script("bench_engine_gpu")
    one, many = (gpu.Row("medium", songs, "ours", 0.002, 0.1, 0.1, 1, 0.7) for songs in (1, 32))
    assert gpu.targets({("medium", 1): one, ("medium", 32): many}, {("medium", 1): 20.0, ("medium", 32): 3.0}) == [
        f"medium, one song: {30 / 3.106:.1f} × real time (asked: 8), 70% (asked: 60 %)",
        f"medium, 32 songs: {32 * 30 / 3.106:.1f} × real time in total (asked: 60)",
        "medium, one song: 20.0 × transformers (asked: 15)",
    ]
    assert gpu.targets({}, {}) == []


def test_the_gpu_benchmark_needs_nothing_but_torch() -> None:
    check = (
        "import sys; sys.path.insert(0, 'scripts'); import bench_engine_gpu;"
        "print(sorted({'structlog', 'prometheus_client', 'openvino', 'scipy', 'numba', 'soundfile', 'safetensors',"
        " 'pydantic', 'grpc', 'tokenizers'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
