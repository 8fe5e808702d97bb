"""The key: which of the 24 major and minor keys the notes of a song belong to, and what it begins and ends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import Float32, Frames
from services.processing.analysis.pulse import pitch_classes
from services.processing.analysis.weights import load

Float64 = NDArray[np.float64]

MAJOR_NAMES: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_NAMES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")

# Notes from E1 to D#3 are the bass, from C2 on they are harmony.
BASS_NOTES: Final = 24
_HARMONY_FROM: Final = 8
# So many long frames (2 s) at either end say where a song is at home.
_ENDS_FRAMES: Final = 21
DISTRIBUTIONS: Final = 6
# The ends are short, so they count half.
_ENDS_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Key:
    """`tonic` 0 (C) to 11, `minor` or major, as a name ("F# minor"); how sure (0–1); and the likeliest other key."""

    tonic: int
    minor: bool
    confidence: float
    alternative: str

    @property
    def name(self) -> str:
        """For example "Eb major"."""
        return key_name(self.tonic, minor=self.minor)


def key_name(tonic: int, *, minor: bool) -> str:
    """The usual spelling of a key."""
    return f"{MINOR_NAMES[tonic]} minor" if minor else f"{MAJOR_NAMES[tonic]} major"


def distributions(notes: Float32) -> Float64:
    """How often each pitch class sounds, `[DISTRIBUTIONS, 12]`, each around 0: harmony and bass of all, end, beginning.

    Notes are `[frames, notes]`; frames count alike, loud or soft.
    """
    loudness = notes.sum(axis=1)
    sounding = np.flatnonzero(loudness > 0.2 * np.median(loudness))
    end = int(sounding[-1]) + 1 if len(sounding) else len(notes)
    last = notes[max(0, end - _ENDS_FRAMES + 1) : end]
    first = notes[: _ENDS_FRAMES + 1]
    parts = [
        _distribution(notes, _HARMONY_FROM, None),
        _distribution(notes, 0, BASS_NOTES),
        _ENDS_WEIGHT * _distribution(last, 0, BASS_NOTES),
        _ENDS_WEIGHT * _distribution(last, _HARMONY_FROM, None),
        _ENDS_WEIGHT * _distribution(first, 0, BASS_NOTES),
        _ENDS_WEIGHT * _distribution(first, _HARMONY_FROM, None),
    ]
    return np.stack(parts)


def _distribution(notes: Float32, low: int, high: int | None) -> Float64:
    classes = pitch_classes(notes, low, high).astype(np.float64)
    classes /= classes.max(axis=1, keepdims=True, initial=0.0) + 1e-6
    mean = classes.mean(axis=0) if len(classes) else np.zeros(12)
    return np.asarray(mean / (mean.sum() + 1e-9) * 12.0 - 1.0)


def estimate_key(frames: Frames) -> Key | None:
    """The key of a song; None where no note sounds."""
    if not frames.notes.any():
        return None
    weights = load()
    found = distributions(frames.notes)
    scores = np.array(
        [
            float((np.roll(weights.key[mode], tonic, axis=1) * found).sum()) + mode * weights.key_minor
            for mode in (0, 1)
            for tonic in range(12)
        ]
    )
    likelihood = np.exp(scores - scores.max())
    likelihood /= likelihood.sum()
    order = np.argsort(-likelihood, kind="stable")
    best, second = int(order[0]), int(order[1])
    return Key(
        tonic=best % 12,
        minor=best >= 12,
        confidence=float(likelihood[best]),
        alternative=key_name(second % 12, minor=second >= 12),
    )
