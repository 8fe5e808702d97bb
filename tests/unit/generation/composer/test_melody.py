"""The tune, measured: the targets come from corpora of human melodies (see the project's facts)."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise
from math import log2

import pytest

from services.generation.composer.genres.catalogue import GENRES

SEEDS = range(20)

LIEDER_INTERVALS = (0.191, 0.197, 0.302, 0.103, 0.058, 0.073, 0.007, 0.033, 0.011, 0.011, 0.004, 0.000, 0.009)
"""Sizes of 0…12 semitones in 250 songs of the OpenScore Lieder corpus (CC0)."""


def _in_key(tune) -> float:  # type: ignore[no-untyped-def]
    scale = set(tune.plan.key.scale)
    return sum(event.pitch % 12 in scale for event in tune.events) / len(tune.events)


def _strong_chord_tones(tune) -> float:  # type: ignore[no-untyped-def]
    plan = tune.plan
    strong = [event for event in tune.events if plan.meter.is_strong(event.start % plan.meter.bar_ticks)]
    hits = sum(event.pitch % 12 in plan.harmony.at(event.start).chord.core for event in strong)
    return hits / max(1, len(strong))


def _repetition(tune) -> float:  # type: ignore[no-untyped-def]
    bars = tune.bars()
    seen: set[object] = set()
    repeated = 0
    for bar in bars:
        repeated += bar in seen
        seen.add(bar)
    return repeated / max(1, len(bars))


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_melodies_meet_the_targets_of_human_ones(genre: str, tune: Callable[..., object]) -> None:
    tunes = [tune(genre, seed) for seed in SEEDS]
    assert min(_in_key(each) for each in tunes) >= 0.95
    assert 0.65 <= statistics.mean(_strong_chord_tones(each) for each in tunes) <= 0.95
    assert 0.10 <= statistics.mean(_repetition(each) for each in tunes) <= 0.40
    sizes = [abs(b.pitch - a.pitch) for each in tunes for a, b in pairwise(each.events)]  # type: ignore[attr-defined]
    assert sum(size > 9 for size in sizes) / len(sizes) <= 0.03


def test_melodies_move_like_human_ones(tune: Callable[..., object]) -> None:
    sizes: Counter[int] = Counter()
    for genre in GENRES:
        for seed in range(4):
            for first, second in pairwise(tune(genre, seed).events):  # type: ignore[attr-defined]
                sizes[min(12, abs(second.pitch - first.pitch))] += 1
    total = sum(sizes.values())
    corpus = [share / sum(LIEDER_INTERVALS) for share in LIEDER_INTERVALS]
    divergence = 0.0
    for size, share in enumerate(corpus):
        own = sizes[size] / total
        middle = (own + share) / 2
        divergence += (own * log2(own / middle) if own else 0.0) / 2 + (
            share * log2(share / middle) if share else 0.0
        ) / 2
    assert divergence <= 0.05


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_two_seeds_sing_different_tunes(genre: str, tune: Callable[..., object]) -> None:
    bars = [{bar for bar in tune(genre, seed).bars() if len(bar) > 1} for seed in range(8)]  # type: ignore[attr-defined]
    for one, other in combinations(bars, 2):
        assert len(one & other) <= 0.5 * max(1, min(len(one), len(other)))


def test_a_chorus_that_returns_is_recognised_but_varied(tune: Callable[..., object]) -> None:
    shared = []
    for seed in range(8):
        each = tune("pop", seed, 150.0)
        plan = each.plan  # type: ignore[attr-defined]
        choruses = [section for section in plan.sections if section.kind == "chorus"]
        contents = [
            [
                (event.start - section.start_bar * plan.meter.bar_ticks, event.pitch)
                for event in each.events  # type: ignore[attr-defined]
                if section.start_bar <= event.start // plan.meter.bar_ticks < section.end_bar
            ]
            for section in choruses[:2]
        ]
        first, second = (set(content) for content in contents)
        shared.append(len(first & second) / max(1, len(first)))
    assert 0.15 < statistics.mean(shared) < 0.95
    assert min(shared) < 1.0


def test_dissonance_on_strong_beats_mostly_resolves_by_step(tune: Callable[..., object]) -> None:
    resolved = total = 0
    for seed in range(10):
        each = tune("ballad", seed)
        plan = each.plan  # type: ignore[attr-defined]
        for event, following in pairwise(each.events):  # type: ignore[attr-defined]
            strong = plan.meter.is_strong(event.start % plan.meter.bar_ticks)
            if strong and event.pitch % 12 not in plan.harmony.at(event.start).chord.pitch_classes:
                total += 1
                resolved += 0 < abs(following.pitch - event.pitch) <= 2
    assert total > 5
    assert resolved / total > 0.7
