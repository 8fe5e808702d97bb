"""How far a quantised runtime is from float32, on a checkpoint."""

from __future__ import annotations

import pytest

from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.agreement import MOST_DISTANCE, measure_agreement
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from tests.unit.generation.runtimes.conftest import condition, in_the_manner


def test_agreement_falls_with_the_bits(model: MusicGen) -> None:
    precisions = [
        Precision(weights, cache)
        for weights, cache in (
            (WeightPrecision.FLOAT32, CachePrecision.FLOAT16),
            (WeightPrecision.FLOAT32, CachePrecision.INT8),
            (WeightPrecision.INT8, CachePrecision.FLOAT16),
            (WeightPrecision.INT4, CachePrecision.FLOAT16),
        )
    ]
    conditions = [condition(model, "slow piano"), condition(model, "fast drums")]
    exact, cached, eight, four = measure_agreement(model, conditions, precisions, seconds=0.8, threads=1)
    for one in (exact, cached, eight, four):
        print(
            f"\n{one.precision}: distance {one.distance:.4f}, same greedy {one.same_greedy:.1%}, "
            f"same draws {one.same_draws:.1%}, error {one.error:.2%} over {one.predictions}"
        )
    assert exact.predictions == 2 * 4 * 40
    assert exact.distance < 1e-3 < eight.distance < four.distance
    # Keys and values as bytes change less than weights as bytes do.
    assert exact.error < cached.error < eight.error
    assert exact.same_draws == exact.same_greedy == 1.0
    assert four.same_draws < 1.0
    assert eight.error < four.error
    assert exact.offered
    assert eight.offered == (eight.distance <= MOST_DISTANCE)
    assert four.offered == (four.distance <= MOST_DISTANCE)


def test_melody_models_are_measured_through_their_prefix(melody_model: MusicGen) -> None:
    told: list[float] = []
    (one,) = measure_agreement(
        melody_model,
        [condition(melody_model, "flute")],
        [Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT16)],
        seconds=0.4,
        threads=1,
        progress=told.append,
    )
    assert one.distance < 1e-3
    assert told == sorted(set(told)), "it never goes back, and says nothing twice"
    assert 0.5 in told, "half of it is listening to the model, half to what is measured"
    assert told[-1] == 1.0


def test_style_models_are_measured_with_all_their_rows(style_model: MusicGen) -> None:
    offered = [
        Precision(weights, CachePrecision.FLOAT16) for weights in (WeightPrecision.FLOAT32, WeightPrecision.INT8)
    ]
    exact, eight = measure_agreement(
        style_model, [in_the_manner(style_model, "flute", 1)], offered, seconds=0.4, threads=1
    )
    assert exact.distance < 1e-3
    assert eight.distance < 0.05


def test_nothing_to_measure_on_is_refused(model: MusicGen) -> None:
    with pytest.raises(ValueError, match="condition"):
        measure_agreement(model, [])
