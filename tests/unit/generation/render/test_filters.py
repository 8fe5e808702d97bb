"""The equaliser's curves, measured on impulses."""

from __future__ import annotations

import numpy as np
import pytest

from services.generation.composer.mix.biquad import FilterChain, bell, high_cut, high_shelf, low_cut, low_shelf

RATE = 44_100


def response_db(sections, frequency: float) -> float:
    impulse = np.zeros((2, RATE), np.float32)
    impulse[:, 0] = 1.0
    FilterChain(sections).process(impulse)
    times = np.arange(RATE) / RATE
    return 20 * np.log10(abs(np.sum(impulse[0] * np.exp(-2j * np.pi * frequency * times))) + 1e-12)


@pytest.mark.parametrize(("frequency", "level"), [(100, -3.01), (50, -12.3), (25, -24.1), (1_000, 0.0)])
def test_the_low_cut_falls_by_twelve_decibels_an_octave(frequency, level):
    assert response_db([low_cut(100, RATE)], frequency) == pytest.approx(level, abs=0.1)


@pytest.mark.parametrize(("frequency", "level"), [(2_000, -3.01), (4_000, -12.5), (100, 0.0)])
def test_the_high_cut_falls_by_twelve_decibels_an_octave(frequency, level):
    assert response_db([high_cut(2_000, RATE)], frequency) == pytest.approx(level, abs=0.4)


@pytest.mark.parametrize("gain", [-6.0, -2.0, 3.0, 9.0])
def test_a_bell_has_its_gain_in_the_middle_and_none_far_away(gain):
    assert response_db([bell(1_000, gain, 1.0, RATE)], 1_000) == pytest.approx(gain, abs=0.02)
    assert response_db([bell(1_000, gain, 2.0, RATE)], 50) == pytest.approx(0.0, abs=0.1)
    assert response_db([bell(1_000, gain, 2.0, RATE)], 15_000) == pytest.approx(0.0, abs=0.1)


def test_a_shelf_lifts_what_is_above_it():
    assert response_db([high_shelf(5_000, 4.0, RATE)], 16_000) == pytest.approx(4.0, abs=0.2)
    assert response_db([high_shelf(5_000, 4.0, RATE)], 5_000) == pytest.approx(2.0, abs=0.1)
    assert response_db([high_shelf(5_000, 4.0, RATE)], 200) == pytest.approx(0.0, abs=0.05)


def test_a_low_shelf_lifts_or_takes_away_what_is_below_it():
    assert response_db([low_shelf(110, 5.0, RATE)], 20) == pytest.approx(5.0, abs=0.1)
    assert response_db([low_shelf(110, -4.5, RATE)], 110) == pytest.approx(-2.25, abs=0.1)
    assert response_db([low_shelf(110, -4.5, RATE)], 2_000) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 9])
def test_as_many_sections_as_there_are_add_up(count):
    sections = [bell(1_000, 1.0, 1.0, RATE)] * count
    assert response_db(sections, 1_000) == pytest.approx(count, abs=0.02)


@pytest.mark.parametrize("frequency", [0.0, 30_000.0])
def test_impossible_frequencies_are_brought_into_range(frequency):
    assert np.isfinite(response_db([low_cut(frequency, RATE), high_cut(frequency, RATE)], 440))


def test_both_channels_are_filtered_apart():
    audio = np.zeros((2, 100), np.float32)
    audio[0, 0] = 1.0
    FilterChain([low_cut(500, RATE)]).process(audio)
    assert audio[0].any()
    assert not audio[1].any()
