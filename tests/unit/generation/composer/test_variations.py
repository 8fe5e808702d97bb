"""Variations keep a song's form and harmony; a section that is played anew leaves every other note as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.generation.backends.protocol import GenerationRequest, Retake
from services.generation.composer.compose import compose, make_plan
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.prompt import read_request
from services.generation.composer.recipe import request_from
from services.generation.composer.score import Score

REQUEST = GenerationRequest("pop song with a bridge", 120.0, "composer", 5)


def form_of(score: Score) -> list[tuple[str, int, int, float]]:
    """The sections without their levels, which hang on who plays."""
    return [(section.name, section.start_bar, section.bars, section.energy) for section in score.sections]


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_the_recipe_makes_the_same_song_again(genre: str, song: Callable[..., Score]) -> None:
    first = song(
        "", 30.0, 3, spec={"genre": genre}, bpm=97.0, key="F minor", structure=[{"section": "verse", "bars": 8}]
    )
    assert compose(request_from(first.spec["recipe"], "composer")) == replace(first, title=first.title)


def test_a_variation_keeps_form_and_harmony_and_sings_another_tune() -> None:
    first, second = compose(REQUEST), compose(replace(REQUEST, seed=6, frame_seed=5))
    assert (second.bpm, second.key, form_of(second)) == (first.bpm, first.key, form_of(first))
    plan = make_plan(GENRES[first.genre], read_request(REQUEST), 120.0, 5)
    other = make_plan(GENRES[first.genre], read_request(REQUEST), 120.0, 6)
    assert plan.harmony != other.harmony
    melodies = [next(part for part in score.parts if part.stem == "melody").notes for score in (first, second)]
    shared = {(note.pitch, round(note.start_beats * 4)) for note in melodies[0]} & {
        (note.pitch, round(note.start_beats * 4)) for note in melodies[1]
    }
    assert len(shared) < len(melodies[0]) / 2
    # A variation of the variation stands on the same frame.
    assert second.spec["recipe"]["frame_seed"] == 5


@pytest.mark.parametrize("occurrence", [0, 1, 2])
def test_a_retake_changes_its_section_and_nothing_else(occurrence: int) -> None:
    first = compose(REQUEST)
    second = compose(replace(REQUEST, retakes=(Retake("chorus", 99, occurrence),)))
    choruses = [section for section in first.sections if section.name == "chorus"]
    chosen = choruses if not occurrence else choruses[occurrence - 1 : occurrence]
    bars = {bar for section in chosen for bar in range(section.start_bar, section.end_bar)}
    changed = set()
    fresh = {part.name: part for part in second.parts}
    for part in first.parts:
        for note in set(part.notes) ^ set(fresh[part.name].notes):
            changed.add(int((note.start_beats + 0.2) // first.beats_per_bar))
    assert changed
    assert changed <= bars
    assert compose(request_from(second.spec["recipe"], "composer")).parts == second.parts


def test_retakes_add_up() -> None:
    once = replace(REQUEST, retakes=(Retake("bridge", 1),))
    twice = replace(REQUEST, retakes=(Retake("bridge", 1), Retake("verse", 2)))
    bridge = next(section for section in compose(REQUEST).sections if section.name == "bridge")

    def inside(score: Score) -> set[object]:
        low, high = bridge.start_bar * score.beats_per_bar - 0.2, bridge.end_bar * score.beats_per_bar - 0.2
        return {(part.name, note) for part in score.parts for note in part.notes if low <= note.start_beats < high}

    assert inside(compose(once)) == inside(compose(twice)) != inside(compose(REQUEST))
