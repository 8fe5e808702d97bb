"""What is heard is the asked pitch: measured on rendered tones by the phase between two windows."""

from __future__ import annotations

import numpy as np
import pytest

from services.generation.composer.sampler.controls import ControlEvent, Controls
from tests.support.soundfont_builder import (
    PresetSpec,
    SampleSpec,
    ZoneSpec,
    build_soundfont,
    looped_font,
    looped_sine,
    sine,
)

RATE = 44_100


def frequency_of(audio, near_hz: float) -> float:
    """Frequency of a steady tone: the phase advance between two Hann windows half a second apart, unwrapped by
    `near_hz`.
    """
    size, hop = 16_384, 22_050
    window = np.hanning(size)
    times = np.arange(size) / RATE

    def phase(start: int) -> float:
        stretch = audio[start : start + size]
        line = np.sum(stretch * window * np.exp(-2j * np.pi * near_hz * times)) / np.sum(window)
        # The tone itself, and not the skirt of one somewhere else.
        assert abs(line) > 0.65 * np.sqrt(np.mean(stretch**2))
        return float(np.angle(line))

    advance = phase(8_192 + hop) - phase(8_192)
    # Subtract what `near_hz` itself turns in a hop; the rest is the deviation.
    advance -= 2 * np.pi * near_hz * hop / RATE
    advance = (advance + np.pi) % (2 * np.pi) - np.pi
    return near_hz + advance * RATE / (2 * np.pi * hop)


def cents(measured: float, wanted: float) -> float:
    return 1200 * np.log2(measured / wanted)


def key_hz(key: float) -> float:
    return 440.0 * 2 ** ((key - 69) / 12)


@pytest.mark.parametrize("key", [33, 45, 57, 64, 69, 70, 81, 93])
def test_a_looped_tone_is_in_tune_on_every_key(open_bank, play, key):
    audio = play(open_bank(looped_font()), [(0.0, 3.0, key, 100)], 1.5)
    assert abs(cents(frequency_of(audio[0], key_hz(key)), key_hz(key))) < 0.5


def test_a_compressed_tone_is_in_tune(open_bank, play):
    audio = play(open_bank(looped_font(vorbis=True)), [(0.0, 3.0, 72, 100)], 1.5)
    assert abs(cents(frequency_of(audio[0], key_hz(72)), key_hz(72))) < 1.0


@pytest.mark.parametrize(
    ("generators", "offset"),
    [({51: 2}, 200), ({52: 37}, 37), ({56: 50}, 150), ({58: 57}, 1200), ({46: 60}, -600), ({51: -1, 52: -20}, -120)],
    ids=["coarse tune", "fine tune", "scale tuning", "root key", "forced key", "both tunes"],
)
def test_tuning_generators_move_the_pitch_by_their_cents(open_bank, play, generators, offset):
    font = looped_font(**{f"g{number}": value for number, value in generators.items()})
    key = 66
    audio = play(open_bank(font), [(0.0, 3.0, key, 100)], 1.5)
    wanted = key_hz(key + offset / 100)
    assert abs(cents(frequency_of(audio[0], wanted), wanted)) < 1.0


def test_samples_of_other_rates_and_roots_sound_at_their_pitch(open_bank, play):
    sample = SampleSpec(sine(261.6256, 4.0, rate=32_000), 32_000, root_key=60)
    font = build_soundfont([sample], [PresetSpec([ZoneSpec(0)])])
    audio = play(open_bank(font), [(0.0, 3.0, 60, 100)], 1.5)
    assert abs(cents(frequency_of(audio[0], key_hz(60)), key_hz(60))) < 0.5


def test_the_samples_own_correction_is_applied(open_bank, play):
    sample = looped_sine()
    font = build_soundfont(
        [SampleSpec(sample.frames, sample.rate, 69, sample.correction + 50, sample.loop)],
        [PresetSpec([ZoneSpec(0, {54: 1})])],
    )
    audio = play(open_bank(font), [(0.0, 3.0, 69, 100)], 1.5)
    assert abs(cents(frequency_of(audio[0], key_hz(69.5)), key_hz(69.5))) < 1.0


def test_a_pitch_bend_moves_sounding_notes(open_bank, play):
    controls = Controls(RATE, bends=[ControlEvent(4_000, 2.0)])
    audio = play(open_bank(looped_font()), [(0.0, 3.0, 69, 100)], 1.5, controls=controls)
    assert abs(cents(frequency_of(audio[0], key_hz(71)), key_hz(71))) < 0.5


def test_tape_drift_wanders_around_the_pitch(open_bank, play):
    controls = Controls(RATE, wow_cents=20.0)
    audio = play(open_bank(looped_font()), [(0.0, 5.0, 69, 100)], 5.0, controls=controls)[0]
    turns = np.unwrap(
        np.angle(np.convolve(audio, np.exp(2j * np.pi * 440 / RATE * np.arange(441)) * np.hanning(441), "same"))
    )
    heard = np.diff(turns)[4_410:-4_410] * RATE / (2 * np.pi)
    drift = 1200 * np.log2(np.convolve(heard, np.ones(2_205) / 2_205, "valid") / 440)
    assert 10 < drift.max() < 25
    assert -25 < drift.min() < -10


def test_vibrato_swings_by_its_depth(open_bank, play):
    # 50 cents at 8.176 Hz: the oscillator's rate at 0 absolute cents.
    audio = play(open_bank(looped_font(g6=50, g24=0)), [(0.0, 3.0, 69, 100)], 2.0)[0]
    turns = np.unwrap(
        np.angle(np.convolve(audio, np.exp(2j * np.pi * 440 / RATE * np.arange(221)) * np.hanning(221), "same"))
    )
    heard = 1200 * np.log2(
        np.convolve(np.diff(turns)[4_410:-4_410] * RATE / (2 * np.pi), np.ones(221) / 221, "valid") / 440
    )
    assert 40 < heard.max() < 52
    assert -52 < heard.min() < -40
