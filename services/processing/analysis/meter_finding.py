"""Finds the meter: whether beats divide into halves or into thirds, and how many make a bar.

Both are told together with the beat itself: where thirds carry the song, what was taken for the beat may be two of
them, or one. Each possible reading is described by what sounds at the twelfths of its beats, by how beats stand out
and by how they repeat, weighed as learned from songs whose meter is known. A shuffle, whose middle third is silent, is
4/4; a song that plays all three is 12/8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.beats import track_beats
from services.processing.analysis.frames import FRAMES_PER_SECOND, Frames
from services.processing.analysis.marks import FEWEST_BEATS, marks, standing_out
from services.processing.analysis.meter import METERS, Meter
from services.processing.analysis.tempo import Level
from services.processing.analysis.weights import load

Float64 = NDArray[np.float64]

_TWELFTHS: Final = 12
# Where a beat is looked at: the beat, its quarters, its thirds, its half.
_PLACES: Final = (0, 3, 4, 6, 8, 9)
_THIRDS: Final = [2, 4]
_HALF: Final = 3
# What begins with at least that much of the strongest place is heard.
_SOUNDS: Final = 0.4
# All registers; kick and bass; chords and snare; hats.
_VOICES: Final = ((0, 6), (0, 2), (2, 4), (4, 6))
_REACH_FRAMES: Final = 2
_GROUPS: Final = (2, 3, 4, 6, 8)
_USUAL_BPM: Final = 100.0
# So many metrical levels are looked at.
_LEVELS: Final = 4
_FASTEST_COMPOUND_BPM: Final = 200.0
_SLOWEST_BPM: Final = 35.0


# What is told of how beats divide weighs differently for halves and thirds; of how they group, for each size of bars.
_DIVISION: Final = len(_PLACES) * len(_VOICES) + 2 * len(_VOICES) + len(_PLACES) + 2
_GROUPING: Final = 2 * len(_GROUPS)
_SIZES: Final = (2, 3, 4)
_OF_BARS: Final = 3 * len(_VOICES) + 2
FEATURES: Final = 2 * _DIVISION + len(_SIZES) * _GROUPING + len(METERS) + _OF_BARS + 1


@dataclass(frozen=True, slots=True)
class Reading:
    """A song's beats at `bpm`, taken as those of a meter, and what speaks for that, `[FEATURES]`."""

    meter: Meter
    bpm: float
    beats: Float64
    features: Float64


@dataclass(frozen=True, slots=True)
class FoundMeter:
    """The likeliest reading; `confidence` (0–1) is that of its meter, `bpm_confidence` that of its tempo."""

    meter: Meter
    bpm: float
    beats: Float64
    confidence: float
    bpm_confidence: float


def readings(frames: Frames, levels: Sequence[Level]) -> list[Reading]:
    """Every way to hear the likeliest levels as beats; none where there are too few beats for bars."""
    found = []
    for level in _with_dotted(levels[:_LEVELS]):
        beats = track_beats(frames.onsets, level.bpm)
        if len(beats) < FEWEST_BEATS:
            continue
        heard = _hear(frames, beats)
        for meter in METERS:
            if level.bpm <= _FASTEST_COMPOUND_BPM if meter.compound else not level.compound:
                found.append(Reading(meter, level.bpm, beats, _features(heard, meter, level)))
    return found


def _with_dotted(levels: Sequence[Level]) -> list[Level]:
    """Beside the levels, the dotted quarters of which the likeliest are the quarters or the eighths."""
    made = list(levels)
    for level in levels[:2]:
        for share in (1.5, 3.0):
            bpm = level.bpm / share
            if not level.compound and bpm >= _SLOWEST_BPM and all(abs(bpm / each.bpm - 1.0) > 0.03 for each in made):
                made.append(Level(bpm, level.likelihood - 2.0, compound=True))
    return made


def find_meter(frames: Frames, levels: Sequence[Level]) -> FoundMeter | None:
    """The meter of a song that moves at such levels, and its beats; None for too few of them."""
    found = readings(frames, levels)
    if not found:
        return None
    weights = load()
    scores = (np.array([reading.features for reading in found]) / weights.meter_deviation) @ weights.meter
    likelihood = np.exp(scores - np.logaddexp.reduce(scores))
    best = _at_its_octave(found[int(np.argmax(likelihood))], found, levels)

    def share(part: Iterable[bool]) -> float:
        return float(likelihood[np.array(list(part))].sum())

    return FoundMeter(
        best.meter, best.bpm, best.beats,
        confidence=share(reading.meter == best.meter for reading in found),
        bpm_confidence=share(reading.bpm == best.bpm for reading in found),
    )  # fmt: skip


