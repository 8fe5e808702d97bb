"""The limiter's plan, and the search for a level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.analysis.loudness import LoudnessMeter
from services.processing.mastering import limiter
from services.processing.mastering.level import LevelSearch
from services.processing.mastering.limiter import PeakMap, apply_gains, cell_samples, plan_gains

RATE = 44_100


def mapped(samples, rate=RATE, block=5_000):
    peaks = PeakMap(rate, samples.shape[1])
    for start in range(0, len(samples), block):
        peaks.add(samples[start : start + block])
    return peaks.finish()


@settings(max_examples=60)
@given(
    heights=st.lists(st.floats(0.0, 8.0, width=32), min_size=1, max_size=300),
    ceiling=st.floats(0.1, 2.0),
    release=st.floats(5.0, 500.0),
)
def test_no_cell_is_above_the_ceiling_at_either_edge(heights, ceiling, release):
    cells = np.array(heights, dtype=np.float32)
    gains = plan_gains(cells, ceiling, RATE, release)
    assert len(gains) == len(cells) + 1
    assert (gains <= 1.0).all()
    assert (cells * np.maximum(gains[:-1], gains[1:]) <= ceiling * 1.000_01).all()


def test_what_is_below_the_ceiling_passes_bit_for_bit():
    samples = (np.random.default_rng(1).standard_normal((4_000, 2)) * 0.05).astype(np.float32)
    gains = plan_gains(mapped(samples), 1.0, RATE, 100.0)
    assert (apply_gains(samples, 0, gains, 1.0, RATE) == samples).all()


def test_the_gain_falls_before_a_peak_and_comes_back_in_its_release_time():
    cells = np.full(2_000, 0.1, dtype=np.float32)
    cells[1_000] = 2.0
    release_ms = 100.0
    gains = plan_gains(cells, 1.0, RATE, release_ms)
    cell_ms = 1_000.0 * cell_samples(RATE) / RATE
    assert gains[1_000] == pytest.approx(0.5, abs=1e-6)
    assert gains[1_000 - int(8.0 / cell_ms)] == 1.0
    after = gains[1_001 + int(release_ms / cell_ms)]
    # One time constant: 63 % of the way back, a little late because the gain is held and smoothed.
    assert 1.0 - after == pytest.approx(0.5 / np.e, abs=0.03)
    assert np.abs(np.diff(gains)).max() < 0.2


def test_the_map_does_not_depend_on_how_the_audio_is_cut():
    samples = np.random.default_rng(2).standard_normal((9_001, 2)).astype(np.float32)
    assert mapped(samples, block=9_001) == pytest.approx(mapped(samples, block=777), rel=1e-4)
    assert len(mapped(samples)) == -(-9_001 // cell_samples(RATE))


def test_limited_pieces_join_without_a_seam():
    samples = np.random.default_rng(3).standard_normal((5_000, 2)).astype(np.float32)
    gains = plan_gains(mapped(samples), 0.5, RATE, 50.0)
    whole = apply_gains(samples, 0, gains, 1.0, RATE)
    joined = [apply_gains(samples[a : a + 333], a, gains, 1.0, RATE) for a in range(0, 5_000, 333)]
    assert np.concatenate(joined) == pytest.approx(whole, abs=1e-6)


def search_for(samples):
    meter = LoudnessMeter(RATE, samples.shape[1])
    meter.add(samples)
    return LevelSearch(meter.energies(), mapped(samples), RATE, 100.0)


def drums(seconds=6):
    time = np.arange(seconds * RATE) / RATE
    noise = np.random.default_rng(4).standard_normal((len(time), 2))
    return (noise * np.exp(-12.0 * (time % 0.5))[:, None] * 0.2).astype(np.float32)


@pytest.mark.parametrize("target", [-40.0, -23.0, -16.0, -14.5])
def test_the_search_predicts_the_loudness_of_what_is_limited(target):
    samples = drums()
    plan = search_for(samples).find(target, 0.89)
    assert plan.loudness_lufs == pytest.approx(target, abs=0.02)
    made = apply_gains(samples, 0, plan.gains, 10.0 ** (plan.drive_db / 20.0), RATE)
    meter = LoudnessMeter(RATE, 2)
    meter.add(made)
    assert meter.result().integrated_lufs == pytest.approx(target, abs=0.15)


def test_a_target_out_of_reach_gives_the_loudest_plan_that_is_allowed():
    clicks = np.zeros((6 * RATE, 1), dtype=np.float32)
    clicks[:: RATE // 4] = 0.9
    plan = search_for(clicks).find(-10.0, 0.89)
    assert plan.loudness_lufs < -20.0
    assert plan.deepest_db == pytest.approx(20.0 * np.log10(plan.gains.min()))


def test_cells_that_came_out_too_high_are_lowered():
    samples = drums()
    search = search_for(samples)
    before = search.at(12.0, 0.5)
    cells = np.zeros(len(before.gains) - 1, dtype=np.bool_)
    cells[100] = True
    search.lower(cells, np.float32([2.0]))
    assert search.at(12.0, 0.5).gains[100] < before.gains[100]


def test_a_plan_for_nothing_is_empty():
    assert plan_gains(np.zeros(0, dtype=np.float32), 1.0, RATE, 100.0).tolist() == [1.0]


def test_the_kernels_say_the_same_without_their_compiler():
    heights = np.random.default_rng(5).uniform(0.0, 3.0, 40).astype(np.float32)
    found, expected = np.ones(41, dtype=np.float32), np.ones(41, dtype=np.float32)
    limiter._plan(heights, 1.0, 3, 0.1, found)
    limiter._plan.py_func(heights, 1.0, 3, 0.1, expected)
    assert found == pytest.approx(expected, abs=1e-6)
    block = np.random.default_rng(6).standard_normal((100, 2)).astype(np.float32)
    made = limiter._apply(block, found, 32, 7, np.float32(2.0))
    assert made == pytest.approx(limiter._apply.py_func(block, found, 32, 7, np.float32(2.0)), abs=1e-6)
