"""Compressor, gain lines and ducking."""

from __future__ import annotations

import numpy as np
import pytest

from services.generation.composer.mix.automation import GainLine, ducking_line, stepped_line
from services.generation.composer.mix.dynamics import Compressor, CompressorSettings

RATE = 44_100


def tone(level_db: float, seconds: float = 1.0):
    amplitude = 10 ** (level_db / 20) * np.sqrt(2)
    wave = amplitude * np.sin(2 * np.pi * 1_000 * np.arange(round(seconds * RATE)) / RATE)
    return np.stack([wave, wave]).astype(np.float32)


@pytest.mark.parametrize(("level", "reduction"), [(-40.0, 0.0), (-10.0, 7.5), (0.0, 15.0)])
def test_the_compressor_settles_on_its_ratio(level, reduction):
    compressor = Compressor(CompressorSettings(-20.0, 4.0, 0.005, 0.05, 0.0, 0.01), RATE)
    curve = compressor.curve(tone(level))
    assert -20 * np.log10(curve[-4_410:].mean()) == pytest.approx(reduction, abs=0.3)


def test_the_knee_is_soft():
    compressor = Compressor(CompressorSettings(-20.0, 4.0, 0.005, 0.05, 12.0, 0.01), RATE)
    assert -20 * np.log10(compressor.curve(tone(-20.0))[-4_410:].mean()) == pytest.approx(0.75 * 36 / 24, abs=0.2)


def test_attack_and_release_take_their_time():
    compressor = Compressor(CompressorSettings(-20.0, 4.0, 0.02, 0.2, 0.0, 0.0), RATE)
    curve = np.concatenate([compressor.curve(tone(0.0)), compressor.curve(tone(-60.0))])
    reduction = -20 * np.log10(curve)
    steady = reduction[RATE - 1]
    assert reduction[round(0.01 * RATE)] < 0.6 * steady
    assert reduction[round(0.1 * RATE)] > 0.9 * steady
    assert reduction[RATE + round(0.1 * RATE)] > 0.5 * steady
    assert reduction[RATE + round(0.9 * RATE)] < 0.05 * steady


@pytest.mark.parametrize("level", [60.0, 300.0, 600.0])
def test_what_is_absurdly_loud_is_held_and_never_turned_round(level):
    curve = Compressor(CompressorSettings(-20.0, 4.0, 0.0, 0.05), RATE).curve(tone(level, 0.1))
    assert np.isfinite(curve).all()
    assert curve.min() >= 0.0
    assert curve.max() <= 1.0
    assert curve[-1] < 1e-2


def test_one_loud_channel_lowers_both_alike():
    audio = tone(0.0)
    audio[1] = 0.0
    assert Compressor(CompressorSettings(-20.0, 4.0, 0.001, 0.1), RATE).curve(audio)[-1] < 0.3


def test_a_gain_line_is_straight_in_decibels_wherever_it_is_read():
    line = GainLine([(100, 0.0), (1_100, -20.0)])
    whole = line.block(0, 2_000)
    assert whole[0] == pytest.approx(1.0)
    assert 20 * np.log10(whole[600]) == pytest.approx(-10.0, abs=0.01)
    assert 20 * np.log10(whole[1_900]) == pytest.approx(-20.0, abs=0.01)
    assert np.array_equal(np.concatenate([line.block(0, 700), line.block(700, 1_300)]), whole)


def test_blocks_without_a_change_are_left_alone():
    line = GainLine([(1_000, 0.0), (1_500, -6.0), (2_000, 0.0)])
    assert line.block(0, 900) is None
    assert line.block(2_100, 900) is None
    assert line.block(900, 200) is not None
    assert line.block(1_200, 100) is not None
    assert GainLine([(0, 0.0)]).block(0, 100) is None


def test_steps_glide_before_they_arrive():
    line = GainLine(stepped_line([(0, 1_000, 0.0, 0.0), (1_000, 2_000, -6.0, -6.0), (2_000, 3_000, 0.0, 0.0)], 100))
    levels = 20 * np.log10(line.block(0, 3_000))
    assert levels[890] == pytest.approx(0.0, abs=1e-4)
    assert levels[1_000] == pytest.approx(-6.0, abs=1e-3)
    assert levels[950] == pytest.approx(-3.0, abs=0.1)
    assert levels[2_500] == pytest.approx(0.0, abs=1e-4)


def test_steps_swell_evenly_to_their_ends():
    line = GainLine(stepped_line([(0, 1_000, -6.0, -2.0), (1_000, 2_000, 0.0, -4.0)], 100))
    levels = 20 * np.log10(line.block(0, 3_000))
    assert levels[0] == pytest.approx(-6.0, abs=1e-3)
    assert levels[450] == pytest.approx(-4.0, abs=0.02)
    assert levels[900] == pytest.approx(-2.0, abs=1e-3)
    assert levels[1_000] == pytest.approx(0.0, abs=1e-3)
    assert levels[2_500] == pytest.approx(-4.0, abs=1e-3)


def test_ducking_dips_on_each_kick_and_swells_back():
    kicks = [RATE, 2 * RATE]
    levels = 20 * np.log10(ducking_line(kicks, 9.0, 0.3, RATE).block(0, 3 * RATE))
    for kick in kicks:
        assert levels[kick - 10] == pytest.approx(0.0, abs=0.05)
        assert levels[kick + round(0.004 * RATE)] == pytest.approx(-9.0, abs=0.3)
        assert -6.0 < levels[kick + round(0.154 * RATE)] < -3.0
        assert levels[kick + round(0.35 * RATE)] == pytest.approx(0.0, abs=0.05)


def test_kicks_that_follow_quickly_never_click():
    line = ducking_line(list(range(0, RATE, 3_000)), 12.0, 0.4, RATE)
    gain = line.block(0, RATE)
    assert np.abs(np.diff(gain)).max() < 0.02
    assert 20 * np.log10(gain.min()) == pytest.approx(-12.0, abs=0.3)
