"""Tempo, beats and key of signals whose tempo, beats and key are known."""

from __future__ import annotations

import numpy as np
import pytest

from services.processing.transcription.flux import HOP, RATE_HZ, Flux, envelope_of
from services.processing.transcription.note import Note
from services.processing.transcription.tempo import beats_of, key_of, tempo_of

RATE = RATE_HZ / HOP


def clicks(bpm: float, seconds: float = 20.0, first: float = 0.4) -> np.ndarray:
    t = np.arange(int(seconds * RATE_HZ))
    since = (t / RATE_HZ - first) % (60.0 / bpm)
    sound = np.sin(2 * np.pi * 1_000 * since) * np.exp(-since / 0.02)
    return np.where(t / RATE_HZ >= first, sound, 0.0).astype(np.float32)


@pytest.mark.parametrize("bpm", [62.0, 84.0, 97.3, 120.0, 138.0, 171.0])
def test_tempo_of_clicks_is_within_two_percent(bpm: float) -> None:
    assert tempo_of(envelope_of([clicks(bpm)]), RATE) == pytest.approx(bpm, rel=0.02)


def test_beats_lie_on_the_clicks() -> None:
    envelope = envelope_of([clicks(100.0)])
    beats = np.array(beats_of(envelope, RATE, 100.0))
    off = (beats - 0.4 + 0.3) % 0.6 - 0.3
    assert len(beats) >= 31
    assert np.abs(off).max() < 0.03


def test_silence_has_no_tempo_and_no_beats() -> None:
    nothing = np.zeros(2_000, np.float32)
    assert tempo_of(nothing, RATE) == 0.0
    assert beats_of(nothing, RATE, 0.0) == []


def test_flux_does_not_depend_on_how_the_sound_is_cut() -> None:
    sound = clicks(111.0, 3.0)
    flux = Flux()
    for start in range(0, len(sound), 777):
        flux.add(sound[start : start + 777])
    np.testing.assert_array_equal(flux.result(200), envelope_of([sound])[:200])


@pytest.mark.parametrize(("tonic", "key"), [(0, "C"), (7, "G"), (1, "Db"), (6, "F#")])
def test_key_of_a_cadence_is_its_tonic(tonic: int, key: str) -> None:
    chords = [(0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)]
    notes = [Note(i, i + 0.9, 48 + tonic + pitch, 80) for i, chord in enumerate(chords) for pitch in chord]
    assert key_of(notes) == key


def test_key_of_a_minor_cadence_is_minor() -> None:
    chords = [(0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7), (0, 3, 12)]
    notes = [Note(i, i + 0.9, 57 + pitch, 80) for i, chord in enumerate(chords) for pitch in chord]
    assert key_of(notes) == "Am"


def test_two_notes_are_too_few_for_a_key() -> None:
    assert key_of([Note(0, 1, 60, 80), Note(1, 2, 67, 80)]) == ""
