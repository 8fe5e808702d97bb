"""True peaks against EBU Tech 3341 (cases 15 to 23), against analytic heights and against an ideal interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from services.processing.analysis import true_peak
from services.processing.analysis.true_peak import SILENCE_DBTP, PeakEnvelope, TruePeakMeter, to_dbtp

RATE = 48_000


def measured(samples, rate=RATE, block=4_099):
    meter = TruePeakMeter(rate, samples.shape[1])
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block])
    return to_dbtp(meter.finish())


def faded(wave):
    """With soft ends: what rings at a sudden beginning is another question."""
    ramp = np.minimum(1.0, np.arange(len(wave)) / 2_000.0)
    return np.repeat((wave * ramp * ramp[::-1])[:, None], 2, axis=1).astype(np.float32)


# Case: divisor of the sample rate, phase in degrees, amplitude, expected dBTP.
SINES = {
    15: (4, 0.0, 0.5, -6.0),
    16: (4, 45.0, 0.5, -6.0),
    17: (6, 60.0, 0.5, -6.0),
    18: (8, 67.5, 0.5, -6.0),
    19: (4, 45.0, 1.41, 3.0),
}


@pytest.mark.parametrize("case", SINES)
def test_sines_between_the_samples_of_tech_3341(case):
    divisor, phase, amplitude, expected = SINES[case]
    wave = amplitude * np.sin(2.0 * np.pi * np.arange(RATE) / divisor + np.deg2rad(phase))
    found = measured(faded(wave))
    print(f"case {case}: {found:.3f} dBTP")
    assert expected - 0.4 <= found <= expected + 0.2


@pytest.mark.parametrize("divisor", [4, 6])
@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_a_peak_of_one_period_is_found_wherever_the_samples_fall_cases_20_to_23(divisor, offset):
    # Synthesised at four times the rate: half scale with one period at full scale; low-passed, every fourth sample.
    fine = np.arange(4 * RATE // 2)
    period = 4 * divisor
    middle = len(fine) // 2 // period * period
    amplitude = np.where((fine >= middle) & (fine < middle + period), 1.0, 0.5)
    wave = amplitude * np.sin(2.0 * np.pi * fine / period)
    low_pass = scipy.signal.firwin(513, 0.98 / 4.0, window=("kaiser", 8.0))
    filtered = scipy.signal.fftconvolve(wave, low_pass, mode="same")
    highest = 20.0 * np.log10(np.abs(filtered).max())
    # One period at full scale is 0.0 dBTP by definition; the low pass leaves this much of it.
    assert highest == pytest.approx(0.0, abs=0.3)
    found = measured(faded(filtered[offset::4]))
    print(f"fs/{divisor}, offset {offset}: {found:.3f} dBTP")
    assert -0.4 <= found <= 0.2


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("hz", [400.0, 3_500.0, 11_000.0, 19_500.0])
def test_audible_tones_read_their_amplitude_at_every_rate(rate, hz):
    if hz >= 0.9 * rate / 2.0:
        hz = 0.88 * rate / 2.0
    for phase in (0.0, 0.7, 2.0):
        wave = 0.5 * np.sin(2.0 * np.pi * hz / rate * np.arange(rate) + phase)
        assert measured(faded(wave), rate) == pytest.approx(-6.02, abs=0.15)


def test_the_reading_is_that_of_an_ideal_interpolation():
    for seed in range(5):
        noise = np.random.default_rng(seed).standard_normal(6_000)
        noise = scipy.signal.sosfilt(scipy.signal.butter(8, 0.8, output="sos"), noise) * 0.1
        ideal = 20.0 * np.log10(np.abs(scipy.signal.resample(faded(noise), 8 * 6_000, axis=0)).max())
        assert measured(faded(noise)) == pytest.approx(ideal, abs=0.05)


def test_the_highest_of_all_channels_counts():
    wave = np.sin(2.0 * np.pi * np.arange(4_800) / 48.0)
    samples = np.stack([0.1 * wave, 0.9 * wave, 0.2 * wave], axis=1).astype(np.float32)
    assert measured(samples) == pytest.approx(20.0 * np.log10(0.9), abs=0.02)


def test_what_rings_at_a_sudden_beginning_and_end_counts():
    # Alternating signs from a standstill swing far beyond their samples just before the first one.
    burst = np.where(np.arange(40) % 2, 1.0, -1.0)
    for samples in (burst, np.concatenate([burst, [0.0]]), burst[::-1]):
        padded = np.concatenate([np.zeros(400), samples, np.zeros(400)])
        inside = measured(np.float32(padded)[:, None])
        assert measured(np.float32(samples)[:, None]) == pytest.approx(inside, abs=1e-3)


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 700), max_size=8))
def test_the_envelope_has_one_value_a_sample_however_the_audio_is_cut(cuts):
    samples = np.random.default_rng(5).standard_normal((700, 2)).astype(np.float32)
    whole, pieces = PeakEnvelope(RATE, 2), PeakEnvelope(RATE, 2)
    expected = np.concatenate([whole.process(samples), whole.flush()])
    found = np.concatenate([*(pieces.process(part) for part in np.split(samples, sorted(cuts))), pieces.flush()])
    assert len(found) == 700
    assert found == pytest.approx(expected, rel=1e-4)
    assert (found >= np.abs(samples).max(axis=1) - 1e-6).all()


def test_nothing_and_silence_have_no_height():
    assert measured(np.zeros((0, 2), dtype=np.float32)) == SILENCE_DBTP
    assert measured(np.zeros((100, 1), dtype=np.float32)) == SILENCE_DBTP


def test_the_kernel_says_the_same_without_its_compiler():
    signal = np.random.default_rng(2).standard_normal(2 * true_peak.HALF_TAPS + 20).astype(np.float32)
    taps = true_peak.interpolation_filter(8)
    found, expected = np.zeros(21, dtype=np.float32), np.zeros(21, dtype=np.float32)
    true_peak._envelope(signal, taps, found)
    true_peak._envelope.py_func(signal, taps, expected)
    assert found == pytest.approx(expected, abs=1e-5)
