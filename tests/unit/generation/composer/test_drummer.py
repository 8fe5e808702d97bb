"""How drums are played, measured against people: the targets come from Groove MIDI (see the project's facts)."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from scripts.composer_measures import notes
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.learned.groove import STYLES, learned_groove
from services.generation.composer.learned.melody import learned_melody
from services.generation.composer.score import TICKS_PER_BEAT, Score

BY_HAND = sorted(name for name, genre in GENRES.items() if genre.drums is not None and genre.drums.timing_ms >= 4)
SWUNG = sorted(name for name, genre in GENRES.items() if genre.drums is not None and genre.swing.ratio > 0.5)
MACHINES = sorted(name for name, genre in GENRES.items() if genre.drums is not None and genre.drums.timing_ms < 3)


@pytest.mark.parametrize("genre", BY_HAND)
def test_drummers_play_as_loosely_and_as_lively_as_people(genre: str, song: Callable[..., Score]) -> None:
    scores = [song("", 60.0, seed, spec={"genre": genre, "instruments": ["drums"]}) for seed in range(3)]
    # A swung stroke lies off the straight grid on purpose; its own test says how far.
    grids = (4,) if GENRES[genre].swing.ratio <= 0.5 else (1,)
    timing, touch = zip(*(notes.drum_spread(on_the_beat(score, grids[0]), *grids) for score in scores), strict=True)
    assert 8 <= statistics.mean(timing) <= 35
    assert statistics.mean(touch) >= 12


def on_the_beat(score: Score, grid: int) -> Score:
    """The score with those drum strokes only that belong to a place of the grid."""
    near = 0.12 if grid == 1 else 1.0
    parts = [
        replace(part, notes=tuple(n for n in part.notes if abs(n.start_beats - round(n.start_beats)) < near))
        for part in score.parts
        if part.drums
    ]
    return replace(score, parts=tuple(parts))


@pytest.mark.parametrize("genre", SWUNG)
def test_the_second_of_two_short_strokes_comes_as_late_as_the_swing_says(
    genre: str, song: Callable[..., Score]
) -> None:
    swing = GENRES[genre].swing
    pair = 2 * swing.unit_ticks / TICKS_PER_BEAT
    second: dict[int, list[float]] = defaultdict(list)
    first: dict[int, list[float]] = defaultdict(list)
    for seed in range(4):
        score = song("", 60.0, seed, spec={"genre": genre, "instruments": ["drums"], "meter": "4/4"})
        for note in (note for part in score.parts if part.drums for note in part.notes):
            place = note.start_beats % pair / pair
            if 0.38 < place < 0.85:
                second[note.pitch].append(place)
            else:
                first[note.pitch].append(place if place < 0.5 else place - 1.0)
    # Drums that lie behind the beat do so on both strokes.
    delays = [
        statistics.median(second[drum]) - statistics.median(first[drum])
        for drum in second
        if len(second[drum]) > 10 and len(first[drum]) > 10
    ]
    assert statistics.median(delays) == pytest.approx(swing.ratio, abs=0.025)
    assert statistics.median(delays) > 0.51


@pytest.mark.parametrize("genre", MACHINES)
def test_machines_keep_the_grid(genre: str, song: Callable[..., Score]) -> None:
    score = song("", 60.0, 1, spec={"genre": genre})
    offsets = notes.drum_timing_ms(score, 8, 6)
    assert not offsets or statistics.pstdev(offsets) < 8
    kicks = replace(
        score,
        parts=tuple(
            replace(part, notes=tuple(note for note in part.notes if note.pitch == 36))
            for part in score.parts
            if part.drums
        ),
    )
    assert max(map(abs, notes.drum_timing_ms(kicks, 4, 6)), default=0.0) <= 8.0


def test_drummers_accent_the_backbeat_and_hats_lean_on_the_beat() -> None:
    groove = learned_groove()
    for style in ("rock", "funk", "hiphop"):
        strokes = [groove.stroke(style, "snare", step) for step in range(16)]
        assert min(strokes[4].accent, strokes[12].accent) > max(strokes[3].accent, strokes[7].accent)
        hats = [groove.stroke(style, "hat", step) for step in range(16)]
        assert hats[4].accent > hats[5].accent


def test_every_limb_of_every_style_is_known_and_of_human_size() -> None:
    groove = learned_groove()
    assert groove.common**2 + groove.own**2 == pytest.approx(1)
    for style in STYLES:
        for lane in ("kick", "snare", "rim", "hat", "open", "pedal", "ride", "bell", "crash", "tom", "shaker", "conga"):
            for step in range(16):
                stroke = groove.stroke(style, lane, step)
                assert 5 < stroke.offset_sd_ms < 45
                assert abs(stroke.offset_ms) < 25
                assert 2 < stroke.accent_sd < 45


def test_learned_costs_prefer_what_singers_do() -> None:
    costs = learned_melody()
    at = lambda came, place, interval: costs.motion[came][place][interval + 12] + costs.leaving[0][interval + 12]  # noqa: E731
    after_leap_up, after_step_up = 5, 4
    # A leap turns back by step; a step goes on; a seventh is dear.
    assert at(after_leap_up, 1, -2) < at(after_leap_up, 1, 5)
    assert at(after_step_up, 0, 2) < at(after_step_up, 0, 10)
    major = costs.tone[0][2][1]
    assert max(major[0], major[4], major[7]) < min(major[1], major[6], major[10])
    # A dissonance leaves by step.
    assert max(costs.leaving[1][11], costs.leaving[1][13]) < min(costs.leaving[1][12 + 5], costs.leaving[1][12 - 7])
