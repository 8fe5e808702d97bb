"""The kernels of a whole step against the torch decoder, and what they promise beyond it: to the bit, in company."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.musicgen.decoder import DecoderCache
from services.generation.musicgen.model import MusicGen
from services.generation.runtimes.cpu_decoder import cpu_decoder
from services.generation.runtimes.decoder_weights import decoder_weights
from services.generation.runtimes.dense_kernel import multiplies_bytes
from services.generation.runtimes.paged_decoder import PagedDecoder
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_decoder import CrossRow, ReadableCross
from services.generation.runtimes.step_decoder import StepDecoder, steps_fit
from services.generation.runtimes.turns import Turns
from tests.unit.generation.runtimes.conftest import condition, conditioned, give, worst_of_ragged_rows

pytestmark = pytest.mark.skipif(not multiplies_bytes(), reason="This processor has no instruction for it.")

INT8 = Precision(WeightPrecision.INT8, CachePrecision.FLOAT16)
# Largest error of logits of about ±3, by precision; those of the graph on the same weights.
BOUNDS = {
    INT8: 0.1,
    Precision(WeightPrecision.INT8, CachePrecision.INT8): 0.1,
    Precision(WeightPrecision.INT4, CachePrecision.FLOAT16): 1.5,
    Precision(WeightPrecision.INT4, CachePrecision.INT8): 1.5,
}


def stepping(model: MusicGen, precision: Precision = INT8, rows: int = 6, threads: int = 1) -> StepDecoder:
    weights = decoder_weights(model.decoder, precision.weights)
    return StepDecoder(model.configuration.decoder, weights, precision, rows, threads)


def some_inputs(decoder: StepDecoder, count: int, seed: int = 2) -> NDArray[np.float32]:
    """Positions `[count, d]`."""
    return decoder.embed(np.random.default_rng(seed).integers(0, 65, (count, 4)))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("precision", BOUNDS, ids=str)
def test_ragged_rows_that_join_and_leave_give_the_torch_decoders_logits(
    precision: Precision, threads: int, model: MusicGen
) -> None:
    decoder = stepping(model, precision, threads=threads)
    worst = worst_of_ragged_rows(model, decoder, precision)
    decoder.close()
    assert worst <= BOUNDS[precision]


@pytest.mark.parametrize("precision", BOUNDS, ids=str)
def test_the_kernels_err_as_the_graph_does(precision: Precision, model: MusicGen) -> None:
    """The same weights, and inputs quantised by the same groups: what differs is where a number is rounded."""
    weights = decoder_weights(model.decoder, precision.weights)
    decoders = [kind(model.configuration.decoder, weights, precision, 6, 1) for kind in (StepDecoder, PagedDecoder)]
    caches = [conditioned(model, decoder) for decoder in decoders]
    errors = []
    for decoder, cache in zip(decoders, caches, strict=True):
        wrong = []
        for step in range(20):
            tokens = np.random.default_rng(step).integers(0, 65, (1, 4)).repeat(6, axis=0)
            logits = decoder.run([0, 1, 2, 3], decoder.embed(tokens[:4])[:, None], [step] * 4)[:, 0]
            wrong.append(logits - model.decoder.step(torch.from_numpy(tokens), {0: step, 1: step}, cache)[:4].numpy())
        errors.append(float(np.sqrt(np.square(wrong).mean())))
        decoder.close()
    assert errors[0] == pytest.approx(errors[1], rel=0.2)


@pytest.mark.parametrize("precision", BOUNDS, ids=str)
def test_a_row_is_the_same_to_the_bit_in_any_company_and_on_any_threads(precision: Precision, model: MusicGen) -> None:
    answers = []
    for threads, company in ((1, [0]), (1, [0, 1, 2, 3]), (2, [3, 0, 4, 5, 2]), (4, [1, 0])):
        decoder = stepping(model, precision, threads=threads)
        conditioned(model, decoder)
        inputs = some_inputs(decoder, 20)
        alone = []
        for place in range(20):
            x = np.stack([inputs[place] if row == 0 else inputs[(place + row) % 20] for row in company])[:, None]
            # Each row of the company is further on than the one before.
            logits = decoder.run(company, x, [place if row == 0 else place + 9 * row for row in company])
            alone.append(logits[company.index(0), 0])
        answers.append(np.stack(alone))
        decoder.close()
    assert np.isfinite(answers[0]).all()
    for other in answers[1:]:
        assert np.array_equal(answers[0], other)


@pytest.mark.parametrize("precision", BOUNDS, ids=str)
@pytest.mark.parametrize("chunks", [(50,), (31, 1, 18), (7, 7, 7, 29)])
def test_rows_filled_in_chunks_go_on_to_the_bit_as_if_stepped_through(
    precision: Precision, chunks: tuple[int, ...], model: MusicGen
) -> None:
    decoder = stepping(model, precision, 4, threads=2)
    conditioned(model, decoder)
    inputs = np.stack([some_inputs(decoder, 51)] * 2)
    for place in range(51):
        expected = decoder.run([0, 1], inputs[:, place : place + 1], [place, place])
    first = 0
    for chunk in chunks:
        filled = decoder.run([0, 1], inputs[:, first : first + chunk], [first, first])
        assert filled.shape == (2, chunk, 4, 64)
        first += chunk
    assert np.array_equal(decoder.run([0, 1], inputs[:, 50:], [50, 50]), expected)
    decoder.close()


def test_models_with_a_prefix_have_no_cross_attention(melody_model: MusicGen) -> None:
    decoder = stepping(melody_model, INT8, 2, threads=2)
    cache = DecoderCache.empty(melody_model.configuration.decoder, 2)
    give(decoder, cache, 0, condition(melody_model, "flute"))
    for step in range(10):
        tokens = np.random.default_rng(step).integers(0, 65, (1, 4)).repeat(2, axis=0)
        logits = decoder.run([0, 1], decoder.embed(tokens)[:, None], [step, step])[:, 0]
        expected = melody_model.decoder.step(torch.from_numpy(tokens), {0: step}, cache)
        assert np.abs(logits - expected.numpy()).max() <= BOUNDS[INT8]
    decoder.close()


def test_what_is_no_number_spoils_its_own_row_and_no_other(model: MusicGen) -> None:
    decoder = stepping(model, threads=2)
    conditioned(model, decoder)
    x = some_inputs(decoder, 4)[:, None].copy()
    clean = decoder.run([0, 1, 2, 3], x, [0] * 4)
    for wrong in (np.nan, np.inf):
        x[1, 0, 5] = wrong
        spoilt = decoder.run([0, 1, 2, 3], x, [0] * 4)
        assert np.isnan(spoilt[1]).any()
        assert np.array_equal(spoilt[[0, 2, 3]], clean[[0, 2, 3]])
    # And the row itself is well again with what is written over it.
    x[1] = some_inputs(decoder, 4)[1]
    assert np.array_equal(decoder.run([0, 1, 2, 3], x, [0] * 4), clean)
    decoder.close()


@pytest.mark.parametrize("spread", [0.0, 1e-30, 1e6])
def test_inputs_of_any_size_give_numbers(spread: float, model: MusicGen) -> None:
    decoder = stepping(model)
    conditioned(model, decoder)
    x = (some_inputs(decoder, 4) * np.float32(spread))[:, None]
    assert np.isfinite(decoder.run([0, 1, 2, 3], x, [60] * 4)).all()
    decoder.close()


def test_a_new_decoder_holds_zeros_where_nothing_was_written(model: MusicGen) -> None:
    answers = []
    for _ in range(2):
        decoder = stepping(model, rows=2)
        # Positions before 40 were never written, but for the first, which is written here.
        decoder.run([0, 1], decoder.embed(np.full((2, 1, 4), 3)), [0, 0])
        answers.append(decoder.run([0, 1], decoder.embed(np.full((2, 1, 4), 3)), [40, 40]))
        decoder.run([0, 1], decoder.embed(np.full((2, 60, 4), 9)), [0, 0])
        decoder.close()
        decoder.close()
    assert np.isfinite(answers[0]).all()
    assert np.array_equal(*answers)


@pytest.mark.parametrize("rows", [[0, 0], [0, 2], [-1, 0]])
def test_rows_that_are_not_there_are_refused(rows: list[int], model: MusicGen) -> None:
    decoder = stepping(model, rows=2)
    with pytest.raises(ValueError, match="Rows"):
        decoder.run(rows, decoder.embed(np.zeros((2, 1, 4), np.int64)), [0, 0])
    decoder.close()


@pytest.mark.parametrize("places", [[-1, 0], [0, 120], [0]])
def test_places_outside_the_cache_are_refused(places: list[int], model: MusicGen) -> None:
    decoder = stepping(model, rows=2)
    with pytest.raises(ValueError, match="osition"):
        decoder.run([0, 1], decoder.embed(np.zeros((2, 1, 4), np.int64)), places)
    decoder.close()


def test_a_decoder_closed_by_another_thread_ends_its_step_and_begins_none(model: MusicGen) -> None:
    decoder = stepping(model, threads=2)
    conditioned(model, decoder)
    x = some_inputs(decoder, 4)[:, None]
    expected = decoder.run([0, 1, 2, 3], x, [0] * 4)
    ran, failed = threading.Event(), threading.Event()
    answers: list[NDArray[np.float32]] = []

    def run() -> None:
        try:
            while True:
                answers.append(decoder.run([0, 1, 2, 3], x, [0] * 4))
                ran.set()
        except RuntimeError:
            failed.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ran.wait(30)
    decoder.close()
    assert failed.wait(30)
    thread.join(30)
    assert all(np.array_equal(answer, expected) for answer in answers)


def test_a_prompt_is_laid_out_once_whoever_steps_or_catches_up_beside_it(
    model: MusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    lay_out = ReadableCross.of

    def counted(memory: CrossRow) -> ReadableCross:
        made.append(memory.keys.shape[2])
        return lay_out(memory)

    monkeypatch.setattr(ReadableCross, "of", counted)
    decoder = stepping(model)
    conditioned(model, decoder)
    # Two prompts and a negative one, each as long as it is.
    assert len(made) == 3
    assert len(set(made)) > 1
    inputs = some_inputs(decoder, 40)
    for step in range(10):
        decoder.run([2, 3], np.stack([inputs[4 * step : 4 * step + 4]] * 2), [4 * step] * 2)
        decoder.run([0, 1], np.stack([inputs[step : step + 1]] * 2), [step] * 2)
        decoder.run([3, 0, 2], np.stack([inputs[step : step + 1]] * 3), [40 + step, 40 + step, 40 + step])
    assert len(made) == 3
    decoder.close()


def test_prompts_of_very_different_lengths_read_their_own(model: MusicGen) -> None:
    words = ["a", "slow piano " * 60, "bells", "strings and choir " * 13]
    decoder = stepping(model, rows=8, threads=2)
    alone = stepping(model, rows=8)
    cache = DecoderCache.empty(model.configuration.decoder, 8)
    for slot, prompt in enumerate(words):
        for one in (decoder, alone):
            give(one, cache, slot, condition(model, prompt))
    inputs = some_inputs(decoder, 8)[:, None]
    together = decoder.run(list(range(8)), inputs, [0] * 8)
    for row in range(8):
        assert np.array_equal(alone.run([row], inputs[row : row + 1], [0])[0], together[row])
    decoder.close()
    alone.close()


def test_steps_take_turns_with_what_else_computes(model: MusicGen) -> None:
    turns = Turns()
    weights = decoder_weights(model.decoder, WeightPrecision.INT8)
    decoder = StepDecoder(model.configuration.decoder, weights, INT8, 2, 2, turns)
    answers: list[NDArray[np.float32]] = []
    x = some_inputs(decoder, 2)[:, None]
    thread = threading.Thread(target=lambda: answers.append(decoder.run([0, 1], x, [0, 0])), daemon=True)
    with turns:
        thread.start()
        while turns.waiting < 2:
            threading.Event().wait(0.001)
        assert not answers
    thread.join(30)
    assert len(answers) == 1
    decoder.close()


def test_the_kernels_are_for_whole_panels_of_int8_and_int4(model: MusicGen) -> None:
    small = DecoderConfiguration(4, 2_048, 1_024, 16, 4_096, 24, max_positions=1_504)
    assert all(steps_fit(small, precision) for precision in BOUNDS)
    assert not steps_fit(small, Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT16))
    assert not steps_fit(small, Precision(WeightPrecision.INT8, CachePrecision.UINT8))
    assert not steps_fit(replace(small, hidden_size=1_056, heads=33), INT8)
    assert not steps_fit(replace(small, heads=8), INT8)
    assert not steps_fit(replace(small, codebooks=1, vocabulary=2_047), INT8)
    with pytest.raises(ValueError, match="whole panels"):
        stepping(model, Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT16))


def test_what_the_kernels_do_not_take_the_graph_does(model: MusicGen) -> None:
    for precision, kind in (
        (INT8, StepDecoder),
        (Precision(WeightPrecision.FLOAT32, CachePrecision.FLOAT32), PagedDecoder),
    ):
        weights = decoder_weights(model.decoder, precision.weights)
        decoder = cpu_decoder(model.configuration.decoder, weights, precision, 2)
        assert type(decoder) is kind
        decoder.close()
