"""Which runtime a model gets: what is said of it, and that int4 takes a check on the checkpoint in question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import torch
from structlog.testing import capture_logs

from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.decoder_weights import decoder_key
from services.generation.runtimes.machine import Machine
from services.generation.runtimes.plan import Wish
from services.generation.runtimes.precision import MOST_DISTANCE, CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.selection import select_runtime
from services.generation.runtimes.verdicts import Verdicts
from tests.unit.generation.runtimes.conftest import build

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
