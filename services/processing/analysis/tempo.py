"""The tempo: which of the pulses that a song has may be the one that feet tap.

Every song repeats at many lags: the beat, its halves and doubles, the bar. The strongest one gives candidates that are
related by simple ratios; which of them is the tempo is told by how onsets of each register and changes of harmony
repeat at its multiples, weighed as learned from songs whose tempo is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import FRAMES_PER_SECOND, Frames
from services.processing.analysis.pulse import above_surroundings, autocorrelation, chord_changes, local_rise
from services.processing.analysis.weights import load

Float64 = NDArray[np.float64]

SLOWEST_BPM: Final = 40.0
FASTEST_BPM: Final = 230.0
SHORTEST_SECONDS: Final = 4.0

_RATIOS: Final = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4)
_GRID_BPM: Final = np.exp(np.linspace(np.log(45.0), np.log(220.0), 1_600))
# Where people tap by themselves: D. Moelants, "Preferred tempo reconsidered" (ICMPC 7, 2002).
_PREFERRED_BPM: Final = 115.0
_PREFERRED_OCTAVES: Final = 0.8
# Lags in beats at which each curve is compared with itself.
_MULTIPLES: Final = (
    (1 / 3, 1 / 2, 2 / 3, 1.0, 1.5, 2.0, 3.0, 4.0),  # all registers
    (1 / 2, 1.0, 2.0, 4.0),  # kick and bass
    (1 / 2, 1.0, 2.0),  # middle: chords, snare
    (1 / 4, 1 / 2, 1.0, 2.0),  # hats
    (1.0, 2.0, 4.0, 8.0),  # harmony
)
FEATURES: Final = sum(len(multiples) for multiples in _MULTIPLES) + 2


@dataclass(frozen=True, slots=True)
class Level:
    """A metrical level that may be the beat, and the logarithm of how likely it is, by its own repeats.

    `compound` is set for one that is the beat only if beats are dotted quarters.
    """

    bpm: float
    likelihood: float
    compound: bool = False


def curves(frames: Frames) -> tuple[Float64, ...]:
    """How five curves repeat: all registers, kick and bass, middle, hats, and changes of harmony."""
    onsets = frames.onsets
    parts = (
        local_rise(onsets),
        above_surroundings(onsets[:, 0] + onsets[:, 1]),
        above_surroundings(onsets[:, 2] + onsets[:, 3]),
        above_surroundings(onsets[:, 4] + onsets[:, 5]),
        chord_changes(frames.notes, len(onsets)),
    )
    return tuple(autocorrelation(part) for part in parts)


def candidates(repeats: Float64) -> list[float]:
    """Tempi that the curve of all registers may have."""
    periods = 60.0 * FRAMES_PER_SECOND / _GRID_BPM
    lags = np.arange(len(repeats))

    def at(multiple: float, of: Float64) -> Float64:
        return np.asarray(np.interp(multiple * of, lags, repeats, right=0.0))

    prior = np.exp(-0.5 * (np.log2(_GRID_BPM / _PREFERRED_BPM) / _PREFERRED_OCTAVES) ** 2)
    comb = at(1, periods) + 0.5 * at(2, periods) + 0.25 * at(3, periods) + 0.5 * at(4, periods)
    strongest = float(_GRID_BPM[np.argmax(comb * prior)])
    found = []
    for ratio in _RATIOS:
        bpm = strongest * ratio
        if SLOWEST_BPM <= bpm <= FASTEST_BPM:
            near = bpm * np.linspace(0.985, 1.015, 61)
            spans = 60.0 * FRAMES_PER_SECOND / near
            found.append(float(near[np.argmax(at(1, spans) + at(2, spans) + at(4, spans) + at(8, spans))]))
    return found


def features(bpm: float, repeats: tuple[Float64, ...]) -> Float64:
    """What speaks for a tempo, `[FEATURES]`: how alike each curve is to itself some beats later; and the tempo."""
    period = 60.0 * FRAMES_PER_SECOND / bpm
    values = []
    for curve, multiples in zip(repeats, _MULTIPLES, strict=True):
        for multiple in multiples:
            lag = period * multiple
            reach = max(1.0, 0.02 * lag)
            near = curve[max(1, int(lag - reach)) : int(lag + reach) + 2]
            values.append(float(near.max(initial=-1.0)) if len(near) else 0.0)
    octaves = float(np.log2(bpm / 110.0))
    return np.array([*values, octaves, octaves * octaves])


def metrical_levels(frames: Frames) -> list[Level]:
    """The levels that a song moves at, the likelier first; none where nothing repeats, or in less than 4 s."""
    if frames.duration_seconds < SHORTEST_SECONDS:
        return []
    repeats = curves(frames)
    if not repeats[0].any():
        return []
    weights = load()
    found = candidates(repeats[0])
    levelled = (np.array([features(bpm, repeats) for bpm in found]) - weights.tempo_mean) / weights.tempo_deviation
    scores = levelled @ weights.tempo
    likelihood = scores - np.logaddexp.reduce(scores)
    return [Level(found[index], float(likelihood[index])) for index in np.argsort(-scores, kind="stable")]
