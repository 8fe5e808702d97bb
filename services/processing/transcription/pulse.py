"""Tempo, beats and bars of what is written down: as the analysis hears them, laid out for the grid of a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.bars import find_bars
from services.processing.analysis.beats import track_beats
from services.processing.analysis.frames import Frames, Listener
from services.processing.analysis.song import measured_bpm
from services.processing.analysis.tempo import estimate_tempo
from services.processing.media.reading import blocks, inspect
from services.processing.transcription.quantize import BeatMap

USUAL_BPM: Final = 120.0
_USUAL_BEATS_PER_BAR: Final = 4
# Less than that of a beat before the first one is no beat of its own, but belongs to it.
_SHORTEST_LEAD: Final = 0.25
# Of a tempo that somebody set, a first beat as near as that to the beginning is the beginning.
_EXACT_SECONDS: Final = 0.03


@dataclass(frozen=True, slots=True)
class Pulse:
    """Beats in the song's own time, how many make a bar, and the index of the `first` beat that begins one."""

    beats: BeatMap
    bpm: float
    beats_per_bar: int = _USUAL_BEATS_PER_BAR
    first: int = 0


def heard(path: Path, check: Callable[[], None]) -> Frames:
    """The song as the analysis hears it. Raises UNSUPPORTED_MEDIA for what is no sound master."""
    listener = Listener(inspect(path).sample_rate_hz)
    for block in blocks(path, check):
        listener.add(block)
    return listener.finish()


def pulse_of(frames: Frames, known_bpm: float = 0.0) -> Pulse:
    """Tempo, beats and bars. A known tempo is exact, only where its beats lie is heard; 120 where nothing is heard."""
    tempo = None if known_bpm else estimate_tempo(frames)
    bpm = known_bpm or (tempo.bpm if tempo else 0.0)
    tracked = track_beats(frames.onsets, bpm) if bpm else np.zeros(0)
    if len(tracked) < 2:
        return Pulse(BeatMap.steady(bpm or USUAL_BPM), bpm or USUAL_BPM)
    bars = find_bars(frames, tracked)
    sure = bars is not None and bars.confidence > 0.0
    beats = tracked if bars is None else bars.beats
    per_bar, first = (bars.beats_per_bar, bars.first) if bars is not None and sure else (_USUAL_BEATS_PER_BAR, 0)
    if not known_bpm:
        return Pulse(BeatMap(beats.tolist()), measured_bpm(tracked, bpm)[0], per_bar, first)
    period = 60.0 / known_bpm
    start = _phase(beats, period)
    number = round((float(beats[first]) - start) / period)
    return Pulse(BeatMap.steady(known_bpm, start), known_bpm, per_bar, number % per_bar if sure else 0)


def _phase(beats: NDArray[np.float64], period: float) -> float:
    """Where a steady beat of `period` lies so that it agrees best with `beats` (their circular mean)."""
    angles = 2.0 * np.pi * beats / period
    start = float(np.angle(np.mean(np.exp(1j * angles))) % (2.0 * np.pi) / (2.0 * np.pi) * period)
    return 0.0 if min(start, period - start) <= _EXACT_SECONDS else start


def on_grid(pulse: Pulse) -> tuple[BeatMap, int]:
    """The beats from the very beginning of the audio on, and how many of them come before the first whole bar.

    A file of notes counts beats from its beginning. So the time before the first beat is made whole beats, near the
    tempo if that goes; every beat then lies on a line of the grid, and every bar begins on a bar line.
    """
    found = pulse.beats.seconds
    interval = found[1] - found[0]
    added = 0 if found[0] < _SHORTEST_LEAD * interval else max(1, round(found[0] / interval))
    lead = [found[0] * index / added for index in range(added)] if added else [0.0]
    beats = [*lead, *(found if added else found[1:])]
    if len(beats) < 3:
        beats.append(beats[-1] + interval)
    return BeatMap(beats), (added + pulse.first) % pulse.beats_per_bar
