"""The sections: where a song turns into something else, and which of its parts are the same one.

Bars are described by harmony and colour. Where the bars before differ most from the bars after, a section ends
(J. Foote, "Automatic audio segmentation using a measure of audio novelty", ICME 2000); sections that sound alike get
the same letter.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import LONG_FRAMES_PER_SECOND, Frames
from services.processing.analysis.marks import levelled_notes, mean_between
from services.processing.analysis.pulse import pitch_classes

Float64 = NDArray[np.float64]

_KERNEL_BARS: Final = 4
_SHORTEST_BARS: Final = 4
# Above the mean of the novelty by so many standard deviations.
_CLEAR: Final = 0.5
_ALIKE: Final = 0.75
_HARMONY_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch from `start` to `end` (seconds), "A", "B", …; `energy` 0–1 against the loudest one."""

    start: float
    end: float
    label: str
    energy: float


def find_sections(frames: Frames, downbeats: Float64) -> list[Section]:
    """The sections between downbeats (or any regular times); the whole song is one where nothing changes."""
    duration = frames.duration_seconds
    inside = downbeats[(downbeats > 0.0) & (downbeats < duration)]
    edges = np.concatenate([[0.0], inside, [duration]])
    edges = edges[np.concatenate([[True], np.diff(edges) > 0.25])]
    if edges[-1] < duration:
        edges[-1] = duration
    if len(edges) < 2:
        return []
    bars = _describe(frames, edges)
    borders = [0, *_borders(bars), len(bars)]
    levels = mean_between(frames.colour.mean(axis=1, keepdims=True), edges, LONG_FRAMES_PER_SECOND)[:, 0]
    means = np.array([bars[a:b].mean(axis=0) for a, b in pairwise(borders)])
    energies = np.array([levels[a:b].mean() for a, b in pairwise(borders)])
    energies /= max(1e-9, float(energies.max()))
    labels = _labels(means)
    return [
        Section(float(edges[a]), float(edges[b]), label, round(float(energy), 3))
        for a, b, label, energy in zip(borders[:-1], borders[1:], labels, energies, strict=True)
    ]


def _describe(frames: Frames, edges: Float64) -> Float64:
    """Each bar as levelled colour and harmony, `[bars, n]`, of length 1 around the song's mean."""
    colour = mean_between(frames.colour, edges, LONG_FRAMES_PER_SECOND)
    harmony = mean_between(pitch_classes(levelled_notes(frames.notes)), edges, LONG_FRAMES_PER_SECOND)
    parts = []
    for part, weight in ((colour, 1.0), (harmony, _HARMONY_WEIGHT)):
        levelled = (part - part.mean(axis=0)) / (part.std() + 1e-9)
        parts.append(weight * levelled / np.sqrt(part.shape[1]))
    bars = np.concatenate(parts, axis=1)
    return np.asarray(bars / (np.linalg.norm(bars, axis=1, keepdims=True) + 1e-9))


def _borders(bars: Float64) -> list[int]:
    """Bars at which a section begins, without the first one."""
    count = len(bars)
    if count < 2 * _SHORTEST_BARS:
        return []
    novelty = np.zeros(count)
    for bar in range(2, count - 1):
        reach = min(_KERNEL_BARS, bar, count - bar)
        before, after = bars[bar - reach : bar], bars[bar : bar + reach]
        inside = float((before @ before.T).mean() + (after @ after.T).mean()) / 2.0
        novelty[bar] = inside - float((before @ after.T).mean())
    level = novelty.mean() + _CLEAR * novelty.std()
    found: list[int] = []
    # Too near to either end, or to a border that is clearer.
    taken = np.zeros(count, np.bool_)
    taken[:_SHORTEST_BARS] = taken[count - _SHORTEST_BARS + 1 :] = True
    for bar in np.argsort(-novelty, kind="stable").tolist():
        if novelty[bar] > level and not taken[bar]:
            found.append(bar)
            taken[max(0, bar - _SHORTEST_BARS + 1) : bar + _SHORTEST_BARS] = True
    return sorted(found)


def _labels(means: Float64) -> list[str]:
    """A letter for each section; those whose mean bars point the same way share one."""
    units = means / (np.linalg.norm(means, axis=1, keepdims=True) + 1e-9)
    firsts: list[int] = []
    labels = []
    for index, unit in enumerate(units):
        scores = [float(unit @ units[first]) for first in firsts]
        best = int(np.argmax(scores)) if scores else -1
        if best < 0 or scores[best] < _ALIKE:
            firsts.append(index)
            best = len(firsts) - 1
        labels.append(chr(ord("A") + best) if best < 26 else f"S{best + 1}")
    return labels
