"""Products with packed weights against numpy's, over the numbers that the bytes stand for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.generation.runtimes.dense_kernel import (
    GROUP,
    PANEL,
    fits,
    multiplies_bytes,
    multiply,
    panels_of,
    quantise,
)
from services.generation.runtimes.quantization import Int4Weight, Int8Weight, quantize_int4, quantize_int8

pytestmark = pytest.mark.skipif(not multiplies_bytes(), reason="This processor has no instruction for it.")

OUTPUTS, INPUTS = 3 * PANEL, 5 * GROUP


def quantised(x: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.int32]]:
    rows, inputs = x.shape
    given = np.full(rows * inputs, 99, np.int8)
    scales, totals = np.zeros(rows * inputs // GROUP, np.float32), np.full(rows * inputs // GROUP, 99, np.int32)
    for row in range(rows):
        quantise(x[row], row, given, scales, totals)
    return given, scales, totals


def product(weight: Int8Weight | Int4Weight, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Ours, and what it should be: of the inputs as they were quantised, in float64."""
    packed = panels_of(weight)
    given, scales, totals = quantised(x)
    # Another weight lies in front of it.
    weights = np.concatenate([np.full(7 * PANEL, 255, np.uint8), packed.bytes])
    weight_scales = np.concatenate([np.full(3, np.nan, np.float32), packed.scales])
    place = np.array([7 * PANEL, 3, packed.inputs, packed.bits, packed.outputs // PANEL])
    out = np.zeros((len(x), packed.outputs), np.float32)
    for panel in range(packed.outputs // PANEL):
        sums = np.full(len(x) * PANEL, np.nan, np.float32)
        multiply(weights, weight_scales, place, panel, given, scales, totals, len(x), sums)
        out[:, panel * PANEL : (panel + 1) * PANEL] = sums.reshape(len(x), PANEL)
    meant = given.reshape(len(x), -1, GROUP) * scales.astype(np.float64).reshape(len(x), -1, 1)
    return out, meant.reshape(x.shape) @ weight.dequantize().astype(np.float64).T


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, 16])
@pytest.mark.parametrize("quantize", [quantize_int8, quantize_int4])
def test_a_product_is_that_of_the_numbers_that_the_bytes_stand_for(rows: int, quantize: object) -> None:
    random = np.random.default_rng(rows)
    weight = random.standard_normal((OUTPUTS, INPUTS)).astype(np.float32)
    x = random.standard_normal((rows, INPUTS)).astype(np.float32)
    kept = quantize_int8(weight) if quantize is quantize_int8 else quantize_int4(weight)
    ours, expected = product(kept, x)
    assert np.abs(ours - expected).max() <= 2e-6 * np.abs(expected).max()


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_numbers_of_all_do_not_overflow(sign: int) -> None:
    eight = Int8Weight(np.full((PANEL, 8_192), sign * 127, np.int8), np.ones((PANEL, 1), np.float32))
    nibble = np.uint8(0x88 if sign < 0 else 0x77)
    four = Int4Weight(np.full(PANEL * 4_096, nibble), np.ones((PANEL, 64, 1), np.float16), 8_192)
    x = np.full((4, 8_192), 3.0, np.float32)
    for weight in (eight, four):
        ours, expected = product(weight, x)
        assert np.abs(ours - expected).max() <= 1e-6 * np.abs(expected).max()


def test_inputs_are_rounded_by_groups_and_nothing_stays_nothing() -> None:
    x = np.random.default_rng(1).standard_normal((2, INPUTS)).astype(np.float32)
    x[0, :GROUP] *= 1e-6
    x[1, GROUP : 2 * GROUP] = 0.0
    given, scales, totals = quantised(x)
    grouped = given.reshape(2, -1, GROUP)
    meant = grouped * scales.reshape(2, -1, 1)
    # Half a step of the group's own scale, and a rounding of float32.
    assert (np.abs(meant - x.reshape(meant.shape)) <= scales.reshape(2, -1, 1) * 0.5001).all()
    assert np.array_equal(totals.reshape(2, -1), grouped.sum(axis=-1))
    assert not grouped[1, 1].any()
    assert scales[INPUTS // GROUP + 1] == 0.0


@pytest.mark.parametrize(("outputs", "inputs"), [(PANEL - 1, GROUP), (PANEL, GROUP // 2), (PANEL + 16, GROUP)])
def test_weights_that_are_not_whole_panels_are_refused(outputs: int, inputs: int) -> None:
    assert not fits(outputs, inputs)
    with pytest.raises(ValueError, match="whole panels"):
        panels_of(quantize_int8(np.ones((outputs, inputs), np.float32)))
