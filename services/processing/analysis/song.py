"""A song as a musician describes it: tempo, beats, bars, key, chords, sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.bars import Bars, find_bars
from services.processing.analysis.chords import Chord, find_chords
from services.processing.analysis.frames import Frames
from services.processing.analysis.key import Key, estimate_key
from services.processing.analysis.meter_finding import FoundMeter, find_meter
from services.processing.analysis.sections import Section, find_sections
from services.processing.analysis.tempo import Level, metrical_levels

Float64 = NDArray[np.float64]

# Where no beat is found, harmony is looked at in steps of a second, and form in steps of two.
_STEP_SECONDS = 1.0
# Beats that stray less than that from an even row belong to one steady tempo.
_STEADY_SECONDS = 0.03


# So many other levels are named.
_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Tempo:
    """Beats a minute, as the beats were tracked (dotted quarters where the meter is compound); whether they are steady.

    `confidence` (0–1) is that of this metrical level; then come other ones, the likelier first.
    """

    bpm: float
    steady: bool
    confidence: float
    alternatives_bpm: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Song:
    """What was heard. None and empty lists stand for what is not there: a drone has no tempo, drums have no key."""

    tempo: Tempo | None
    bars: Bars | None
    key: Key | None
    chords: list[Chord]
    sections: list[Section]
    tuning_cents: float


def describe(frames: Frames, check: Callable[[], None] = lambda: None) -> Song:
    """Describe a song that was listened to; `check` runs before each question and may raise."""
    levels = metrical_levels(frames)
    check()
    meter = find_meter(frames, levels)
    check()
    bars = None if meter is None else find_bars(frames, meter)
    check()
    seconds = frames.duration_seconds
    grid = bars.beats if bars is not None else np.arange(0.0, seconds, _STEP_SECONDS)
    downbeats = bars.downbeats if bars is not None else np.arange(0.0, seconds, 2.0 * _STEP_SECONDS)
    key = estimate_key(frames)
    check()
    chords = find_chords(frames, _covering(grid, seconds)) if frames.notes.any() else []
    check()
    return Song(
        tempo=_tempo(levels, meter),
        bars=bars,
        key=key,
        chords=chords,
        sections=find_sections(frames, downbeats),
        tuning_cents=frames.tuning_cents,
    )


def _tempo(levels: Sequence[Level], meter: FoundMeter | None) -> Tempo | None:
    """The tempo of the beats that were found, or of the likeliest level where there were too few for bars."""
    if not levels:
        return None
    chosen = levels[0].bpm if meter is None else meter.bpm
    others = tuple(level.bpm for level in levels if level.bpm != chosen)[:_ALTERNATIVES]
    if meter is None:
        return Tempo(chosen, False, float(np.exp(levels[0].likelihood)), others)
    return Tempo(*measured_bpm(meter.beats, chosen), meter.bpm_confidence, others)


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
    if song.tempo is None:
        return None
    return {
        "bpm": round(song.tempo.bpm, 2),
        "steady": song.tempo.steady,
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
        "beats_per_bar": song.bars.meter.beats,
        "time_signature": song.bars.meter.name,
        "time_signature_confidence": round(song.bars.meter_confidence, 3),
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
