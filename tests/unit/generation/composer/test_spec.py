"""The API's `spec`: accepted, shown, sent back, refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.generation.composer.instruments import INSTRUMENTS
from services.generation.composer.score import Score
from services.shared.errors import AppError, ErrorCode


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"wobble": 1}, "/spec/wobble"),
        ({"genre": "polka"}, "/spec/genre"),
        ({"genre": 3}, "/spec/genre"),
        ({"mood": "purple"}, "/spec/mood"),
        ({"energy": 1.5}, "/spec/energy"),
        ({"energy": float("nan")}, "/spec/energy"),
        ({"energy": True}, "/spec/energy"),
        ({"bpm": 5}, "/spec/bpm"),
        ({"bpm": "fast"}, "/spec/bpm"),
        ({"bpm": float("inf")}, "/spec/bpm"),
        ({"key": "Q major"}, "/spec/key"),
        ({"key": 7}, "/spec/key"),
        ({"meter": "13/8"}, "/spec/meter"),
        ({"meter": ["4/4"]}, "/spec/meter"),
        ({"instruments": ["piano", "theremin"]}, "/spec/instruments/1"),
        ({"instruments": "piano"}, "/spec/instruments"),
        ({"instruments": [1]}, "/spec/instruments/0"),
        ({"instruments": sorted(INSTRUMENTS)[:13]}, "/spec/instruments"),
        ({"structure": [{"section": "verse", "bars": 1}] * 65}, "/spec/structure"),
        ({"structure": [{"section": "v" * 61, "bars": 1}]}, "/spec/structure/0/section"),
        ({"without": ["voices of doom"]}, "/spec/without/0"),
        ({"only": "piano"}, "/spec/only"),
        ({"only": True}, "/spec/only"),
        ({"curve": "zigzag"}, "/spec/curve"),
        ({"structure": "verse"}, "/spec/structure"),
        ({"structure": [{"bars": 4}]}, "/spec/structure/0"),
        ({"structure": [{"section": "verse"}]}, "/spec/structure/0"),
        ({"structure": [{"section": "verse", "bars": 4, "seconds": 4}]}, "/spec/structure/0"),
        ({"structure": [{"section": "verse", "bars": 0}]}, "/spec/structure/0/bars"),
        ({"structure": [{"section": "verse", "bars": 2.5}]}, "/spec/structure/0/bars"),
        ({"structure": [{"section": "verse", "seconds": -1}]}, "/spec/structure/0/seconds"),
        ({"structure": [{"section": " ", "bars": 1}]}, "/spec/structure/0/section"),
        ({"structure": [{"section": "verse", "bars": 4, "colour": "red"}]}, "/spec/structure/0/colour"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place(
    song: Callable[..., Score], spec: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(AppError) as caught:
        song("pop", spec=spec)
    assert caught.value.code is ErrorCode.VALIDATION
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"bpm": 20.0}, "/bpm"),
        ({"bpm": float("nan")}, "/bpm"),
        ({"key": "banana"}, "/key"),
        ({"structure": [{"section": "verse", "seconds": float("inf")}]}, "/structure/0/seconds"),
    ],
)
def test_request_fields_are_checked_too(song: Callable[..., Score], fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(AppError) as caught:
        song("pop", **fields)
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


def test_request_fields_win_over_spec_and_spec_over_the_prompt(song: Callable[..., Score]) -> None:
    prompt = "techno 130 bpm in C minor"
    assert song(prompt).bpm == 130.0
    assert song(prompt, spec={"bpm": 120, "genre": "jazz", "key": "D minor"}).bpm == 120.0
    score = song(prompt, spec={"bpm": 120, "genre": "jazz", "key": "D minor"}, bpm=99.0, key="G major")
    assert (score.bpm, score.key, score.genre) == (99.0, "G major", "jazz")


def test_the_result_says_what_was_asked_and_what_was_assumed(song: Callable[..., Score]) -> None:
    understood = song("sad lofi at 75 bpm without drums", 30.0).spec["understood"]
    assert isinstance(understood, dict)
    assert set(understood["explicit"]) == {"genre", "mood", "bpm", "without"}
    assert "key" in understood["assumed"]
    assert understood["parts"]


def test_a_returned_spec_can_be_sent_back(song: Callable[..., Score]) -> None:
    first = song("epic cinematic with choir, no drums, builds up", 40.0)
    again = song("", 40.0, spec=dict(first.spec))
    assert (again.genre, again.bpm, again.key) == (first.genre, first.bpm, first.key)
    assert [(s.name, s.bars) for s in again.sections] == [(s.name, s.bars) for s in first.sections]


def test_a_line_up_that_is_all_there_is_can_be_sent_back(song: Callable[..., Score]) -> None:
    first = song("just a violin and a cello, folk")
    assert first.spec["only"] is True
    again = song("", spec=dict(first.spec))
    assert {part.program for part in again.parts} == {part.program for part in first.parts}
    band = song("", spec={**first.spec, "only": False})
    assert {part.program for part in band.parts} > {part.program for part in first.parts}
    # Nobody was named any more: the style's own players come back.
    assert len(song("", spec={**first.spec, "instruments": []}).parts) > 2


def test_the_wishes_of_a_section_are_shown_and_can_be_sent_back(song: Callable[..., Score]) -> None:
    form = [{"section": "verse", "bars": 8}, {"section": "bridge", "bars": 8, "prompt": "calm, no drums"}]
    first = song("pop", 40.0, spec={"structure": form})
    structure = first.spec["structure"]
    assert isinstance(structure, list)
    assert [section.get("prompt") for section in structure] == [None, "calm, no drums"]
    again = song("", 40.0, spec=dict(first.spec))
    assert again.spec["structure"] == structure
    assert [section.energy for section in again.sections] == [section.energy for section in first.sections]


def test_mood_and_energy_can_be_set(song: Callable[..., Score]) -> None:
    calm = song("pop", spec={"mood": "calm"})
    wild = song("pop", spec={"energy": 1.0})
    assert sum(s.energy for s in calm.sections) / len(calm.sections) < sum(s.energy for s in wild.sections) / len(
        wild.sections
    )
    assert "calm" in calm.tags


def test_a_mood_before_or_after_the_genre_means_the_same(song: Callable[..., Score]) -> None:
    one = song("", spec={"mood": "sad", "genre": "folk"})
    other = song("", spec={"genre": "folk", "mood": "sad"})
    assert one.spec["energy"] == other.spec["energy"]


def test_nulls_and_empty_values_change_nothing(song: Callable[..., Score]) -> None:
    assert song("jazz", spec={"bpm": None, "mood": "", "structure": [], "curve": ""}).parts == song("jazz").parts
