"""Which runtime a model gets: what is said of it, and that int4 takes a check on the checkpoint in question."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import structlog
import torch
from numpy.typing import NDArray
from structlog.testing import capture_logs

from services.generation.engine.engine import RowStep
from services.generation.engine.request import SamplingParameters
from services.generation.musicgen.conditioning import Conditioner
from services.generation.musicgen.model import MusicGen
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.decoder_weights import decoder_key
from services.generation.runtimes.machine import Gpu, Machine
from services.generation.runtimes.plan import Wish
from services.generation.runtimes.precision import MOST_DISTANCE, CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_caches import RowCaches
from services.generation.runtimes.selection import select_runtime
from services.generation.runtimes.verdicts import Verdicts
from tests.unit.generation.runtimes.conftest import build

ROOT = Path(__file__).resolve().parents[4]
MACHINE = Machine(cores=2, memory_bytes=8 * 2**30, gpu=None, openvino=True, bfloat16=False)
INT4 = Wish(weights="int4", slots=1, threads=1)


@pytest.fixture
def fresh() -> Iterator[MusicGen]:
    """A model of the test's own: a runtime takes its weights over."""
    threads = torch.get_num_threads()
    yield build()
    torch.set_num_threads(threads)


def chosen(model: MusicGen, wish: Wish, cache: Path | None) -> tuple[str, list[dict[str, object]]]:
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as logs:
        runtime = select_runtime(model, wish, cache=cache, machine=MACHINE)
    runtime.close()
    return runtime.precision, [dict(entry) for entry in logs]


def test_choice_is_logged_with_its_reason(fresh: MusicGen) -> None:
    _, logs = chosen(fresh, Wish(), None)
    (said,) = [entry for entry in logs if entry["event"] == "runtime_selected"]
    assert said["log_level"] == "info"
    assert (said["runtime"], said["precision"], said["slots"], said["threads"]) == (
        "torch-cpu",
        "float32/float32",
        4,
        1,
    )
    assert said["reason"] == "the model is small"


def test_int4_that_was_not_measured_is_int8_and_says_what_to_do(fresh: MusicGen, tmp_path: Path) -> None:
    precision, logs = chosen(fresh, INT4, tmp_path)
    assert precision == "int8/float16"
    (warning,) = [entry for entry in logs if entry["event"] == "int4_not_used"]
    assert "musicgen models check" in str(warning["reason"])


@pytest.mark.parametrize(
    ("distance", "precision"),
    [(0.0, "int4"), (MOST_DISTANCE, "int4"), (MOST_DISTANCE + 1e-6, "int8"), (float("nan"), "int8")],
)
def test_int4_holds_where_its_check_stayed_within_the_bound(
    distance: float, precision: str, fresh: MusicGen, tmp_path: Path
) -> None:
    Verdicts(tmp_path).record(fresh.decoder, WeightPrecision.INT4, distance)
    assert chosen(fresh, INT4, tmp_path)[0] == f"{precision}/float16"


