"""The OpenVINO graph against the torch decoder: logits of ragged rows that join, leave and are filled in chunks.

The attention operation is an extension without promises: these tests hold the pinned version to what is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.decoder import DecoderCache
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.decoder_weights import decoder_weights
from services.generation.runtimes.paged_decoder import PagedDecoder
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_decoder import CrossInputs, CrossRow
from tests.unit.generation.runtimes.conftest import condition, conditioned, give, worst_of_ragged_rows

FLOAT32 = Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32)
# Largest error of logits of about ±3, by precision; measured on these weights and doubled.
BOUNDS = {
    FLOAT32: 1e-5,
    Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT16): 1e-3,
    Precision(WeightPrecision.FLOAT32, CachePrecision.INT8): 3e-2,
    Precision(WeightPrecision.FLOAT32, CachePrecision.UINT8): 3e-2,
    Precision(WeightPrecision.BFLOAT16, CachePrecision.BFLOAT16): 0.1,
    Precision(WeightPrecision.INT8, CachePrecision.FLOAT16): 0.1,
    Precision(WeightPrecision.INT8, CachePrecision.INT8): 0.1,
    Precision(WeightPrecision.INT4, CachePrecision.FLOAT16): 1.5,
}


def paged(model: MusicGen, precision: Precision, rows: int = 6) -> PagedDecoder:
    weights = decoder_weights(model.decoder, precision.weights)
    return PagedDecoder(model.configuration.decoder, weights, precision, rows, threads=1)


@pytest.mark.parametrize("precision", BOUNDS, ids=str)
def test_ragged_rows_that_join_and_leave_give_the_torch_decoders_logits(precision: Precision, model: MusicGen) -> None:
    worst = worst_of_ragged_rows(model, paged(model, precision), precision)
    assert worst <= BOUNDS[precision]


@pytest.mark.parametrize("chunks", [(50,), (31, 1, 18), (7, 7, 7, 29)])
def test_rows_filled_in_chunks_go_on_as_if_stepped_through(chunks: tuple[int, ...], model: MusicGen) -> None:
    stepped, filled = paged(model, FLOAT32, 2), paged(model, FLOAT32, 2)
    cache = DecoderCache.empty(model.configuration.decoder, 2)
    tokens = np.random.default_rng(2).integers(0, 65, (51, 4))
    for decoder in (stepped, filled):
        give(decoder, cache, 0, condition(model, "warm bass"))
    inputs = np.stack([stepped.embed(tokens)] * 2)
    for place in range(51):
        expected = stepped.run([0, 1], inputs[:, place : place + 1], [place, place])
    first = 0
    for chunk in chunks:
        filled.run([0, 1], inputs[:, first : first + chunk], [first, first])
        first += chunk
    assert np.abs(filled.run([0, 1], inputs[:, 50:], [50, 50]) - expected).max() <= 1e-5


def test_rows_without_conditioning_equal_rows_that_read_zeros(model: MusicGen) -> None:
    decoder = paged(model, FLOAT32, 2)
    embedded = decoder.embed(np.full((2, 4), 7))[:, None]
    alone = decoder.run([0, 1], embedded, [0, 0])
    cache = DecoderCache.empty(model.configuration.decoder, 2)
    expected = model.decoder.step(torch.full((2, 4), 7), {0: 0}, cache)
    assert np.abs(alone[:, 0] - expected.numpy()).max() <= 1e-5


def test_a_row_is_bitwise_the_same_whatever_the_other_rows_of_a_shape_hold(model: MusicGen) -> None:
    answers = []
    for others in (1, 2):
        decoder = paged(model, FLOAT32)
        cache = DecoderCache.empty(model.configuration.decoder, 6)
        give(decoder, cache, 0, condition(model, "slow piano"))
        give(decoder, cache, 1, condition(model, "fast drums" if others == 1 else "quiet choir"))
        generator = np.random.default_rng(others)
        for place in range(5):
            inputs = decoder.embed(np.stack([np.full((4,), place), generator.integers(0, 65, 4)]))[[0, 0, 1, 1], None]
            logits = decoder.run([0, 1, 2, 3], inputs, [place] * 4)
        answers.append(logits[:2])
    assert np.array_equal(*answers)


def test_who_catches_up_between_the_steps_of_others_costs_them_no_copies_of_their_prompts(
    model: MusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    build_arrays = CrossInputs.of

    def counted(configuration: DecoderConfiguration, memories: Sequence[CrossRow]) -> CrossInputs:
        made.append(len(memories))
        return build_arrays(configuration, memories)

    monkeypatch.setattr(CrossInputs, "of", counted)
    decoder = paged(model, FLOAT32)
    cache = conditioned(model, decoder)
    inputs = decoder.embed(np.random.default_rng(2).integers(0, 65, (40, 4)))
    for step in range(10):
        decoder.run([2, 3], np.stack([inputs[4 * step : 4 * step + 4]] * 2), [4 * step] * 2)
        decoder.run([0, 1], np.stack([inputs[step : step + 1]] * 2), [step] * 2)
    assert made == [2, 1]
    # Another prompt in the same row is another set.
    give(decoder, cache, 0, condition(model, "another one"))
    decoder.run([0, 1], np.stack([inputs[10:11]] * 2), [10, 10])
    assert made == [2, 1, 1]
    decoder.close()


def test_a_new_cache_holds_zeros_whatever_the_memory_held(model: MusicGen) -> None:
    answers = []
    for _ in range(2):
        decoder = paged(model, FLOAT32, 2)
        # Positions before 40 were never written.
        answers.append(decoder.run([0, 1], decoder.embed(np.full((2, 4), 3))[:, None], [40, 40]))
        decoder.run([0, 1], decoder.embed(np.full((2, 60, 4), 9)), [0, 0])
        decoder.close()
        decoder.close()
    assert np.isfinite(answers[0]).all()
    assert np.array_equal(*answers)


def test_an_int8_cache_beside_bfloat16_weights_is_refused(model: MusicGen) -> None:
    with pytest.raises(ValueError, match="int8 cache"):
        paged(model, Precision(WeightPrecision.BFLOAT16, CachePrecision.INT8))


@pytest.mark.parametrize("rows", [[0, 0], [0, 2], [-1, 0]])
def test_rows_that_are_not_there_are_refused(rows: list[int], model: MusicGen) -> None:
    decoder = paged(model, FLOAT32, 2)
    with pytest.raises(ValueError, match="Rows"):
        decoder.run(rows, decoder.embed(np.zeros((2, 4), np.int64))[:, None], [0, 0])


@pytest.mark.parametrize("places", [[-1, 0], [0, 120], [0]])
def test_places_outside_the_cache_are_refused(places: list[int], model: MusicGen) -> None:
    decoder = paged(model, FLOAT32, 2)
    with pytest.raises(ValueError, match="osition"):
        decoder.run([0, 1], decoder.embed(np.zeros((2, 4), np.int64))[:, None], places)
