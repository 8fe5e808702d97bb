"""Spectrum, stereo image and levels, against signals whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.analysis.spectrum import SpectrumMeter, band_power, shape_of, thirds_hz, to_db
from services.processing.analysis.stereo import LevelMeter

RATE = 44_100


def spectrum_of(samples, rate=RATE):
    meter = SpectrumMeter(rate, samples.shape[1])
    for start in range(0, len(samples), 7_001):
        meter.add(samples[start : start + 7_001].astype(np.float32))
    return meter.result()


def sine(hz, amplitude=0.5, seconds=2, rate=RATE):
    return amplitude * np.sin(2 * np.pi * hz * np.arange(seconds * rate) / rate)


def levels_of(samples, cuts=()):
    meter = LevelMeter(samples.shape[1])
    for part in np.split(samples.astype(np.float32), sorted(cuts)):
        meter.add(part)
    return meter.result()


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("hz", [128.0, 997.0, 3_000.0])
def test_a_sines_power_lies_in_its_third_octave(rate, hz):
    spectrum = spectrum_of(sine(hz, rate=rate)[:, None], rate)
    centres = thirds_hz(rate)
    bands = band_power(spectrum.total, rate, centres)
    nearest = int(np.argmin(np.abs(np.log(np.array(centres) / hz))))
    assert int(np.argmax(bands)) == nearest
    # a² / 2 in all.
    assert spectrum.total.sum() == pytest.approx(0.125, rel=0.02)
    # The window spreads a low tone over the band's edges.
    assert bands[nearest] == pytest.approx(0.125, rel=0.2 if hz < 200.0 else 0.05)


def test_white_noise_is_flat_and_pink_noise_has_equal_bands():
    random = np.random.default_rng(1)
    white = random.standard_normal((20 * RATE, 1)) * 0.1
    shape = shape_of(spectrum_of(white))
    assert shape.flatness > 0.95
    assert shape.centroid_hz == pytest.approx(RATE / 4, rel=0.02)
    # A third of an octave grows by 3 dB an octave.
    assert shape.tilt_db_per_octave == pytest.approx(3.01, abs=0.15)
    spectrum = np.fft.rfft(white[:, 0])
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))))[:, None]
    assert shape_of(spectrum_of(pink / pink.std() * 0.1)).tilt_db_per_octave == pytest.approx(0.0, abs=0.2)


def test_the_spectrum_agrees_with_welchs_method():
    random = np.random.default_rng(2)
    samples = scipy.signal.lfilter([1.0], [1.0, -0.9], random.standard_normal(30 * RATE)) * 0.05
    found = spectrum_of(samples[:, None])
    hz, density = scipy.signal.welch(samples, RATE, nperseg=4_096, noverlap=0, detrend=False)
    expected = density * (hz[1] - hz[0])
    inside = slice(5, -5)
    assert to_db(found.total)[inside] == pytest.approx(10 * np.log10(expected)[inside], abs=0.1)


def test_middle_and_side_are_told_apart():
    left = sine(1_000.0)
    both = spectrum_of(np.stack([left, left], axis=1))
    assert both.side.sum() < 1e-9 < both.mid.sum()
    against = spectrum_of(np.stack([left, -left], axis=1))
    assert against.mid.sum() < 1e-9 < against.side.sum()


def test_silence_has_no_shape_and_shorter_than_a_frame_has_one():
    assert shape_of(spectrum_of(np.zeros((RATE, 2)))) is None
    assert spectrum_of(np.zeros((0, 1))).silent
    assert shape_of(spectrum_of(sine(500.0)[:900, None])).centroid_hz == pytest.approx(500.0, rel=0.2)


def test_correlation_and_width_of_known_images():
    random = np.random.default_rng(3)
    a, b = random.standard_normal((2, RATE)) * 0.1
    mono = levels_of(np.stack([a, a], axis=1))
    assert mono.correlation == pytest.approx(1.0, abs=1e-6)
    assert levels_of(np.stack([a, -a], axis=1)).correlation == pytest.approx(-1.0, abs=1e-6)
    unrelated = levels_of(np.stack([a, b], axis=1))
    assert unrelated.correlation == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-3)
    assert unrelated.width_db == pytest.approx(0.0, abs=0.2)
    assert levels_of(np.stack([a, 0.5 * a], axis=1)).balance_db == pytest.approx(-6.02, abs=0.01)


def test_mono_and_silence_have_no_image():
    for samples in (np.ones((100, 1)), np.zeros((100, 2)), np.ones((100, 3))):
        found = levels_of(samples)
        assert (found.correlation, found.width_db, found.balance_db) == (None, None, None)
    assert levels_of(np.zeros((0, 2))).rms == 0.0


def test_offset_and_flat_tops_are_counted_but_lone_peaks_are_not():
    samples = np.full((1_000, 1), 0.25)
    samples[10] = 1.0
    samples[500:510] = -1.0
    found = levels_of(samples, cuts=(505,))
    assert found.clipped_samples == 9
    assert found.dc_offset == pytest.approx(samples.mean(), abs=1e-6)
    assert found.sample_peak == 1.0


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 2_000), max_size=6))
def test_levels_do_not_depend_on_how_the_audio_is_cut(cuts):
    samples = np.clip(np.random.default_rng(4).standard_normal((2_000, 2)), -1.0, 1.0)
    whole, pieces = levels_of(samples), levels_of(samples, cuts)
    assert pieces.clipped_samples == whole.clipped_samples
    assert pieces.correlation == pytest.approx(whole.correlation, abs=1e-6)
    assert pieces.rms == pytest.approx(whole.rms, rel=1e-6)
