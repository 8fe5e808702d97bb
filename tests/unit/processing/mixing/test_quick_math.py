"""The mixer's own logarithm and exponential against numpy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.processing.mixing.effects.quick_math import db_to_factors, powers_to_db


@given(arrays(np.float64, st.integers(1, 70), elements=st.floats(0, 1e6)))
def test_power_in_decibels_is_that_of_numpy(powers: np.ndarray) -> None:
    out = np.empty_like(powers)
    powers_to_db(powers, out)
    assert np.abs(out - 10 * np.log10(np.maximum(powers, 1e-12))).max() < 1e-11


@given(arrays(np.float64, st.integers(1, 70), elements=st.floats(-1_000, 200)))
def test_factor_of_decibels_is_that_of_numpy(levels: np.ndarray) -> None:
    out = np.empty_like(levels)
    db_to_factors(levels, out)
    assert np.abs(out / np.power(10.0, levels / 20) - 1).max() < 1e-12


def test_no_gain_is_exactly_one() -> None:
    levels = np.zeros(19)
    db_to_factors(levels, levels)
    assert (levels == 1.0).all()