def _at_its_octave(best: Reading, found: Sequence[Reading], levels: Sequence[Level]) -> Reading:
    """The same meter at twice or half the tempo where that is the likelier level: bars of four say nothing of it."""
    if best.meter.compound:
        return best
    likelihood = {level.bpm: level.likelihood for level in levels}
    same = [each for each in found if each.meter == best.meter and _octaves_apart(each.bpm, best.bpm)]
    return max(same, key=lambda each: likelihood[each.bpm])


def _octaves_apart(bpm: float, other: float) -> bool:
    octaves = float(np.log2(bpm / other))
    return abs(octaves - round(octaves)) < 0.04


@dataclass(frozen=True, slots=True)
class _Beats:
    """What sounds at beats, `[beats − 1, 12, voices]`; for each group of them, which is the first, how far firsts stand
    out, and how alike beats are that lie so many apart."""

    sounding: Float64
    firsts: dict[int, int]
    stands: dict[int, float]
    repeats: dict[int, float]


def _hear(frames: Frames, beats: Float64) -> _Beats:
    sounding = _at_twelfths(frames, beats)
    marked = marks(frames, beats)
    flat = sounding[:, :, 1:].reshape(len(sounding), -1)
    flat = flat - flat.mean(axis=0)
    power = float((flat * flat).sum(axis=1).mean()) + 1e-9
    firsts, stands, repeats = {}, {}, {}
    for group in _GROUPS:
        scores = [standing_out(marked, group, first) for first in range(group)]
        firsts[group] = int(np.argmax(scores))
        stands[group] = max(scores)
        again = (flat[:-group] * flat[group:]).sum(axis=1)
        repeats[group] = float(again.mean()) / power if len(again) else 0.0
    return _Beats(sounding, firsts, stands, repeats)


def _levels(sounding: Float64, mean: Float64) -> Float64:
    return np.asarray(np.log((sounding + 0.05) / (mean + 0.05)))


def _features(heard: _Beats, meter: Meter, level: Level) -> Float64:
    """What speaks for a meter, `[FEATURES]`; see `_DIVISION` and what follows it for the order."""
    profile = heard.sounding.mean(axis=0)
    octaves = float(np.log2(level.bpm / _USUAL_BPM))
    division = np.zeros((2, _DIVISION))
    levels = _levels(profile[list(_PLACES)], profile.mean(axis=0))
    thirds = np.stack([levels[_THIRDS].min(axis=0) - levels[_HALF], levels[_THIRDS].max(axis=0) - levels[_HALF]])
    # In how many of the beats something begins there, which a tune that does so now and then tells better than levels.
    often = (heard.sounding[:, list(_PLACES), 0] > _SOUNDS * profile[:, 0].max()).mean(axis=0)
    division[int(meter.compound)] = [*levels.ravel(), *thirds.ravel(), *often, octaves, octaves * octaves]
    grouping = np.zeros((len(_SIZES), _GROUPING))
    grouping[_SIZES.index(meter.beats)] = [*heard.stands.values(), *heard.repeats.values()]
    which = [float(meter == each) for each in METERS]
    return np.array([*division.ravel(), *grouping.ravel(), *which, *_of_bars(heard, meter), level.likelihood])


def _of_bars(heard: _Beats, meter: Meter) -> Float64:
    """What is told of bars, `[_OF_BARS]`: the first beat, the weakest one, the strongest place between beats."""
    first = heard.firsts[meter.beats]
    count = (len(heard.sounding) - first) // meter.beats
    if count < 1:
        return np.zeros(_OF_BARS)
    bars = heard.sounding[first : first + count * meter.beats].reshape(count, meter.beats, _TWELFTHS, -1).mean(axis=0)
    mean = heard.sounding.mean(axis=(0, 1))
    between = bars[:, list((4, 8) if meter.compound else (6,))].max(axis=(0, 1))
    levels = _levels(np.stack([bars[0, 0], bars[:, 0].min(axis=0), between]), mean)
    return np.array([*levels.ravel(), heard.stands[meter.beats], heard.repeats[meter.beats]])


def _at_twelfths(frames: Frames, beats: Float64) -> Float64:
    """How strongly something begins at each twelfth of each beat, `[beats − 1, 12, voices]`, each voice levelled."""
    levelled = frames.onsets / (frames.onsets.mean(axis=0) + 1e-6)
    voices = np.stack([levelled[:, low:high].mean(axis=1) for low, high in _VOICES], axis=1)
    steps = np.arange(_TWELFTHS) / _TWELFTHS
    times = beats[:-1, None] + np.diff(beats)[:, None] * steps
    places = np.round(times * FRAMES_PER_SECOND).astype(np.int64)
    around = places[:, :, None] + np.arange(-_REACH_FRAMES, _REACH_FRAMES + 1)
    return np.asarray(voices[np.clip(around, 0, len(voices) - 1)].max(axis=2), dtype=np.float64)
