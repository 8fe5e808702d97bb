"""Fewer bits: bounds that follow from the grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.generation.runtimes.quantization import quantize_int4, quantize_int8

WEIGHTS = arrays(np.float32, (6, 128), elements=st.floats(-8.0, 8.0, width=32))


@given(WEIGHTS)
def test_an_int8_weight_errs_by_half_a_step_of_its_output_at_most(weight: np.ndarray) -> None:
    quantized = quantize_int8(weight)
    error = np.abs(quantized.dequantize() - weight)
    assert (error <= quantized.scales * 0.5 + 1e-6).all()
    assert np.abs(quantized.values.astype(int)).max() <= 127


@given(WEIGHTS)
def test_an_int4_group_is_never_worse_than_plain_rounding(weight: np.ndarray) -> None:
    widest = (np.abs(weight).reshape(6, 2, 64).max(axis=2, keepdims=True) / 7).astype(np.float16).astype(np.float32)
    safe = np.where(widest > 0, widest, 1.0)
    plain = np.clip(np.rint(weight.reshape(6, 2, 64) / safe), -8, 7) * safe
    plain_error = np.square(plain.reshape(6, 128) - weight).reshape(6, 2, 64).sum(axis=2)
    error = np.square(quantize_int4(weight, 64).dequantize() - weight).reshape(6, 2, 64).sum(axis=2)
    assert (error <= plain_error * (1 + 1e-5) + 1e-9).all()


def test_int4_keeps_whole_numbers_of_its_grid_exactly() -> None:
    weight = np.tile(np.arange(-7, 9, dtype=np.float32).clip(-7, 7), (2, 16)) * 0.5
    assert np.array_equal(quantize_int4(weight).dequantize(), weight)


def test_weights_of_zero_stay_zero() -> None:
    nothing = np.zeros((2, 128), np.float32)
    assert not quantize_int8(nothing).dequantize().any()
    assert not quantize_int4(nothing).dequantize().any()


def test_inputs_that_are_not_whole_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="whole groups"):
        quantize_int4(np.ones((2, 100), np.float32))
