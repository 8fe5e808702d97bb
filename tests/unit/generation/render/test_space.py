"""Panorama, width, room, echo, and the noise of the record."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from services.generation.composer.mix.echo import Echo
from services.generation.composer.mix.panorama import Widener, pan_gains
from services.generation.composer.mix.reverb import Reverb
from services.generation.composer.mix.saturation import BitCrusher, Saturator
from services.generation.composer.mix.stem import BusSettings, Sends, Stem
from services.generation.composer.mix.vinyl import Vinyl

RATE = 44_100


def noise(frames: int, seed: int = 3):
    mono = np.random.default_rng(seed).standard_normal(frames) * 0.1
    return np.stack([mono, mono]).astype(np.float32)


def impulse(seconds: float):
    audio = np.zeros((2, round(seconds * RATE)), np.float32)
    audio[:, 0] = 1.0
    return audio


@pytest.mark.parametrize("pan", [-1.0, -0.5, 0.0, 0.3, 1.0])
def test_panning_keeps_the_power(pan):
    left, right = pan_gains(pan)
    assert left**2 + right**2 == pytest.approx(2.0)
    assert (right > left) == (pan > 0) or pan == 0.0


def test_the_middle_is_untouched_and_the_ends_are_silent():
    assert pan_gains(0.0) == pytest.approx((1.0, 1.0))
    assert pan_gains(-1.0)[1] == pytest.approx(0.0, abs=1e-9)
    assert pan_gains(5.0)[0] == pytest.approx(0.0, abs=1e-9)


def test_widening_spreads_and_mono_listeners_hear_no_difference():
    audio = noise(RATE)
    wide = audio.copy()
    Widener(1.0, RATE).process(wide)
    assert np.abs(wide.sum(axis=0) - audio.sum(axis=0)).max() < 1e-5
    side, middle = np.mean((wide[0] - wide[1]) ** 2), np.mean((wide[0] + wide[1]) ** 2)
    assert -10 < 10 * np.log10(side / middle) < -4


@pytest.mark.parametrize("width_db", [-3.0, 2.0])
def test_the_width_of_a_mix_moves_its_side_and_mono_listeners_hear_no_difference(width_db):
    audio = np.random.default_rng(3).standard_normal((2, RATE)).astype(np.float32) * np.float32(0.1)
    plain, moved = (
        Stem([Sends(-20.0, -120.0)], BusSettings(width_db=width), RATE).process([audio]) for width in (0.0, width_db)
    )
    np.testing.assert_allclose(moved.sum(axis=0), plain.sum(axis=0), atol=1e-6)
    side, before = np.mean((moved[0] - moved[1]) ** 2), np.mean((plain[0] - plain[1]) ** 2)
    assert 10 * np.log10(side / before) == pytest.approx(width_db, abs=1e-3)


def test_the_body_of_a_mix_is_lifted_around_300_hz():
    audio = noise(4 * RATE)
    stems = [Stem([Sends(-120.0, -120.0)], BusSettings(body_db=body), RATE).process([audio])[0] for body in (0.0, 3.0)]
    before, after = (np.abs(np.fft.rfft(stem)) ** 2 for stem in stems)
    hertz = np.fft.rfftfreq(len(stems[0]), 1 / RATE)

    def lift(low, high):
        inside = (hertz >= low) & (hertz < high)
        return 10 * np.log10(after[inside].sum() / before[inside].sum())

    assert lift(270, 330) == pytest.approx(3.0, abs=0.2)
    assert lift(20, 40) < 0.3
    assert lift(4_000, 8_000) < 0.1


@pytest.mark.parametrize("seconds", [0.6, 1.4, 3.0])
def test_the_room_decays_in_its_time(seconds):
    room = Reverb(seconds, 20_000, RATE)
    audio = impulse(seconds * 1.2)
    out = np.zeros_like(audio)
    room.process(audio, out)
    # Schroeder's backward integration, between −5 and −35 dB (ISO 3382's T30).
    energy = np.cumsum((out**2).sum(axis=0)[::-1])[::-1]
    levels = 10 * np.log10(energy / energy[0] + 1e-12)
    span = np.searchsorted(-levels, 35) - np.searchsorted(-levels, 5)
    assert span / RATE * 2 == pytest.approx(seconds, rel=0.15)


def test_the_room_is_about_as_loud_as_what_goes_in_whatever_its_length():
    # Music has little above 3 kHz, where the modulated lines lose some.
    lows = butter(4, 3_000, fs=RATE, output="sos")
    for seconds in (0.5, 1.5, 4.0):
        audio = np.stack([sosfilt(lows, noise(4 * RATE, seed)[0]) for seed in (1, 2)]).astype(np.float32)
        out = np.zeros_like(audio)
        Reverb(seconds, 20_000, RATE).process(audio, out)
        ratio = np.sqrt(np.mean(out[:, 2 * RATE :] ** 2) / np.mean(audio**2))
        assert -6 < 20 * np.log10(ratio) < 3


def test_the_room_is_stereo_and_darker_than_the_sound():
    out = np.zeros((2, RATE), np.float32)
    Reverb(1.5, 3_000, RATE).process(impulse(1.0), out)
    assert abs(np.corrcoef(out)[0, 1]) < 0.3
    spectrum = np.abs(np.fft.rfft(out[0, 8_000:])) ** 2
    assert spectrum[12_000:].mean() < 0.01 * spectrum[200:2_000].mean()


def test_the_room_has_no_direct_sound():
    out = np.zeros((2, 600), np.float32)
    Reverb(1.5, 6_000, RATE).process(impulse(600 / RATE), out)
    assert not out.any()


def test_the_echo_repeats_in_time_and_changes_sides():
    audio = impulse(1.0)
    out = np.zeros_like(audio)
    Echo(0.1, 0.5, RATE).process(audio, out)
    beats = [np.abs(out[:, place - 50 : place + 400]).max(axis=1) for place in (4_410, 8_820, 13_230, 17_640)]
    assert beats[0][0] > 0.1 > beats[0][1] * 100
    assert beats[1][1] > 0.05 > beats[1][0] * 100
    assert 0 < beats[2][0] < 0.6 * beats[0][0]
    assert not out[:, :4_000].any()


def test_even_full_feedback_dies_away():
    echo = Echo(0.05, 5.0, RATE)
    out = np.zeros((2, RATE), np.float32)
    echo.process(impulse(1.0), out)
    late = np.zeros((2, 4 * RATE), np.float32)
    echo.process(np.zeros_like(late), late)
    assert np.abs(late[:, -RATE:]).max() < 1e-3


def test_saturation_rounds_peaks_and_leaves_quiet_sounds_alone():
    quiet = np.full((2, 100), 0.001, np.float32)
    Saturator(0.0, 0.5).process(quiet)
    assert np.allclose(quiet, 0.001, rtol=0.01)
    loud = np.array([[0.5, -0.5], [2.0, -2.0]], np.float32)
    Saturator(0.0, 0.5).process(loud)
    assert loud[0] == pytest.approx([0.354, -0.354], abs=0.03)
    assert np.abs(loud[1]).max() < 0.55


def test_crushing_leaves_as_many_steps_as_its_bits():
    ramp = np.linspace(-0.5, 0.5, 4_000, dtype=np.float32)
    audio = np.stack([ramp, ramp])
    BitCrusher(4, 0.5).process(audio)
    assert len(np.unique(audio)) == 17


@pytest.mark.parametrize("level", [-60.0, -40.0])
def test_the_record_has_its_level_and_its_crackles(level):
    out = np.zeros((2, 10 * RATE), np.float32)
    Vinyl(level, 11, RATE).process(out)
    assert 20 * np.log10(np.sqrt(np.mean(out**2))) == pytest.approx(level, abs=2.0)
    assert np.abs(out).max() > 6 * np.sqrt(np.mean(out**2))
    assert np.abs(out.mean()) < 1e-5


def test_the_record_is_the_same_for_the_same_seed_and_another_for_another():
    surfaces = []
    for seed in (1, 1, 2):
        surfaces.append(np.zeros((2, 5_000), np.float32))
        Vinyl(-40.0, seed, RATE).process(surfaces[-1])
    assert np.array_equal(surfaces[0], surfaces[1])
    assert not np.array_equal(surfaces[0], surfaces[2])
