"""The tune, measured: the targets come from corpora of human melodies (see the project's facts)."""

from __future__ import annotations

import statistics
from itertools import combinations, pairwise

import pytest

from scripts.composer_measures import notes
from services.generation.backends.protocol import GenerationRequest, Section
from services.generation.composer.compose import compose
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.score import TICKS_PER_BEAT

SEEDS = range(20)
SECONDS = 60.0


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_melodies_meet_the_targets_of_human_ones(genre: str) -> None:
    tunes = [notes.written_melody(genre, seed, SECONDS) for seed in SEEDS]
    assert min(map(notes.in_key, tunes)) >= 0.95
    assert 0.65 <= statistics.mean(map(notes.strong_chord_tones, tunes)) <= 0.95
    assert 0.10 <= statistics.mean(map(notes.repetition, tunes)) <= 0.40
    assert notes.wide_leaps(notes.interval_sizes(tunes)) <= 0.03


def test_melodies_move_like_human_ones() -> None:
    tunes = [notes.written_melody(genre, seed, SECONDS) for genre in GENRES for seed in range(4)]
    assert notes.divergence(notes.interval_sizes(tunes), notes.CORPUS_INTERVALS) <= 0.05
    assert notes.divergence(notes.duration_classes(tunes), notes.CORPUS_DURATIONS) <= 0.15


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_two_seeds_sing_different_tunes(genre: str) -> None:
    tunes = [notes.written_melody(genre, seed, SECONDS) for seed in range(8)]
    assert max(notes.shared_bars(one, other) for one, other in combinations(tunes, 2)) < 0.5


def test_a_chorus_that_returns_is_recognised_but_varied() -> None:
    shared = []
    for seed in range(8):
        each = notes.written_melody("pop", seed, 150.0)
        plan = each.plan
        beats = plan.meter.beats
        choruses = [section for section in plan.sections if section.kind == "chorus"]
        contents = [
            [
                (note.start_beats - section.start_bar * beats, note.pitch)
                for note in each.notes
                if section.start_bar <= note.start_beats // beats < section.end_bar
            ]
            for section in choruses[:2]
        ]
        first, second = (set(content) for content in contents)
        shared.append(len(first & second) / max(1, len(first)))
    assert 0.15 < statistics.mean(shared) < 0.95
    assert min(shared) < 1.0


def test_dissonance_on_strong_beats_mostly_resolves_by_step() -> None:
    resolved = total = 0
    for seed in range(10):
        each = notes.written_melody("ballad", seed, SECONDS)
        plan = each.plan
        for note, following in pairwise(each.notes):
            tick = round(note.start_beats * TICKS_PER_BEAT)
            strong = plan.meter.is_strong(tick % plan.meter.bar_ticks)
            if strong and note.pitch % 12 not in plan.harmony.at(tick).chord.pitch_classes:
                total += 1
                resolved += 0 < abs(following.pitch - note.pitch) <= 2
    assert total > 5
    assert resolved / total > 0.7


@pytest.mark.parametrize("bars", range(1, 19))
def test_the_blues_is_sung_in_choruses_of_any_length(bars: int) -> None:
    structure = (Section("head", bars=bars),)
    seconds = 2.0 * bars + 1.5
    request = GenerationRequest("", seconds, "composer", bars, spec={"genre": "blues"}, structure=structure, bpm=120.0)
    assert any(part.stem == "melody" for part in compose(request).parts)


def test_the_blues_sings_its_first_line_again_over_other_chords() -> None:
    again = 0
    for seed in range(12):
        each = notes.written_melody("blues", seed, 75.0)
        plan = each.plan
        head = next((section for section in plan.sections if section.kind == "head" and section.bars >= 12), None)
        if head is None:
            continue
        lines = [
            {
                (note.start_beats - (head.start_bar + first) * plan.meter.beats, note.pitch)
                for note in each.notes
                if 0 <= note.start_beats - (head.start_bar + first) * plan.meter.beats < 4 * plan.meter.beats
            }
            for first in (0, 4)
        ]
        again += len(lines[0] & lines[1]) > 0.6 * len(lines[0])
    assert again >= 3
