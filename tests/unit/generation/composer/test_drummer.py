"""How drums are played, measured against people: the targets come from Groove MIDI (see the project's facts)."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import pytest

from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.learned.groove import STYLES, learned_groove
from services.generation.composer.learned.melody import learned_melody
from services.generation.composer.score import Score

BY_HAND = sorted(
    name
    for name, genre in GENRES.items()
    if genre.drums is not None and genre.drums.timing_ms >= 4 and genre.swing.ratio <= 0.5
)
MACHINES = sorted(name for name, genre in GENRES.items() if genre.drums is not None and genre.drums.timing_ms < 3)


def timing_ms(score: Score, *grids: int) -> list[float]:
    """How far each stroke lies from the nearest place of grids with so many places a beat."""
    beat_ms = 60_000 / score.bpm
    starts = [note.start_beats for part in score.parts if part.drums for note in part.notes]
    return [min(((start * grid - round(start * grid)) / grid * beat_ms for grid in grids), key=abs) for start in starts]


@pytest.mark.parametrize("genre", BY_HAND)
def test_drummers_play_as_loosely_and_as_lively_as_people(genre: str, song: Callable[..., Score]) -> None:
    scores = [song("", 60.0, seed, spec={"genre": genre, "instruments": ["drums"]}) for seed in range(3)]
    spread = statistics.mean(statistics.pstdev(timing_ms(score, 4)) for score in scores)
    touch = statistics.mean(
        statistics.pstdev([note.velocity for part in score.parts if part.drums for note in part.notes])
        for score in scores
    )
    assert 8 <= spread <= 35
    assert touch >= 12


@pytest.mark.parametrize("genre", MACHINES)
def test_machines_keep_the_grid(genre: str, song: Callable[..., Score]) -> None:
    offsets = timing_ms(song("", 60.0, 1, spec={"genre": genre}), 8, 6)
    assert not offsets or statistics.pstdev(offsets) < 8


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