def test_verdict_belongs_to_the_weights_that_were_measured(fresh: MusicGen, tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.record(fresh.decoder, WeightPrecision.INT4, 0.01)
    assert verdicts.distance(fresh.decoder, WeightPrecision.INT8) is None
    with torch.no_grad():
        fresh.decoder.lm_heads[0].weight[0, 0] += 1.0
    assert verdicts.distance(fresh.decoder, WeightPrecision.INT4) is None


@pytest.mark.parametrize(
    ("distance", "precision"),
    [
        (None, "int8/int8"),
        (MOST_DISTANCE, "int8/int8"),
        (MOST_DISTANCE + 1e-6, "int8/float16"),
        (float("nan"), "int8/float16"),
    ],
)
def test_keys_and_values_are_bytes_for_many_songs_unless_a_check_found_them_too_far(
    distance: float | None, precision: str, fresh: MusicGen, tmp_path: Path
) -> None:
    if distance is not None:
        Verdicts(tmp_path).record(fresh.decoder, Precision(WeightPrecision.INT8, CachePrecision.INT8), distance)
    chosen_precision, logs = chosen(fresh, Wish(weights="int8", slots=4, threads=1), tmp_path)
    assert chosen_precision == precision
    said = [entry for entry in logs if entry["event"] == "int8_cache_not_used"]
    assert bool(said) == (precision == "int8/float16")


def test_bytes_that_were_asked_for_are_not_second_guessed(fresh: MusicGen, tmp_path: Path) -> None:
    Verdicts(tmp_path).record(fresh.decoder, Precision(WeightPrecision.INT8, CachePrecision.INT8), 1.0)
    wish = Wish(weights="int8", slots=1, threads=1, cache="int8")
    assert chosen(fresh, wish, tmp_path)[0] == "int8/int8"


@pytest.mark.parametrize("content", ["", "{}", '{"distance": "0"}', '{"distance": null}', "[]", '{"distance": tru'])
def test_broken_verdict_is_none(content: str, fresh: MusicGen, tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.record(fresh.decoder, WeightPrecision.INT4, 0.01)
    (path,) = tmp_path.iterdir()
    assert decoder_key(fresh.decoder) in path.name
    path.write_text(content)
    assert verdicts.distance(fresh.decoder, WeightPrecision.INT4) is None


def test_runtime_that_cannot_be_built_is_replaced_by_the_reference(
    fresh: MusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no such operation")

    monkeypatch.setattr("services.generation.runtimes.openvino_runtime.openvino_runtime", broken)
    precision, logs = chosen(fresh, Wish(weights="int8", slots=1, threads=1), None)
    assert precision == "float32"
    events = {entry["event"]: entry for entry in logs}
    assert events["runtime_unavailable"]["error"] == "no such operation"
    assert events["runtime_selected"]["runtime"] == "torch-cpu"


def test_gpu_that_does_not_run_gives_way_to_the_processors_runtime(fresh: MusicGen) -> None:
    # There is no GPU here, whatever the machine says.
    machine = dataclasses.replace(MACHINE, gpu=Gpu("imaginary", 2**36, bfloat16=True))
    wish = Wish(weights="bfloat16", slots=1, threads=1)
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as logs:
        runtime = select_runtime(fresh, wish, machine=machine)
    runtime.close()
    events = [(entry["event"], entry.get("runtime")) for entry in logs if str(entry["event"]).startswith("runtime_")]
    assert events == [("runtime_unavailable", "torch-cuda"), ("runtime_selected", "torch-cpu")]
    assert [entry["reason"] for entry in logs if entry["event"] == "runtime_selected"] == ["the model is small"]


@pytest.mark.parametrize("what", ["decoder", "codec"])
def test_runtime_that_is_built_but_does_not_run_is_replaced_by_the_reference(
    what: str, fresh: MusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("illegal instruction")

    place = "openvino_runner.OpenVinoRunner.logits" if what == "decoder" else "openvino_codec.OpenVinoCodec._chunk"
    monkeypatch.setattr(f"services.generation.runtimes.{place}", broken)
    condition = Conditioner(fresh, HashTokenizer(64)).conditions(["slow piano"])[0]
    structlog.configure(cache_logger_on_first_use=False)
    with capture_logs() as logs:
        runtime = select_runtime(fresh, Wish(weights="int8", slots=2, threads=1), machine=MACHINE)
    events = {entry["event"]: entry for entry in logs}
    assert events["runtime_unavailable"]["error"] == "illegal instruction"
    assert (runtime.name, runtime.precision, runtime.slots) == ("torch-cpu", "float32", 2)
    # Its weights are whole: nothing took them over for good.
    runtime.runner.condition(1, condition)
    drawn = runtime.runner.step([RowStep(1, 0, (64,) * 4, SamplingParameters(1), 0)])
    assert len(drawn[0]) == 4


_WITHOUT = """
import platform, sys
sys.modules["openvino"] = None
platform.machine = lambda: "aarch64"
from llvmlite import binding
binding.get_host_cpu_features = binding.FeatureMap
import numpy as np
from pathlib import Path
from services.generation.backends.protocol import GenerationRequest
from services.generation.backends.musicgen import DEBUG
from services.generation.musicgen.song import InstalledModel, SongMaker
from services.generation.musicgen.text_conditioner import HashTokenizer
from services.generation.runtimes.plan import Wish
from services.generation.runtimes.selection import select_runtime
from tests.unit.generation.musicgen.test_song import Stage
from tests.unit.generation.runtimes.conftest import TEXT, build
for weights in ("auto", "int8", "int4", "bfloat16"):
    model = build()
    runtime = select_runtime(model, Wish(weights=weights, slots=1, threads=1))
    maker = SongMaker(InstalledModel(DEBUG, model, HashTokenizer(TEXT.vocabulary)), runtime)
    stage = Stage(Path(sys.argv[1]) / weights)
    track = maker.make(GenerationRequest("warm piano", 1.0, DEBUG.id, 1), stage)
    maker.close()
    print("song", weights, track.runtime, track.precision, len(stage.heard), bool(np.isfinite(stage.heard).all()))
from tests.unit.generation.runtimes.test_selection import attended
np.save(Path(sys.argv[1]) / "attended.npy", attended())
"""


def attended() -> NDArray[np.float32]:
    """Attention over an int8 cache, by whatever instructions there are."""
    configuration = build().configuration.decoder
    caches = RowCaches(configuration, 2, CachePrecision.INT8, 1)
    fused = np.random.default_rng(1).standard_normal((2 * 70, 3 * configuration.hidden_size), dtype=np.float32)
    out = np.zeros((2 * 70, configuration.hidden_size), np.float32)
    caches.begin([0, 1], np.zeros(2, np.int32), 70)
    caches.attend(0, fused, out)
    return out


@pytest.mark.slow
def test_machine_without_openvino_and_without_any_vector_instruction_makes_songs(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _WITHOUT, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0, answer.stderr
    songs = [line for line in answer.stdout.splitlines() if line.startswith("song ")]
    assert songs == [f"song {weights} torch-cpu float32 32000 True" for weights in ("auto", "int8", "int4", "bfloat16")]
    np.testing.assert_allclose(np.load(tmp_path / "attended.npy"), attended(), atol=1e-5)
