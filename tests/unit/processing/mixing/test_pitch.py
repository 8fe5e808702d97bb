"""Pitch shift and time stretch."""

import numpy as np
import pytest

from services.processing.mixing.timeline.warp import warp
from tests.support.mixing import RATE, ArraySource, Audio, apply, impulse, insert, noise, points, sine


def _pitch_hz(audio: np.ndarray) -> float:
    """The loudest frequency, between bins (parabola through the logarithms)."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    k = int(np.argmax(spectrum))
    a, b, c = np.log(spectrum[k - 1 : k + 2])
    return float((k + 0.5 * (a - c) / (a - 2 * b + c)) * RATE / len(audio))


def _warped(audio: Audio, stretch: float, semitones: float) -> Audio:
    source = ArraySource(audio)
    parts = warp(source, 0, source.frames, stretch, semitones, lambda: None, lambda _done: None)
    return np.concatenate(list(parts), axis=1)


@pytest.mark.parametrize("semitones", [-24.0, -7.0, -0.5, 0.5, 3.0, 12.0, 24.0])
def test_pitch_shift_moves_a_tone_by_the_asked_interval(semitones: float) -> None:
    out = apply("pitch_shift", sine(440.0, RATE), semitones=semitones)
    middle = out[0, 8_000:-8_000]
    cents = 1_200 * np.log2(_pitch_hz(middle) / 440.0) - 100 * semitones
    print(f"{semitones:+} semitones: {cents:+.2f} cents off")
    assert abs(cents) < 2
    assert np.abs(middle).max() == pytest.approx(0.5, rel=0.1)


def test_no_shift_is_the_sound_itself() -> None:
    audio = noise(30_000)
    assert np.abs(apply("pitch_shift", audio)[:, 3_000:-6_000] - audio[:, 3_000:-6_000]).max() < 1e-9


def test_pitch_shift_keeps_a_click_within_six_milliseconds() -> None:
    out = apply("pitch_shift", impulse(20_000, at=10_000), semitones=5.0)
    assert abs(int(np.argmax(np.abs(out[0]))) - 10_000) <= 0.006 * RATE


def test_pitch_shift_keeps_the_stereo_image() -> None:
    audio = sine(500.0, RATE)
    audio[1] *= -0.25
    out = apply("pitch_shift", audio, semitones=4.0)[:, 8_000:-8_000]
    assert np.allclose(out[1], -0.25 * out[0], atol=1e-9)


def test_pitch_follows_its_automation() -> None:
    lane = points((0.0, 0.0, "hold"), (1.0, 12.0))
    out = apply("pitch_shift", sine(440.0, 2 * RATE), automation={"semitones": lane})
    assert _pitch_hz(out[0, 5_000:38_000]) == pytest.approx(440.0, rel=1e-3)
    assert _pitch_hz(out[0, 50_000:80_000]) == pytest.approx(880.0, rel=1e-3)


@pytest.mark.parametrize("block", [100, 512, 4_097])
def test_blocks_do_not_matter(block: int) -> None:
    audio = noise(12_000)
    whole = apply("pitch_shift", audio, semitones=-3.0, block=100_000)
    assert np.array_equal(apply("pitch_shift", audio, semitones=-3.0, block=block), whole)
    assert insert("pitch_shift").latency < 7_000


@pytest.mark.parametrize("stretch", [0.25, 0.8, 1.5, 4.0])
def test_stretch_changes_length_and_not_pitch(stretch: float) -> None:
    out = _warped(sine(440.0, RATE), stretch, 0.0)
    assert out.shape[1] == round(RATE * stretch)
    edge = out.shape[1] // 5
    assert _pitch_hz(out[0, edge:-edge]) == pytest.approx(440.0, rel=2e-3)
    assert np.abs(out[0, edge:-edge]).max() == pytest.approx(0.5, rel=0.1)


def test_stretched_beats_come_at_stretched_times() -> None:
    clicks = np.zeros((2, 2 * RATE))
    clicks[:, 10_000::20_000] = 1.0
    out = np.abs(_warped(clicks, 1.5, 0.0)[0])
    for number in range(4):
        place = round((10_000 + 20_000 * number) * 1.5)
        found = place - 2_000 + int(np.argmax(out[place - 2_000 : place + 2_000]))
        assert abs(found - place) < 0.012 * RATE


def test_clip_pitched_without_stretch_keeps_its_length() -> None:
    out = _warped(sine(440.0, RATE), 1.0, 7.0)
    assert out.shape[1] == RATE
    assert _pitch_hz(out[0, 8_000:-8_000]) == pytest.approx(440 * 2 ** (7 / 12), rel=1e-3)


def test_a_warp_that_changes_nothing_is_exact() -> None:
    audio = noise(20_000)
    assert np.abs(_warped(audio, 1.0, 0.0) - audio)[:, 2_048:-2_048].max() < 1e-9
