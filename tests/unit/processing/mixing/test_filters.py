"""Filters against the analogue curves that they are made from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from services.processing.mixing.effects.svf import tangent
from tests.support.mixing import RATE, Audio, apply, impulse, noise, points

_FRAMES = 1 << 16
_HZ = np.fft.rfftfreq(_FRAMES, 1 / RATE)
_HEARD = (_HZ >= 20) & (_HZ <= 20_000)


def _measured(effect: str, **parameters: object) -> np.ndarray:
    """Magnitude in dB from 20 Hz to 20 kHz."""
    response = np.fft.rfft(apply(effect, impulse(_FRAMES), **parameters)[0])
    return 20 * np.log10(np.abs(response[_HEARD]) + 1e-12)


def _s(frequency_hz: float) -> np.ndarray:
    """The analogue frequency that the bilinear transform puts at each bin, with the cutoff at 1."""
    return 1j * np.tan(np.pi * _HZ[_HEARD] / RATE) / np.tan(np.pi * frequency_hz / RATE)


def _analogue(shape: str, frequency_hz: float, gain_db: float, q: float) -> np.ndarray:
    """Bristow-Johnson's prototypes, in dB."""
    s, a = _s(frequency_hz), 10 ** (gain_db / 40)
    h = {
        "bell": lambda: (s**2 + s * a / q + 1) / (s**2 + s / (a * q) + 1),
        "low_shelf": lambda: a * (s**2 + np.sqrt(a) / q * s + a) / (a * s**2 + np.sqrt(a) / q * s + 1),
        "high_shelf": lambda: a * (a * s**2 + np.sqrt(a) / q * s + 1) / (s**2 + np.sqrt(a) / q * s + a),
        "notch": lambda: (s**2 + 1) / (s**2 + s / q + 1),
        "low_cut": lambda: s**2 / (s**2 + s / q + 1),
        "high_cut": lambda: 1 / (s**2 + s / q + 1),
    }[shape]()
    return 20 * np.log10(np.abs(h) + 1e-12)


def _one_band(shape: str, frequency_hz: float, gain_db: float, q: float) -> dict[str, object]:
    off = {f"band{n}_shape": "off" for n in range(1, 7)}
    band = {"shape": shape, "frequency_hz": frequency_hz, "gain_db": gain_db, "q": q}
    return off | {f"band3_{name}": value for name, value in band.items()}


@pytest.mark.parametrize("shape", ["bell", "low_shelf", "high_shelf", "notch", "low_cut", "high_cut"])
@pytest.mark.parametrize(("frequency_hz", "gain_db", "q"), [(60, 9, 0.7), (1_000, -12, 2.0), (9_000, 6, 0.5)])
def test_equalizer_band_has_its_analogue_curve(shape: str, frequency_hz: float, gain_db: float, q: float) -> None:
    measured = _measured("equalizer", **_one_band(shape, frequency_hz, gain_db, q))
    expected = _analogue(shape, frequency_hz, gain_db, q)
    loud = expected > -80
    worst = np.abs(measured - expected)[loud].max()
    print(f"{shape} {frequency_hz} Hz {gain_db} dB: {worst:.5f} dB")
    assert worst < 0.1


@given(
    shape=st.sampled_from(["bell", "low_shelf", "high_shelf"]),
    frequency_hz=st.floats(40, 18_000),
    gain_db=st.floats(-24, 24),
    q=st.floats(0.3, 12),
)
def test_any_bell_and_shelf_is_within_a_tenth_of_a_decibel(
    shape: str, frequency_hz: float, gain_db: float, q: float
) -> None:
    measured = _measured("equalizer", **_one_band(shape, frequency_hz, gain_db, q))
    assert np.abs(measured - _analogue(shape, frequency_hz, gain_db, q)).max() < 0.1


def test_bands_add_up() -> None:
    together = _measured(
        "equalizer",
        band1_gain_db=6.0,
        band2_gain_db=-4.0,
        band3_gain_db=3.0,
        band5_gain_db=2.0,
        band6_gain_db=-6.0,
    )
    alone = [("low_shelf", 80, 6), ("bell", 200, -4), ("bell", 600, 3), ("bell", 5_000, 2), ("high_shelf", 10_000, -6)]
    expected = sum(_analogue(shape, hz, gain, 0.7071) for shape, hz, gain in alone)
    assert np.abs(together - expected).max() < 0.1


