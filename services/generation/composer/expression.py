"""What a player does while a note sounds: swells of bows and breath (CC 11), and vibrato that comes late (CC 1).

Sampled instruments hold every note at one level; without this, strings and winds sound like an organ.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from services.generation.composer.score import ControlChange, Note

_MODULATION, _EXPRESSION = 1, 11

_SWELLING = frozenset({*range(40, 45), 48, 49, 52, 53, *range(56, 62), *range(64, 80), 109, 110, 111})
_VIBRATING = frozenset({22, 29, 30, *range(40, 43), 56, 57, *range(64, 80), 80, 81, 84, 110})

_PLAIN = 112
_SWELL = ((0.0, 94), (0.3, 108), (0.6, 120), (0.85, 108), (1.0, 100))
"""Expression over a long note: it grows to three fifths of its length and falls back."""

_VIBRATO = ((0.0, 0), (0.4, 0), (0.6, 26), (0.8, 40), (1.0, 34))
"""Modulation over a long note: nothing at first, then a moderate vibrato."""

_LONG_BEATS = 1.25
_STEP_BEATS = 0.25


def express(program: int, notes: Sequence[Note]) -> tuple[ControlChange, ...]:
    """Controllers for a part's notes; none for instruments that do not sustain."""
    changes: list[ControlChange] = []
    if program in _SWELLING:
        changes += _curves(notes, _EXPRESSION, _SWELL, _PLAIN)
    if program in _VIBRATING:
        changes += _curves(notes, _MODULATION, _VIBRATO, 0)
    return tuple(sorted(changes, key=lambda change: (change.start_beats, change.controller)))


def _curves(
    notes: Sequence[Note], controller: int, shape: Sequence[tuple[float, int]], plain: int
) -> list[ControlChange]:
    """The shape over every long note, the plain value under short ones; a value is written only when it changes."""
    changes: list[ControlChange] = []
    value = -1
    for start, length in _strikes(notes):
        points = [(start, plain)]
        if length >= _LONG_BEATS:
            count = int(length / _STEP_BEATS)
            points = [(start + index * _STEP_BEATS, _at(shape, index / count)) for index in range(count)]
        for beats, wanted in points:
            if wanted != value:
                changes.append(ControlChange(beats, controller, wanted))
                value = wanted
    return changes


def _strikes(notes: Sequence[Note]) -> list[tuple[float, float]]:
    """Where notes begin, and for how long the first of each group lasts before the next group or its own end."""
    begins = sorted({note.start_beats for note in notes})
    longest: dict[float, float] = {}
    for note in notes:
        longest[note.start_beats] = max(longest.get(note.start_beats, 0.0), note.duration_beats)
    strikes = [(begin, min(longest[begin], after - begin)) for begin, after in pairwise(begins)]
    return [*strikes, (begins[-1], longest[begins[-1]])] if begins else []


def _at(shape: Sequence[tuple[float, int]], place: float) -> int:
    for (left, low), (right, high) in pairwise(shape):
        if place <= right:
            return round(low + (high - low) * (place - left) / (right - left))
    return shape[-1][1]
