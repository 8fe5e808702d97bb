"""A song as a musician describes it: tempo, beats, bars, key, chords, sections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.bars import Bars, find_bars
from services.processing.analysis.beats import track_beats
from services.processing.analysis.chords import Chord, find_chords
from services.processing.analysis.frames import Frames
from services.processing.analysis.key import Key, estimate_key
from services.processing.analysis.sections import Section, find_sections
from services.processing.analysis.tempo import Tempo, estimate_tempo

Float64 = NDArray[np.float64]

# Where no beat is found, harmony is looked at in steps of a second, and form in steps of two.
_STEP_SECONDS = 1.0
# Beats that stray less than that from an even row belong to one steady tempo.
_STEADY_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class Song:
    """What was heard. None and empty lists stand for what is not there: a drone has no tempo, drums have no key.

    `bpm` is the tempo measured on the tracked beats.
    """

    tempo: Tempo | None
    bpm: float | None
    steady: bool
    bars: Bars | None
    key: Key | None
    chords: list[Chord]
    sections: list[Section]
    tuning_cents: float


def describe(frames: Frames, check: Callable[[], None] = lambda: None) -> Song:
    """Describe a song that was listened to; `check` runs before each question and may raise."""
    tempo = estimate_tempo(frames)
    check()
    beats = np.zeros(0) if tempo is None else track_beats(frames.onsets, tempo.bpm)
    check()
    bars = find_bars(frames, beats)
    check()
    bpm, steady = (None, False) if tempo is None else measured_bpm(beats, tempo.bpm)
    seconds = frames.duration_seconds
    grid = bars.beats if bars is not None else np.arange(0.0, seconds, _STEP_SECONDS)
    downbeats = bars.downbeats if bars is not None else np.arange(0.0, seconds, 2.0 * _STEP_SECONDS)
    key = estimate_key(frames)
    check()
    chords = find_chords(frames, _covering(grid, seconds)) if frames.notes.any() else []
    check()
    return Song(
        tempo=tempo,
        bpm=bpm,
        steady=steady,
        bars=bars,
        key=key,
        chords=chords,
        sections=find_sections(frames, downbeats),
        tuning_cents=frames.tuning_cents,
    )


def measured_bpm(beats: Float64, bpm: float) -> tuple[float, bool]:
    """The tempo of beats that were tracked near `bpm`, and whether it is steady."""
    if len(beats) < 4:
        return bpm, False
    numbers = np.arange(len(beats))
    slope, start = np.polyfit(numbers, beats, 1)
    strays = np.abs(beats - (start + slope * numbers))
    if float(np.median(strays)) <= _STEADY_SECONDS:
        # Once more without the few that stray: a pause, a last chord that comes late.
        near = strays <= 2.0 * _STEADY_SECONDS
        slope, start = np.polyfit(numbers[near], beats[near], 1)
        return float(60.0 / slope), True
    return float(60.0 / np.median(np.diff(beats))), False


def _covering(grid: Float64, seconds: float) -> Float64:
    """A grid of times with both ends of the song, if these are further than a moment from its own."""
    inside = grid[(grid > 0.2) & (grid < seconds - 0.2)]
    return np.concatenate([[0.0], inside, [seconds]])


def tempo_dict(song: Song) -> dict[str, Any] | None:
    """The public form of the tempo."""
    if song.tempo is None or song.bpm is None:
        return None
    return {
        "bpm": round(song.bpm, 2),
        "steady": song.steady,
        "confidence": round(song.tempo.confidence, 3),
        "alternatives_bpm": [round(bpm, 2) for bpm in song.tempo.alternatives_bpm],
    }


def beats_dict(song: Song) -> dict[str, Any] | None:
    """The public form of the beat grid: times in seconds, to the millisecond."""
    if song.bars is None:
        return None
    return {
        "times": [round(float(time), 3) for time in song.bars.beats],
        "downbeats": [round(float(time), 3) for time in song.bars.downbeats],
        "beats_per_bar": song.bars.beats_per_bar,
        "confidence": round(song.bars.confidence, 3),
    }


def key_dict(song: Song) -> dict[str, Any] | None:
    """The public form of the key."""
    if song.key is None:
        return None
    return {
        "name": song.key.name,
        "confidence": round(song.key.confidence, 3),
        "alternative": song.key.alternative,
        "tuning_cents": song.tuning_cents,
    }


def chords_list(song: Song) -> list[dict[str, Any]]:
    """The public form of the chords."""
    return [{"start": round(chord.start, 3), "end": round(chord.end, 3), "chord": chord.name} for chord in song.chords]


def sections_list(song: Song) -> list[dict[str, Any]]:
    """The public form of the sections."""
    return [
        {
            "start": round(section.start, 3),
            "end": round(section.end, 3),
            "label": section.label,
            "energy": section.energy,
        }
        for section in song.sections
    ]
