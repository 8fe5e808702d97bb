"""Loudness against the test signals of EBU Tech 3341 (2016) and Tech 3342 (table 1 each), and against libebur128."""

from __future__ import annotations

import math

import numpy as np
import pyebur128
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.analysis import k_weighting
from services.processing.analysis.loudness import (
    MOMENTARY_HOPS,
    SHORT_TERM_HOPS,
    SILENCE_LUFS,
    LoudnessMeter,
    lufs,
    windows,
)

RATE = 48_000
SILENCE = -math.inf


def measured(samples, rate=RATE, block=10_007):
    meter = LoudnessMeter(rate, samples.shape[1])
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block])
    return meter


# Tech 3341, cases 1 to 5: (dBFS, seconds) after each other, and the integrated loudness.
INTEGRATED = {
    1: ([(-23.0, 20.0)], -23.0),
    2: ([(-33.0, 20.0)], -33.0),
    3: ([(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0),
    4: ([(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0),
    5: ([(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0),
}


@pytest.mark.parametrize("case", INTEGRATED)
def test_integrated_loudness_of_tech_3341(tone, case):
    parts, expected = INTEGRATED[case]
    found = measured(tone(parts)).result().integrated_lufs
    print(f"case {case}: {found:.3f} LUFS")
    assert found == pytest.approx(expected, abs=0.1)


def test_steady_tones_read_alike_momentary_short_term_and_integrated(tone):
    for case in (1, 2):
        parts, expected = INTEGRATED[case]
        found = measured(tone(parts)).result()
        assert found.momentary_max_lufs == pytest.approx(expected, abs=0.1)
        assert found.short_term_max_lufs == pytest.approx(expected, abs=0.1)


def test_five_channels_are_weighted_by_position_as_in_case_6(tone):
    wave = tone([(0.0, 20.0)], channels=1)
    levels = 10.0 ** (np.array([-28.0, -28.0, -24.0, -30.0, -30.0]) / 20.0)
    found = measured((wave * levels).astype(np.float32)).result().integrated_lufs
    assert found == pytest.approx(-23.0, abs=0.1)


def test_the_low_frequency_channel_of_5_1_counts_nothing(tone):
    wave = tone([(0.0, 20.0)], channels=1)
    levels = 10.0 ** (np.array([-28.0, -28.0, -24.0, -3.0, -30.0, -30.0]) / 20.0)
    found = measured((wave * levels).astype(np.float32)).result().integrated_lufs
    assert found == pytest.approx(-23.0, abs=0.1)


def test_short_term_loudness_is_constant_after_three_seconds_in_case_9(tone):
    samples = tone([(-20.0, 1.34), (-30.0, 1.66)] * 5)
    values = lufs(windows(measured(samples).energies(), SHORT_TERM_HOPS))
    assert values.min() == pytest.approx(-23.0, abs=0.1)
    assert values.max() == pytest.approx(-23.0, abs=0.1)


def test_short_term_maximum_does_not_depend_on_where_a_burst_lies_in_case_10(tone):
    for number in range(20):
        samples = tone([(SILENCE, 0.15 * number), (-23.0, 3.0), (SILENCE, 1.0)])
        assert measured(samples).result().short_term_max_lufs == pytest.approx(-23.0, abs=0.1), number


def test_short_term_maxima_follow_rising_bursts_in_case_11(tone):
    meter = LoudnessMeter(RATE, 2)
    for number in range(20):
        meter.add(tone([(SILENCE, 0.15 * number), (-38.0 + number, 3.0), (SILENCE, 3.0 - 0.15 * number)]))
        assert meter.result().short_term_max_lufs == pytest.approx(-38.0 + number, abs=0.1), number


def test_momentary_loudness_is_constant_after_a_second_in_case_12(tone):
    samples = tone([(-20.0, 0.18), (-30.0, 0.22)] * 25)
    values = lufs(windows(measured(samples).energies(), MOMENTARY_HOPS))[60:]
    assert values.min() == pytest.approx(-23.0, abs=0.1)
    assert values.max() == pytest.approx(-23.0, abs=0.1)


def test_momentary_maximum_does_not_depend_on_where_a_burst_lies_in_case_13(tone):
    for number in range(20):
        samples = tone([(SILENCE, 0.02 * number), (-23.0, 0.4), (SILENCE, 1.0)])
        assert measured(samples).result().momentary_max_lufs == pytest.approx(-23.0, abs=0.1), number


def test_momentary_maxima_follow_rising_bursts_in_case_14(tone):
    meter = LoudnessMeter(RATE, 2)
    for number in range(20):
        meter.add(tone([(SILENCE, 0.02 * number), (-38.0 + number, 0.4), (SILENCE, 0.4 - 0.02 * number)]))
        assert meter.result().momentary_max_lufs == pytest.approx(-38.0 + number, abs=0.1), number


# Tech 3342, cases 1 to 4: 20 s each.
RANGES = {
    1: ([-20.0, -30.0], 10.0),
    2: ([-20.0, -15.0], 5.0),
    3: ([-40.0, -20.0], 20.0),
    4: ([-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
}


@pytest.mark.parametrize("case", RANGES)
def test_loudness_range_of_tech_3342(tone, case):
    levels, expected = RANGES[case]
    found = measured(tone([(level, 20.0) for level in levels])).result().range_lu
    print(f"case {case}: {found:.3f} LU")
    assert found == pytest.approx(expected, abs=1.0)
    # The tolerance of the standard is 1 LU; nothing but rounding separates us from the value.
    assert found == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_integrated_loudness_is_that_of_libebur128_at_every_rate(rate):
    random = np.random.default_rng(rate)
    levels = np.repeat(random.uniform(0.01, 0.5, 24), rate // 2)[:, None]
    samples = (random.standard_normal((len(levels), 2)) * levels * 0.3).astype(np.float32)
    state = pyebur128.R128State(2, rate, pyebur128.MeasurementMode.MODE_I)
    state.add_frames(samples.reshape(-1), len(samples))
    found = measured(samples, rate).result().integrated_lufs
    assert found == pytest.approx(pyebur128.get_loudness_global(state), abs=0.01)


def test_the_filters_are_the_standards_at_48_khz():
    # BS.1770-5, tables 1 and 2.
    shelf, high_pass = k_weighting.coefficients(48_000)
    assert shelf == pytest.approx(
        [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585], abs=1e-9
    )
    assert high_pass == pytest.approx([1.0, -2.0, 1.0, -1.99004745483398, 0.99007225036621], abs=1e-9)


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=6), rate=st.sampled_from([8_000, 11_025, 44_100]))
def test_the_reading_does_not_depend_on_how_the_audio_is_cut(cuts, rate):
    samples = (np.random.default_rng(3).standard_normal((30_000, 2)) * 0.1).astype(np.float32)
    whole, pieces = LoudnessMeter(rate, 2), LoudnessMeter(rate, 2)
    whole.add(samples)
    for part in np.split(samples, sorted(cuts)):
        pieces.add(part)
    assert pieces.energies() == pytest.approx(whole.energies(), rel=1e-12)


def test_silence_and_nothing_read_the_floor():
    silent = measured(np.zeros((RATE, 2), dtype=np.float32)).result()
    assert (silent.integrated_lufs, silent.range_lu, silent.momentary_max_lufs) == (SILENCE_LUFS, 0.0, SILENCE_LUFS)
    nothing = LoudnessMeter(RATE, 2).result()
    assert nothing.integrated_lufs == SILENCE_LUFS
    assert nothing.momentary_max_lufs is None


def test_audio_shorter_than_a_window_has_no_maximum(tone):
    found = measured(tone([(-20.0, 1.0)])).result()
    assert found.momentary_max_lufs is not None
    assert found.short_term_max_lufs is None


def test_the_kernel_says_the_same_without_its_compiler():
    random = np.random.default_rng(1)
    block = random.standard_normal((300, 2)).astype(np.float32)
    arguments = (k_weighting.coefficients(RATE), np.ones(2))
    results = []
    for kernel in (k_weighting.weigh, k_weighting.weigh.py_func):
        energies, state = np.zeros(4), np.zeros((2, 4))
        kernel(block, *arguments, state, 0, np.array([90, 180, 270, 360]), energies)
        results.append((energies, state))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-9)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-9)
