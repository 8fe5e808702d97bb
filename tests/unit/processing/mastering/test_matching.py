"""Reference matching: the curves and their filters."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.analysis.spectrum import SpectrumMeter
from services.processing.mastering.matching import MOST_DB, Curves, MatchFilter, linear_phase, match_curves

RATE = 44_100


def spectrum_of(samples, rate=RATE):
    meter = SpectrumMeter(rate, samples.shape[1])
    meter.add(samples.astype(np.float32))
    return meter.result()


def noise(seconds=4, width=0.5, seed=1):
    middle, side = np.random.default_rng(seed).standard_normal((2, seconds * RATE)) * 0.05
    return np.stack([middle + width * side, middle - width * side], axis=1)


def coloured(samples, gain_db, hz=1_500.0):
    pole = np.exp(-2.0 * np.pi * hz / RATE)
    low = scipy.signal.lfilter([1.0 - pole], [1.0, -pole], samples, axis=0)
    return low + (samples - low) * 10.0 ** (gain_db / 20.0)


def test_a_song_matches_itself_with_no_change():
    curves = match_curves(spectrum_of(noise()), spectrum_of(noise() * 0.1))
    assert np.abs(curves.mid_db).max() < 0.01
    assert np.abs(curves.side_db).max() < 0.01


def test_matching_takes_a_songs_tone_and_width_to_the_references():
    song, reference = coloured(noise(width=0.3), -6.0), noise(width=0.6, seed=2)
    curves = match_curves(spectrum_of(song), spectrum_of(reference))
    made = np.concatenate(list(MatchFilter(curves, RATE, 2).run([song])))
    left = match_curves(spectrum_of(made), spectrum_of(reference))
    heard = np.array([60.0 < hz < 15_000.0 for hz in curves.centres_hz])
    before = np.abs(curves.mid_db[heard]).max(), np.abs(curves.side_db[heard]).max()
    after = np.abs(left.mid_db[heard]).max(), np.abs(left.side_db[heard]).max()
    print(
        f"largest difference of a band, middle: {before[0]:.1f} -> {after[0]:.2f} dB, "
        f"side: {before[1]:.1f} -> {after[1]:.2f} dB"
    )
    assert after[0] < 1.0
    assert after[1] < 1.0


def test_no_band_is_changed_beyond_the_limit():
    curves = match_curves(spectrum_of(coloured(noise(), -40.0)), spectrum_of(noise()))
    assert curves.mid_db.max() == pytest.approx(MOST_DB)


def test_mono_songs_are_not_widened_and_mono_references_close_the_sides():
    mono, wide = noise(width=0.0), noise(width=0.7)
    assert not match_curves(spectrum_of(mono), spectrum_of(wide)).side_db.any()
    assert (match_curves(spectrum_of(wide), spectrum_of(mono)).side_db == -24.0).all()


def test_a_reference_of_another_rate_is_matched_as_far_as_both_reach():
    curves = match_curves(spectrum_of(noise()), spectrum_of(noise()[::2], 22_050))
    assert curves.centres_hz[-1] < 11_025
    assert np.isfinite(curves.mid_db).all()


def test_filters_have_the_gains_that_they_were_drawn_with():
    centres = (50.0, 200.0, 1_000.0, 5_000.0, 15_000.0)
    taps = linear_phase(centres, np.array([3.0, -3.0, 0.0, 6.0, -6.0]), RATE)
    assert taps == pytest.approx(taps[::-1])
    _, response = scipy.signal.freqz(taps, worN=[200.0, 1_000.0, 5_000.0], fs=RATE)
    assert 20.0 * np.log10(np.abs(response)) == pytest.approx([-3.0, 0.0, 6.0], abs=0.3)


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(0, 12_000), max_size=4), channels=st.sampled_from([1, 2]))
def test_the_filter_is_in_time_whole_and_does_not_care_for_cuts(cuts, channels):
    samples = np.random.default_rng(4).standard_normal((12_000, channels))
    curves = Curves((100.0, 1_000.0, 8_000.0), np.array([2.0, 0.0, -2.0]), np.array([0.0, 3.0, 0.0]))
    made = np.concatenate(list(MatchFilter(curves, RATE, channels).run(np.split(samples, sorted(cuts)))))
    assert made.shape == samples.shape
    middle = samples.mean(axis=1)
    taps = linear_phase(curves.centres_hz, curves.mid_db, RATE)
    assert made.mean(axis=1) == pytest.approx(scipy.signal.fftconvolve(middle, taps, mode="same"), abs=1e-9)
