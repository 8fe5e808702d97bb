"""Drum parts with known hits: grooves, fills and accidents at random tempos; and how well hits were found."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from mir_eval.util import match_events

from tests.support.rendered_midi import KnownNote

_TOMS = (50, 48, 47, 45, 43, 41)
_WINDOW_SECONDS = 0.05


class _Hit(Protocol):
    start: float
    pitch: int


def random_pattern(rng: random.Random, seconds: float) -> list[KnownNote]:
    """Kick, snare, hats, toms and cymbals for about `seconds`, with human timing and dynamics."""
    bpm = rng.uniform(70, 170)
    step = 60.0 / bpm / 4
    kick = {0, *rng.sample((3, 6, 7, 8, 10, 11, 14), rng.randint(1, 3))}
    snare = rng.choice(({4, 12}, {4, 12, 15}, {8}, {4, 10, 12}))
    snare_key = rng.choice((38, 38, 40, 37, 39))
    time_keeper = rng.choice((42, 42, 42, 51, 44, 53))
    every = rng.choice((1, 2, 2, 4))
    loose = rng.uniform(0.0, 0.012)
    found: list[KnownNote] = []

    def hit(at: float, key: int, low: int, high: int) -> None:
        start = max(0.0, at + rng.gauss(0.0, loose))
        found.append(KnownNote(start, start + 0.1, key, rng.randint(low, high)))

    begin, bar = 0.25, 0
    while begin + 16 * step < seconds:
        fill = bar % 4 == 3 and rng.random() < 0.7
        if bar % 4 == 0 and rng.random() < 0.6:
            hit(begin, rng.choice((49, 49, 57, 52, 55)), 80, 120)
        for position in range(16):
            at = begin + position * step
            if fill and position >= 8:
                if rng.random() < 0.75:
                    hit(at, rng.choice((*_TOMS, 38)), 70, 120)
                if position % 4 == 0:
                    hit(at, 36, 80, 115)
                continue
            if position in kick:
                hit(at, 36, 75, 120)
            if position in snare:
                hit(at, snare_key, 80, 125)
            elif rng.random() < 0.05:
                hit(at, 38, 35, 60)
            if position % every == 0:
                open_hat = time_keeper == 42 and rng.random() < 0.12
                hit(at, 46 if open_hat else time_keeper, 55, 105)
            if rng.random() < 0.03:
                hit(at, rng.choice(_TOMS), 70, 115)
        begin += 16 * step
        bar += 1
    return sorted(found)


def matched_f1(found: Sequence[_Hit], known: Sequence[_Hit], classes: Sequence[frozenset[int]]) -> float:
    """F1 over all drums: a hit counts when a hit of the same drum lies within 50 ms, one to one (mir_eval)."""
    matched = total = 0
    for keys in classes:
        guessed = np.array(sorted(hit.start for hit in found if hit.pitch in keys))
        actual = np.array(sorted(hit.start for hit in known if hit.pitch in keys))
        total += len(guessed) + len(actual)
        if len(guessed) and len(actual):
            matched += len(match_events(actual, guessed, _WINDOW_SECONDS))
    return 2 * matched / total if total else 1.0
