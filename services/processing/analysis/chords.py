"""The chords: what sounds from beat to beat, as a listener would write it above the staff.

Pitch classes of each beat are compared with those of every chord (with its overtones); the bass speaks for its root. A
Viterbi search keeps a chord until another is clearly better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import LONG_FRAMES_PER_SECOND, Frames
from services.processing.analysis.key import BASS_NOTES, MAJOR_NAMES, MINOR_NAMES
from services.processing.analysis.marks import levelled_notes, mean_between
from services.processing.analysis.pulse import pitch_classes

Float64 = NDArray[np.float64]

# Semitones above the root, and how much better a richer chord has to fit than a plain triad.
QUALITIES: Final[dict[str, tuple[tuple[int, ...], float]]] = {
    "": ((0, 4, 7), 0.0),
    "m": ((0, 3, 7), 0.0),
    "7": ((0, 4, 7, 10), 0.1),
    "maj7": ((0, 4, 7, 11), 0.1),
    "m7": ((0, 3, 7, 10), 0.1),
    "dim": ((0, 3, 6), 0.12),
    "sus4": ((0, 5, 7), 0.12),
}
NO_CHORD: Final = "N"

_OVERTONES: Final = ((7, 0.3), (4, 0.15))
_BASS_WEIGHT: Final = 0.2
_CHANGE_COST: Final = 0.1
# Below this share of a song's usual level nothing is a chord.
_SILENT: Final = 0.03
_HARMONY_FROM: Final = 8


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord from `start` to `end` (seconds): "Am7", "F#dim", or "N" where none sounds."""

    start: float
    end: float
    name: str


def templates() -> tuple[Float64, list[tuple[int, str]]]:
    """Every chord as pitch classes with overtones, `[chords, 12]` of length 1; and its root and quality."""
    rows, names = [], []
    for quality, (tones, _) in QUALITIES.items():
        for root in range(12):
            row = np.zeros(12)
            for tone in tones:
                row[(root + tone) % 12] += 1.0
                for interval, strength in _OVERTONES:
                    row[(root + tone + interval) % 12] += strength
            rows.append(row / np.linalg.norm(row))
            names.append((root, quality))
    return np.array(rows), names


def find_chords(frames: Frames, beats: Float64) -> list[Chord]:
    """The chords of a song over its beats (at least two), neighbours that are alike joined."""
    if len(beats) < 2:
        return []
    notes = levelled_notes(frames.notes)
    classes = mean_between(pitch_classes(notes, _HARMONY_FROM), beats, LONG_FRAMES_PER_SECOND)
    bass = mean_between(pitch_classes(notes, 0, BASS_NOTES), beats, LONG_FRAMES_PER_SECOND)
    levels = mean_between(frames.notes.sum(axis=1, keepdims=True), beats, LONG_FRAMES_PER_SECOND)[:, 0]
    rows, names = templates()
    fit = classes / (np.linalg.norm(classes, axis=1, keepdims=True) + 1e-9) @ rows.T
    fit += _BASS_WEIGHT * (bass / (bass.sum(axis=1, keepdims=True) + 1e-9))[:, [root for root, _ in names]]
    fit -= np.array([QUALITIES[quality][1] for _, quality in names])
    silent = levels < _SILENT * float(np.median(levels)) + 1e-9
    found: list[Chord] = []
    for index, best in enumerate(_smoothest(fit)):
        name = NO_CHORD if silent[index] else _name(*names[best])
        start, end = float(beats[index]), float(beats[index + 1])
        if found and found[-1].name == name:
            found[-1] = Chord(found[-1].start, end, name)
        else:
            found.append(Chord(start, end, name))
    return found


def _smoothest(fit: Float64) -> list[int]:
    """The path through `fit` `[beats, chords]` with the highest sum, changes being charged (Viterbi)."""
    total = fit[0].copy()
    before = np.zeros(fit.shape, dtype=np.int64)
    same = np.arange(fit.shape[1])
    for index in range(1, len(fit)):
        best = int(np.argmax(total))
        change = total[best] - _CHANGE_COST
        before[index] = np.where(total >= change, same, best)
        total = np.maximum(total, change) + fit[index]
    place = int(np.argmax(total))
    path = [place]
    for index in range(len(fit) - 1, 0, -1):
        place = int(before[index, place])
        path.append(place)
    return path[::-1]


def _name(root: int, quality: str) -> str:
    names = MINOR_NAMES if quality.startswith(("m", "dim")) and quality != "maj7" else MAJOR_NAMES
    return f"{names[root]}{quality}"
