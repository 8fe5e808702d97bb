"""Melodic parts with known notes: single lines, chords, a dense piano."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from mir_eval.transcription import precision_recall_f1_overlap

from tests.support.rendered_midi import KnownNote

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_ONSET_SECONDS = 0.05


class _Heard(Protocol):
    start: float
    end: float
    pitch: int


def line(rng: random.Random, bpm: float, low: int, high: int, notes: int = 40) -> list[KnownNote]:
    """One note at a time, in steps and leaps of a major scale, sixteenths to dotted quarters, now and then a rest."""
    at, pitch, root, found = 0.3, (low + high) // 2, rng.randrange(12), []
    for _ in range(notes):
        length = rng.choice((0.5, 0.5, 1.0, 1.0, 0.25, 1.5)) * 60.0 / bpm
        pitch = min(high, max(low, pitch + rng.choice((-5, -4, -3, -2, -2, -1, 1, 2, 2, 3, 4, 5, 7, -7))))
        while (pitch - root) % 12 not in _MAJOR:
            pitch += 1
        found.append(KnownNote(at, at + length * rng.uniform(0.7, 0.95), pitch, rng.randint(55, 115)))
        at += length * (2.0 if rng.random() < 0.1 else 1.0)
    return found


def chords(rng: random.Random, bpm: float, count: int = 20) -> list[KnownNote]:
    """Triads and sevenths, slightly rolled."""
    at, found = 0.3, []
    for _ in range(count):
        root, third = rng.randint(48, 64), rng.choice((3, 4))
        intervals = rng.choice(((0, third, 7), (0, third, 7, 10), (0, 7, 12, 12 + third), (0, third, 7, 14)))
        length = rng.choice((1, 2, 2, 1, 0.5)) * 60.0 / bpm
        for interval in intervals:
            start = at + abs(rng.gauss(0, 0.006))
            found.append(
                KnownNote(start, start + length * rng.uniform(0.8, 0.95), root + interval, rng.randint(60, 105))
            )
        at += length
    return sorted(found)


def dense_piano(rng: random.Random, bpm: float, bars: int = 10) -> list[KnownNote]:
    """A left hand of arpeggios, blocks or octaves under a busy right hand: about 7 notes a second."""
    beat, root, at = 60.0 / bpm, rng.randint(36, 47), 0.3
    found: list[KnownNote] = []

    def play(start: float, length: float, pitch: int, low: int, high: int) -> None:
        start += rng.gauss(0, 0.006)
        found.append(KnownNote(start, start + length, pitch, rng.randint(low, high)))

    for _ in range(bars):
        chord, third = root + rng.choice((0, 5, 7, 9, 2, 4)), rng.choice((3, 4))
        style = rng.choice(("arpeggio", "block", "octave"))
        for eighth in range(8):
            start = at + eighth * beat / 2
            if style == "arpeggio":
                play(start, beat * 0.48, chord + (0, third, 7, 12)[eighth % 4], 50, 85)
            elif style == "block" and eighth % 2 == 0:
                for interval in (0, third, 7):
                    play(start, beat * 0.9, chord + 12 + interval, 50, 85)
            elif style == "octave" and eighth % 4 == 0:
                play(start, beat * 1.9, chord, 60, 95)
                play(start, beat * 1.9, chord + 12, 60, 95)
        now = 0.0
        while now < 4:
            length = rng.choice((0.5, 0.5, 1.0, 0.25, 0.25, 1.5))
            pitch = chord + 24 + rng.choice((0, 2, third, 5, 7, 9, 12, 14))
            play(at + now * beat, min(length, 4 - now) * beat * 0.9, pitch, 70, 115)
            if rng.random() < 0.3:
                play(at + now * beat, min(length, 4 - now) * beat * 0.9, pitch - rng.choice((3, 4, 5, 8, 12)), 60, 105)
            now += length
        at += 4 * beat
    return _playable(sorted(found))


def _playable(notes: list[KnownNote]) -> list[KnownNote]:
    """A key that sounds is released before it is struck again, and not struck twice at once."""
    latest: dict[int, int] = {}
    kept: list[KnownNote] = []
    for note in notes:
        before = latest.get(note.pitch)
        if before is not None and note.start < kept[before].end + 0.03:
            other = kept[before]
            if note.start - other.start < 0.08:
                continue
            kept[before] = KnownNote(
                other.start, max(other.start + 0.04, note.start - 0.03), other.pitch, other.velocity
            )
        latest[note.pitch] = len(kept)
        kept.append(note)
    return kept


def onset_f1(found: Sequence[_Heard], known: Sequence[_Heard]) -> float:
    """mir_eval's note F1: right pitch within a quarter tone, onset within 50 ms, ends not counted."""
    if not found or not known:
        return 0.0
    guessed, actual = _intervals(found), _intervals(known)
    _, _, f1, _ = precision_recall_f1_overlap(*actual, *guessed, onset_tolerance=_ONSET_SECONDS, offset_ratio=None)
    return float(f1)


def _intervals(notes: Sequence[_Heard]) -> tuple[np.ndarray, np.ndarray]:
    spans = np.array([[note.start, max(note.end, note.start + 0.01)] for note in notes])
    return spans, 440.0 * 2.0 ** ((np.array([note.pitch for note in notes]) - 69) / 12)
