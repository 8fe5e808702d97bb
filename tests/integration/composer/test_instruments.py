"""Every sound of the real SoundFont plays: finite, audible, in tune."""

from __future__ import annotations

import numpy as np
import pytest

from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.sampler.controls import Controls
from services.generation.composer.sampler.player import NoteEvent, Player

RATE = 44_100
pytestmark = pytest.mark.integration


def play(bank, preset, key, seconds=0.5, velocity=100, rest=0.0, percussion=False):
    events = [NoteEvent(0, key, velocity, round(seconds * RATE))]
    player = Player(bank.instrument(*preset), events, Controls(RATE), percussion=percussion)
    frames = round((seconds + rest) * RATE) // 32 * 32
    return player.render(frames)


def test_every_preset_sounds(bank):
    assert len(bank.font.preset_numbers) > 300
    silent = []
    for number in bank.font.preset_numbers:
        regions = bank.font.preset(*number).regions
        key = next((key for key in (60, 48, 72, 38) if any(r.answers(key, 100) for r in regions)), regions[0].keys[0])
        audio = play(bank, number, key, 0.3)
        assert np.isfinite(audio).all(), number
        assert np.abs(audio).max() < 4.0, number
        if np.abs(audio).max() < 1e-3:
            silent.append(number)
    assert silent == []


PADS = sorted(
    {number for style in GENRES.values() for each in style.layers if each.role == "pad" for number in each.programs}
)


@pytest.mark.parametrize("program", PADS)
def test_pads_sound_for_as_long_as_they_are_held(bank, program):
    # A "new age pad" is a bell that has died away after three seconds, and leaves a hole where a chord is held.
    audio = play(bank, (0, program), 57, 8.0, velocity=70)
    second = [float(np.mean(audio[:, start : start + RATE] ** 2)) for start in range(0, 7 * RATE, RATE)]
    assert second[-1] > max(second) / 10


# Sampled players wander around their pitch by a small fraction of a semitone.
@pytest.mark.parametrize(
    ("program", "key"),
    [
        (0, 60),
        (4, 64),
        (11, 72),
        (16, 60),
        (24, 57),
        (33, 40),
        (38, 36),
        (48, 67),
        (56, 70),
        (73, 76),
        (80, 69),
        (89, 60),
    ],
)
def test_instruments_are_in_tune(bank, program, key):
    audio = play(bank, (0, program), key, 2.0).sum(axis=0)[RATE // 4 :]
    size = 2**20
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), size))
    hertz = 440.0 * 2 ** ((key - 69) / 12)
    # The fundamental may be weak; the strongest of the first harmonics tells the pitch, by the centre of its power.
    strongest, pitch = 0.0, 0.0
    for harmonic in (1, 2, 3, 4):
        low, high = (round(hertz * harmonic * 2 ** (cents / 1200) * size / RATE) for cents in (-60, 60))
        power = spectrum[low : high + 1] ** 2
        if power.sum() > strongest:
            strongest = power.sum()
            centre = low + (power * np.arange(len(power))).sum() / strongest
            pitch = 1200 * np.log2(centre * RATE / size / (hertz * harmonic))
    assert abs(pitch) < 15


def test_velocity_makes_louder_and_brighter(bank):
    def brightness(audio):
        spectrum = np.abs(np.fft.rfft(audio.sum(axis=0))) ** 2
        hertz = np.fft.rfftfreq(audio.shape[1], 1 / RATE)
        return float((spectrum * hertz).sum() / spectrum.sum())

    for program in (0, 4, 24, 33, 56):
        soft, loud = (play(bank, (0, program), 55, 1.0, velocity) for velocity in (40, 115))
        assert np.sqrt(np.mean(loud**2)) > 2 * np.sqrt(np.mean(soft**2)), program
        assert brightness(loud) > 0.98 * brightness(soft), program


def test_notes_die_away_after_their_release(bank):
    for program in (0, 16, 33, 48, 56, 73, 81):
        audio = play(bank, (0, program), 60, 0.5, rest=4.0)
        sounding = np.sqrt(np.mean(audio[:, RATE // 4 : RATE // 2] ** 2))
        assert np.sqrt(np.mean(audio[:, -RATE // 10 :] ** 2)) < sounding * 0.02, program


def test_hi_hats_choke_each_other(bank):
    def tail(notes):
        events = [NoteEvent(round(start * RATE), key, 100, round(start * RATE) + 2_000) for start, key in notes]
        audio = Player(bank.instrument(128, 0), events, Controls(RATE), percussion=True).render(RATE // 32 * 32)
        return float(np.sqrt(np.mean(audio[:, round(0.45 * RATE) : round(0.6 * RATE)] ** 2)))

    # 46 is the open hi-hat, 42 the closed one.
    assert tail([(0.0, 46), (0.25, 42)]) < 0.5 * tail([(0.0, 46)])


def test_the_grand_piano_is_decoded_only_as_far_as_it_is_played(bank):
    before = bank.samples.decoded_bytes
    play(bank, (0, 0), 61, 0.2)
    assert bank.samples.decoded_bytes - before < 4 * 2**20