@pytest.mark.parametrize("slope", [12, 24, 48])
@pytest.mark.parametrize("effect", ["low_pass", "high_pass"])
def test_cut_falls_like_a_butterworth_of_its_order(effect: str, slope: int) -> None:
    omega = np.abs(_s(1_000.0))
    omega = 1 / omega if effect == "high_pass" else omega
    expected = -10 * np.log10(1 + omega ** (2 * slope // 6))
    measured = _measured(effect, frequency_hz=1_000.0, slope=str(slope))
    loud = expected > -100
    assert np.abs(measured - expected)[loud].max() < 0.1


def test_resonance_lifts_the_corner() -> None:
    measured = _measured("low_pass", frequency_hz=1_000.0, q=4.0)
    assert measured[np.argmin(np.abs(_HZ[_HEARD] - 1_000))] == pytest.approx(20 * np.log10(4.0), abs=0.1)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_cutoff_is_the_same_at_every_sample_rate(rate: int) -> None:
    response = np.fft.rfft(apply("low_pass", impulse(rate), rate=rate, frequency_hz=2_000.0)[0])
    assert 20 * np.log10(abs(response[2_000])) == pytest.approx(-3.0103, abs=0.01)


def test_flat_equalizer_passes_every_bit() -> None:
    audio = noise(9_000)
    assert np.array_equal(apply("equalizer", audio), audio)


def test_quick_tangent_is_the_tangent() -> None:
    x = np.linspace(1e-6, 0.49 * np.pi, 500)
    assert max(abs(tangent(v) / np.tan(v) - 1) for v in x) < 1e-10


def _moving_reference(audio: Audio, cutoff_hz: np.ndarray, q: float) -> Audio:
    """The same circuit as a state-space system, solved by the trapezoidal rule, with numpy's tangent."""
    out = np.empty_like(audio)
    for side in range(2):
        state, integral = np.zeros(2), np.zeros(2)
        for i, x in enumerate(audio[side]):
            g = np.tan(np.pi * cutoff_hz[i] / RATE)
            # v = integral + g·(A v + B x), integrators: band-pass and low-pass.
            system = np.eye(2) - g * np.array([[-1 / q, -1.0], [1.0, 0.0]])
            state = np.linalg.solve(system, integral + g * np.array([x, 0.0]))
            integral = 2 * state - integral
            out[side, i] = state[1]
    return out


def test_automated_cutoff_follows_the_ideal_ramp_without_zipper() -> None:
    audio = noise(6_000)
    lane = points((0.01, 300.0), (0.12, 9_000.0))
    ideal = np.interp(np.arange(6_000) / RATE, [0.01, 0.12], [300.0, 9_000.0])
    expected = _moving_reference(audio, ideal, 0.7071)
    error = apply("low_pass", audio, block=777, automation={"frequency_hz": lane}) - expected
    worst = 20 * np.log10(np.abs(error).max() / np.abs(expected).max())
    print(f"automated low-pass: {worst:.1f} dB")
    assert worst < -100


def test_filter_that_rests_equals_a_direct_form() -> None:
    audio = noise(5_000)
    w = 2 * np.pi * 700 / RATE
    alpha = np.sin(w) / (2 * 1.3)
    b = np.array([1 - np.cos(w), 2 - 2 * np.cos(w), 1 - np.cos(w)]) / 2
    a = np.array([1 + alpha, -2 * np.cos(w), 1 - alpha])
    assert np.allclose(apply("low_pass", audio, frequency_hz=700.0, q=1.3), lfilter(b, a, audio), atol=1e-9)


def test_wildly_moving_filter_stays_finite() -> None:
    lane = [(0.001 * n, 20.0 if n % 2 else 20_000.0, "hold") for n in range(400)]
    out = apply("low_pass", noise(20_000), automation={"frequency_hz": points(*lane)}, q=20.0)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 50
