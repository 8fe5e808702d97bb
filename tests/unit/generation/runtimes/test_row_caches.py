"""The compiled attention over ragged rows against its formula in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generation.musicgen.configuration import DecoderConfiguration
from services.generation.runtimes.attention_kernel import BLOCK
from services.generation.runtimes.precision import CachePrecision, Precision, WeightPrecision
from services.generation.runtimes.row_caches import RowCaches, kernel_fits

FLOAT32, FLOAT16, INT8 = CachePrecision.FLOAT32, CachePrecision.FLOAT16, CachePrecision.INT8


def decoder(head: int = 64, heads: int = 2) -> DecoderConfiguration:
    return DecoderConfiguration(4, 64, head * heads, heads, 128, 2, max_positions=200)


def drawn(seed: int, positions: int, size: int, spread: float = 1.0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal((positions, 3 * size)) * spread).astype(np.float32)


def fill(caches: RowCaches, layer: int, row: int, fused: NDArray[np.float32]) -> NDArray[np.float32]:
    """All positions of a row at once; what came out."""
    out = np.empty((len(fused), fused.shape[1] // 3), np.float32)
    caches.begin([row], np.zeros(1, np.int32), len(fused))
    caches.attend(layer, fused, out)
    return out


def fill_from(caches: RowCaches, fused: NDArray[np.float32], first: int) -> None:
    """Further positions of row 0, seen from its first on."""
    out = np.empty((len(fused), fused.shape[1] // 3), np.float32)
    caches.begin([0], np.array([first], np.int32), len(fused))
    caches.attend(0, fused, out)


def formula(fused: NDArray[np.float32], heads: int) -> NDArray[np.float64]:
    """Causal attention of a row's positions `[P, 3 · d]`, `[P, d]`."""
    count, size = len(fused), fused.shape[1] // 3
    queries, keys, values = (part.reshape(count, heads, -1) for part in np.split(fused.astype(np.float64), 3, axis=1))
    scores = np.einsum("qhd,khd->hqk", queries, keys) / np.sqrt(size // heads)
    scores[:, np.triu(np.ones((count, count), bool), 1)] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return np.einsum("hqk,khd->qhd", weights, values).reshape(count, size)


@pytest.mark.parametrize("head", [16, 48, 64, 128])
@pytest.mark.parametrize(("precision", "bound"), [(FLOAT32, 3e-6), (FLOAT16, 3e-3), (INT8, 5e-2)])
def test_attention_is_its_formula_up_to_each_position(head: int, precision: CachePrecision, bound: float) -> None:
    caches = RowCaches(decoder(head), 3, precision, 1)
    fused = drawn(head, 2 * BLOCK + 3, 2 * head)
    assert np.abs(fill(caches, 1, 2, fused) - formula(fused, 2)).max() <= bound


def test_ragged_rows_step_on_beside_each_other() -> None:
    caches = RowCaches(decoder(), 5, FLOAT32, 1)
    lengths = {4: BLOCK - 1, 0: BLOCK, 3: BLOCK + 1, 1: 0}
    given = {row: drawn(row, past + 1, 128) for row, past in lengths.items()}
    for row, fused in given.items():
        if lengths[row]:
            fill(caches, 0, row, fused[:-1])
    out = np.empty((4, 128), np.float32)
    caches.begin(list(lengths), np.array(list(lengths.values()), np.int32), 1)
    caches.attend(0, np.stack([fused[-1] for fused in given.values()]), out)
    for answer, fused in zip(out, given.values(), strict=True):
        assert np.abs(answer - formula(fused, 2)[-1]).max() <= 3e-6


@pytest.mark.parametrize("precision", [FLOAT32, FLOAT16, INT8])
def test_threads_share_the_work_without_changing_a_bit(precision: CachePrecision) -> None:
    answers = []
    for threads in (1, 3):
        caches = RowCaches(replace(decoder(), max_positions=2_000), 4, precision, threads)
        for row in range(4):
            fill(caches, 0, row, drawn(row, 300, 128))
        out = np.full((4 * 40, 128), np.nan, np.float32)
        # So much that all threads take part, rows of very different lengths.
        caches.begin([3, 1, 0, 2], np.array([300, 0, 299, 17], np.int32), 40)
        caches.attend(0, drawn(9, 4 * 40, 128), out)
        answers.append(out)
        caches.close()
        caches.close()
    assert np.isfinite(answers[0]).all()
    assert np.array_equal(*answers)


@pytest.mark.parametrize(("precision", "bound"), [(FLOAT32, 3e-6), (FLOAT16, 3e-3), (INT8, 5e-2)])
@pytest.mark.parametrize("left", [np.nan, 1e30, -7.0])
def test_what_lies_behind_a_rows_end_is_never_read(precision: CachePrecision, bound: float, left: float) -> None:
    caches = RowCaches(decoder(), 2, precision, 1)
    # An odd number of positions, so that a new pair shares its place with an old value.
    fill(caches, 0, 0, np.full((151, 384), left, np.float32))
    fused = drawn(1, 69, 128)
    assert np.abs(fill(caches, 0, 0, fused) - formula(fused, 2)).max() <= bound


@pytest.mark.parametrize("precision", [FLOAT32, FLOAT16, INT8])
@pytest.mark.parametrize("part", [0, 128, 256])
def test_what_is_no_number_spoils_its_own_head_and_no_other(precision: CachePrecision, part: int) -> None:
    caches = RowCaches(decoder(), 2, precision, 1)
    fused = drawn(5, 20, 128)
    fused[7, part + 70] = np.nan
    answer = fill(caches, 0, 0, fused)
    assert np.isnan(answer[7, 64:]).any()
    assert np.isfinite(answer[:, :64]).all()
    assert np.isfinite(answer[:7]).all()
    assert np.isfinite(fill(caches, 0, 1, drawn(6, 20, 128))).all()


def test_bytes_follow_each_positions_own_size() -> None:
    """Keys and values whose sizes differ a million times lose no more than those that are alike."""
    fused = drawn(8, 2 * BLOCK, 128)
    sizes = np.float32(10.0) ** np.random.default_rng(1).uniform(-6, 0, (2 * BLOCK, 1)).astype(np.float32)
    fused[:, 128:] *= sizes
    answer = fill(RowCaches(decoder(), 1, INT8, 1), 0, 0, fused)
    assert np.abs(answer - formula(fused, 2)).max() <= 2e-2


def test_bytes_at_the_longest_cache_of_equal_values_do_not_overflow() -> None:
    """Every weight and every value at its most: the largest sum that can come."""
    longest = replace(decoder(), max_positions=2_251)
    caches = RowCaches(longest, 1, INT8, 1)
    fused = np.ones((2_251, 384), np.float32)
    out = np.empty((1, 128), np.float32)
    for first in range(0, 2_250, 750):
        fill_from(caches, fused[first : first + 750], first)
    caches.begin([0], np.array([2_250], np.int32), 1)
    caches.attend(0, fused[-1:], out)
    assert np.abs(out - 1.0).max() <= 1e-3


def test_bytes_take_half_of_what_halves_take() -> None:
    small = DecoderConfiguration(4, 2_048, 1_024, 16, 4_096, 1, max_positions=1_504)
    halves, bytes_ = (RowCaches(small, 2, precision, 1).size_bytes for precision in (FLOAT16, INT8))
    assert bytes_ == pytest.approx(halves * CachePrecision.INT8.bytes_per_number / 2)


def test_layers_and_rows_hold_what_is_theirs() -> None:
    caches = RowCaches(decoder(), 2, FLOAT32, 1)
    given = {(layer, row): drawn(10 * layer + row, 30, 128) for layer in range(2) for row in range(2)}
    for (layer, row), fused in given.items():
        fill(caches, layer, row, fused[:-1])
    for (layer, row), fused in given.items():
        out = np.empty((1, 128), np.float32)
        caches.begin([row], np.array([29], np.int32), 1)
        caches.attend(layer, fused[-1:], out)
        assert np.abs(out - formula(fused, 2)[-1]).max() <= 3e-6


@pytest.mark.parametrize("spread", [0.0, 1e-20, 10.0])
def test_attention_stays_finite_when_all_is_alike_and_when_one_position_takes_all(spread: float) -> None:
    fused = drawn(3, 100, 128, spread)
    answer = fill(RowCaches(decoder(), 1, FLOAT32, 1), 0, 0, fused)
    assert np.abs(answer - formula(fused, 2)).max() <= 1e-4 * spread


@pytest.mark.parametrize("spread", [0.0, 1e-38, 1e-20, 10.0, 1e15])
def test_bytes_stay_finite_and_among_the_values_whatever_their_size(spread: float) -> None:
    """Which position takes all may differ where scores are thousands; what comes out is a mean of values still."""
    fused = drawn(3, 100, 128, spread)
    answer = fill(RowCaches(decoder(), 1, INT8, 1), 0, 0, fused)
    assert np.isfinite(answer).all()
    assert np.abs(answer).max() <= 1.01 * np.abs(fused[:, 256:]).max() + 1e-30


@pytest.mark.parametrize(
    ("rows", "past", "length"),
    [
        ([-1], [0], 1),
        ([2], [0], 1),
        ([0, 0], [0, 0], 1),
        ([0], [-1], 1),
        ([0], [256], 1),
        ([0], [0], 0),
        ([0, 1], [0], 1),
    ],
)
def test_rows_and_positions_that_are_not_there_are_refused(rows: list[int], past: list[int], length: int) -> None:
    caches = RowCaches(decoder(), 2, FLOAT32, 1)
    with pytest.raises(ValueError, match=r"Rows|Positions"):
        caches.begin(rows, np.array(past, np.int32), length)


@pytest.mark.parametrize(("inputs", "outputs"), [((1, 384), (2, 128)), ((2, 383), (2, 128)), ((2, 384), (2, 127))])
def test_arrays_of_another_shape_are_refused(inputs: tuple[int, int], outputs: tuple[int, int]) -> None:
    caches = RowCaches(decoder(), 2, FLOAT32, 1)
    caches.begin([0, 1], np.zeros(2, np.int32), 1)
    with pytest.raises(ValueError, match="begun"):
        caches.attend(0, np.zeros(inputs, np.float32), np.zeros(outputs, np.float32))


@pytest.mark.parametrize(
    ("head", "weights", "cache", "fits"),
    [
        (64, WeightPrecision.INT8, FLOAT32, True),
        (48, WeightPrecision.FLOAT32, FLOAT32, True),
        (24, WeightPrecision.INT8, FLOAT32, False),
        (64, WeightPrecision.INT8, INT8, True),
        (24, WeightPrecision.INT8, INT8, False),
        (64, WeightPrecision.BFLOAT16, INT8, False),
        (64, WeightPrecision.INT8, CachePrecision.UINT8, False),
        (64, WeightPrecision.BFLOAT16, CachePrecision.BFLOAT16, False),
        (64, WeightPrecision.BFLOAT16, FLOAT32, False),
    ],
)
def test_the_plugins_attention_takes_what_the_kernel_does_not(
    head: int, weights: WeightPrecision, cache: CachePrecision, fits: bool
) -> None:
    assert kernel_fits(decoder(head), Precision(weights, cache)) is fits
