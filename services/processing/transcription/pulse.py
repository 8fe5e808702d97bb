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
from services.processing.analysis.meter import COMMON, Meter
from services.processing.analysis.meter_finding import find_meter
from services.processing.analysis.song import measured_bpm
from services.processing.analysis.tempo import Level, metrical_levels
from services.processing.media.reading import blocks, inspect
from services.processing.transcription.quantize import BeatMap

USUAL_BPM: Final = 120.0
# Less than that of a beat before the first one is no beat of its own, but belongs to it.
_SHORTEST_LEAD: Final = 0.25
# Of a tempo that somebody set, a first beat as near as that to the beginning is the beginning.
_EXACT_SECONDS: Final = 0.03


@dataclass(frozen=True, slots=True)
class Pulse:
    """Beats in the song's own time, `bpm` of them a minute, their meter, and the `first` beat that begins a bar."""

    beats: BeatMap
    bpm: float
    meter: Meter = COMMON
    first: int = 0


def heard(path: Path, check: Callable[[], None]) -> Frames:
    """The song as the analysis hears it. Raises UNSUPPORTED_MEDIA for what is no sound master."""
    listener = Listener(inspect(path).sample_rate_hz)
    for block in blocks(path, check):
        listener.add(block)
    return listener.finish()


def pulse_of(frames: Frames, known_bpm: float = 0.0) -> Pulse:
    """Tempo, beats and bars. A known tempo is exact, only where its beats lie is heard; 120 where nothing is heard.

    It may count quarters even where beats are dotted ones, as titles and MIDI files do.
    """
    levels = _known(known_bpm) if known_bpm else metrical_levels(frames)
    meter = find_meter(frames, levels)
    if meter is None:
        return _pulse_without_bars(frames, levels[0].bpm if levels else 0.0, known=bool(known_bpm))
    bars = find_bars(frames, meter)
    first = bars.first if bars.confidence > 0.0 else 0
    if not known_bpm:
        return Pulse(BeatMap(bars.beats.tolist()), measured_bpm(meter.beats, meter.bpm)[0], meter.meter, first)
    period = 60.0 / meter.bpm
    start = _phase(bars.beats, period)
    number = round((float(bars.beats[first]) - start) / period)
    place = number % meter.meter.beats if bars.confidence > 0.0 else 0
    return Pulse(BeatMap.steady(meter.bpm, start), meter.bpm, meter.meter, place)


def _known(bpm: float) -> list[Level]:
    """A tempo that is known counts beats, or quarters where beats are dotted ones."""
    return [Level(bpm, 0.0), Level(bpm / 1.5, 0.0, compound=True)]


def _pulse_without_bars(frames: Frames, bpm: float, *, known: bool) -> Pulse:
    """Too few beats to know their bars."""
    tracked = track_beats(frames.onsets, bpm) if bpm else np.zeros(0)
    if len(tracked) < 2:
        return Pulse(BeatMap.steady(bpm or USUAL_BPM), bpm or USUAL_BPM)
    if known:
        return Pulse(BeatMap.steady(bpm, _phase(tracked, 60.0 / bpm)), bpm)
    return Pulse(BeatMap(tracked.tolist()), measured_bpm(tracked, bpm)[0])


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
    return BeatMap(beats), (added + pulse.first) % pulse.meter.beats
