"""Tempo, beats and bars of signals whose own are known, and how they come onto the grid of a file of notes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processing.analysis.frames import Frames, Listener
from services.processing.analysis.meter import COMMON, Meter
from services.processing.transcription.midi_file import TICKS_PER_QUARTER, Heading, Part, write_midi
from services.processing.transcription.note import Note
from services.processing.transcription.pulse import Pulse, on_grid, pulse_of
from services.processing.transcription.quantize import BeatMap

RATE = 22_050


def band(bpm: float, beats_per_bar: int, first: float = 0.4, bars: int = 10) -> np.ndarray:
    """A chord on every beat, another one in every bar, with its bass on the one."""
    beat = 60.0 / bpm
    sound = np.zeros(int((first + bars * beats_per_bar * beat + 0.5) * RATE))
    t = np.arange(int(beat * RATE * 0.9)) / RATE
    for number in range(bars * beats_per_bar):
        bar, place = divmod(number, beats_per_bar)
        root = (60, 67, 69, 65)[bar % 4]
        tones = [root, root + 4, root + 7] + ([] if place else [root - 24])
        wave = sum(np.sin(2 * np.pi * 440.0 * 2 ** ((tone - 69) / 12) * t) for tone in tones)
        start = int((first + number * beat) * RATE)
        sound[start : start + len(t)] += 0.2 * wave * np.exp(-t / 0.25)
    return sound.astype(np.float32)


def jig(bpm: float, first: float = 0.4, bars: int = 12) -> np.ndarray:
    """6/8: broken chords in eighths, the bass on the dotted beats, another chord in every bar."""
    eighth = 20.0 / bpm
    sound = np.zeros(int((first + bars * 6 * eighth + 0.5) * RATE))
    t = np.arange(int(eighth * RATE * 2)) / RATE
    for number in range(bars * 6):
        bar, place = divmod(number, 6)
        root = (60, 67, 69, 65)[bar % 4]
        tones = [(root, root + 4, root + 7)[place % 3], *({0: [root - 24, root + 12], 3: [root - 12]}.get(place, []))]
        wave = sum(np.sin(2 * np.pi * 440.0 * 2 ** ((tone - 69) / 12) * t) for tone in tones)
        start = int((first + number * eighth) * RATE)
        sound[start : start + len(t)] += 0.2 * wave * np.exp(-t / 0.15)
    return sound.astype(np.float32)


def listened(sound: np.ndarray) -> Frames:
    listener = Listener(RATE)
    listener.add(sound[:, None])
    return listener.finish()


@pytest.mark.parametrize("beats_per_bar", [3, 4])
def test_metre_and_first_bar_are_those_that_sound(beats_per_bar: int) -> None:
    found = pulse_of(listened(band(110.0, beats_per_bar)))
    assert found.bpm == pytest.approx(110.0, rel=0.02)
    assert found.meter == Meter(beats_per_bar)
    bar = beats_per_bar * 60.0 / 110.0
    off = (found.beats.seconds[found.first] - 0.4 + bar / 2) % bar - bar / 2
    assert abs(off) < 0.06


@pytest.mark.parametrize("known", [0.0, 80.0, 120.0])
def test_beats_of_six_eight_are_dotted_quarters_whatever_a_known_tempo_counts(known: float) -> None:
    found = pulse_of(listened(jig(80.0)), known)
    assert found.meter == Meter(2, compound=True)
    assert found.bpm == pytest.approx(80.0, rel=0.02)
    off = (found.beats.seconds_at(found.first) - 0.4 + 0.75) % 1.5 - 0.75
    assert abs(off) < 0.06


def test_tempo_that_is_known_is_exact_and_its_bars_are_heard() -> None:
    found = pulse_of(listened(band(110.0, 4)), 110.0)
    assert found.bpm == 110.0
    gaps = {round(second - first, 9) for first, second in pairwise(found.beats.seconds)}
    assert gaps == {round(60.0 / 110.0, 9)}
    off = (found.beats.seconds_at(found.first) - 0.4 + 120.0 / 110.0) % (240.0 / 110.0) - 120.0 / 110.0
    assert abs(off) < 0.06


@pytest.mark.parametrize(("known", "bpm"), [(0.0, 120.0), (93.0, 93.0)])
def test_silence_has_the_usual_tempo_or_the_one_that_is_known(known: float, bpm: float) -> None:
    found = pulse_of(listened(np.zeros(6 * RATE, np.float32)), known)
    assert (found.bpm, found.meter, found.first) == (bpm, COMMON, 0)
    assert found.beats.seconds == (0.0, 60.0 / bpm)


@given(st.floats(0, 3), st.floats(0.25, 1.5), st.integers(2, 12), st.sampled_from([3, 4]), st.integers(0, 3))
def test_grid_begins_with_the_audio_and_keeps_every_beat_and_bar(
    first: float, interval: float, count: int, beats_per_bar: int, downbeat: int
) -> None:
    found = tuple(first + index * interval for index in range(count))
    pulse = Pulse(BeatMap(found), 60.0 / interval, Meter(beats_per_bar), downbeat % beats_per_bar)
    beats, pickup = on_grid(pulse)
    assert beats.seconds[0] == 0.0
    # All but a first beat so early that it is the beginning itself.
    assert set(beats.seconds) >= set(found[1:])
    assert first < 0.25 * interval or first in beats.seconds
    assert beats.seconds_at(100) - beats.seconds_at(99) == pytest.approx(interval)
    assert 0 <= pickup < beats_per_bar
    place = beats.seconds.index(found[1]) - 1 + pulse.first
    assert (place - pickup) % beats_per_bar == 0


def test_file_of_notes_in_six_eight_counts_eighths_and_its_tempo_quarters(tmp_path: Path) -> None:
    heading = Heading(BeatMap.steady(80.0), meter=Meter(2, compound=True), pickup_beats=1)
    # Three eighths after the beginning: a dotted quarter at 80 a minute is three quarters of a second.
    write_midi(tmp_path / "a.mid", [Part("a", [Note(0.75, 1.0, 60, 80)])], heading)
    head, part = mido.MidiFile(tmp_path / "a.mid").tracks
    bars = [message for message in head if message.type == "time_signature"]
    assert [(bar.numerator, bar.denominator, bar.clocks_per_click) for bar in bars] == [(3, 8, 36), (6, 8, 36)]
    assert bars[1].time == 1.5 * TICKS_PER_QUARTER
    [tempo] = [message.tempo for message in head if message.type == "set_tempo"]
    assert mido.tempo2bpm(tempo) == pytest.approx(120.0)
    [started] = [message for message in part if message.type == "note_on"]
    assert started.time == 1.5 * TICKS_PER_QUARTER


def test_upbeat_is_a_short_bar_and_the_notes_keep_their_time(tmp_path: Path) -> None:
    beats, pickup = on_grid(Pulse(BeatMap([0.5, 1.0, 1.5, 2.0, 2.5]), 120.0, Meter(3), first=1))
    assert (beats.seconds[:2], pickup) == ((0.0, 0.5), 2)
    write_midi(tmp_path / "a.mid", [Part("a", [Note(1.0, 1.4, 60, 80)])], Heading(beats, "", "", Meter(3), pickup))
    head, part = mido.MidiFile(tmp_path / "a.mid").tracks
    now, bars = 0, []
    for message in head:
        now += message.time
        if message.type == "time_signature":
            bars.append((now, message.numerator))
    assert bars == [(0, 2), (2 * TICKS_PER_QUARTER, 3)]
    [started] = [message for message in part if message.type == "note_on"]
    assert started.time == 2 * TICKS_PER_QUARTER
