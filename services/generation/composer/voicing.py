"""Voicings: which pitches sound for a chord, led from the chord before by the smallest motion that stays in range."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from services.generation.composer.chord import Chord

_LOWEST_CLOSE_INTERVAL = 52
"""Below this pitch (E3) intervals smaller than a minor third sound muddy (low interval limits of arranging books)."""


@lru_cache(maxsize=16_384)
def lead_voices(
    chord: Chord, previous: tuple[int, ...] | None, low: int, high: int, voices: int, style: str
) -> tuple[int, ...]:
    """Ascending MIDI pitches for a chord in `low`…`high`, near `previous`.

    Styles: "close", "open" (second voice from the top an octave down), "rootless", "shell", "power".
    """
    candidates = _candidates(chord, low, high, voices, style)
    return min(candidates, key=lambda pitches: (_cost(pitches, previous, low, high), pitches))


def chord_tones(chord: Chord, voices: int, style: str) -> list[int]:
    """The pitch classes that a voicing uses, the most telling ones first when there is no room for all."""
    tones = list(chord.tones)
    if style == "power":
        fifth = next((tone for tone in tones if tone in {6, 7, 8}), 7)
        tones = [0, fifth, *((12,) if voices > 2 else ())]
        return [(chord.root + tone) % 12 for tone in tones]
    if style == "shell":
        tones = [tone for tone in tones if tone in {2, 3, 4, 5, 9, 10, 11}][:2] or tones[:2]
    elif style == "rootless" and len(tones) >= 4:
        tones = tones[1:]
    if len(tones) > voices:
        for expendable in (7, 0, 6, 8):
            if len(tones) > voices and expendable in tones:
                tones.remove(expendable)
        tones = tones[-voices:] if len(tones) > voices else tones
    return [(chord.root + tone) % 12 for tone in tones]


def _candidates(chord: Chord, low: int, high: int, voices: int, style: str) -> list[tuple[int, ...]]:
    classes = list(dict.fromkeys(chord_tones(chord, voices, style)))
    ordered = sorted(classes, key=lambda pitch_class: (pitch_class - classes[0]) % 12)
    found: list[tuple[int, ...]] = []
    for rotation in range(len(ordered) if style != "power" else 1):
        turned = ordered[rotation:] + ordered[:rotation]
        count = max(voices if style in {"close", "open", "power"} else len(turned), 1)
        base = low + (turned[0] - low) % 12
        while base + 2 <= high:
            pitches = [base]
            for index in range(1, count):
                wanted = turned[index % len(turned)]
                pitches.append(pitches[-1] + ((wanted - pitches[-1]) % 12 or 12))
            if style == "open" and len(pitches) >= 3:
                pitches = sorted([*pitches[:-2], pitches[-2] - 12, pitches[-1]])
            if pitches[0] >= low and pitches[-1] <= high:
                found.append(tuple(pitches))
            base += 12
    return found or [_squeezed(ordered, low, high)]


def _squeezed(classes: list[int], low: int, high: int) -> tuple[int, ...]:
    """Each tone once, wherever it fits: for ranges that are narrower than the voicing."""
    pitches = {low + (pitch_class - low) % 12 for pitch_class in classes}
    return tuple(sorted(pitch for pitch in pitches if pitch <= high)) or (low + (classes[0] - low) % 12,)


def _cost(pitches: tuple[int, ...], previous: tuple[int, ...] | None, low: int, high: int) -> int:
    """Ten times the semitones moved, plus what spoils the sound: drifting off, mud, leaps of the top voice."""
    centre = (low + high) // 2
    cost = 2 * abs(sum(pitches) // len(pitches) - centre)
    for lower, upper in pairwise(pitches):
        if upper - lower < 3 and lower < _LOWEST_CLOSE_INTERVAL:
            cost += 25
        if upper - lower == 1 and upper == pitches[-1]:
            cost += 12
    if previous is None:
        return cost * 2
    if len(previous) == len(pitches):
        moves = [pitch - before for pitch, before in zip(pitches, previous, strict=True)]
    else:
        moves = [pitch - min(previous, key=lambda before: (abs(before - pitch), before)) for pitch in pitches]
    cost += 10 * sum(abs(move) for move in moves)
    cost += 6 * max(0, abs(pitches[-1] - previous[-1]) - 4)
    if len(moves) > 1 and (all(move > 2 for move in moves) or all(move < -2 for move in moves)):
        cost += 30
    return cost
