"""Sizes, sections and energy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.composer.form import plan_form, section_kind, size_song
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.genres.forms import FORMS
from services.generation.composer.score import Score
from services.generation.composer.spec import AskedSection, MusicSpec
from services.generation.composer.streams import Stream


@given(
    genre=st.sampled_from(sorted(GENRES)),
    seconds=st.floats(0.5, 600.0),
    bpm=st.floats(30.0, 300.0),
    beats=st.integers(2, 7),
)
def test_bars_and_ring_out_fill_the_asked_length_exactly(genre: str, seconds: float, bpm: float, beats: int) -> None:
    profile = GENRES[genre]
    for explicit in (frozenset(), frozenset({"bpm"})):
        sizing = size_song(profile, MusicSpec(genre, explicit=explicit), bpm, beats, seconds, Stream(1))
        slower = profile.ritardando * beats if sizing.bars > 2 else 0.0
        spent = (sizing.final_beat + slower) * 60.0 / sizing.bpm + sizing.ring_seconds
        assert spent == pytest.approx(seconds, abs=1e-6)
        assert sizing.ring_seconds > 0.0
        assert 0.969 <= sizing.bpm / bpm <= 1.031
        if explicit:
            assert sizing.bpm == bpm
        if sizing.bars:
            assert sizing.final_beat == sizing.bars * beats
        else:
            assert 0 <= sizing.final_beat < beats


@given(genre=st.sampled_from(sorted(GENRES)), bars=st.integers(1, 600), seed=st.integers(0, 50))
def test_sections_tile_the_song_without_gaps(genre: str, bars: int, seed: int) -> None:
    sections = plan_form(GENRES[genre], MusicSpec(genre), bars, Stream(seed))
    assert sections[0].start_bar == 0
    assert sections[-1].end_bar == bars
    for before, after in pairwise(sections):
        assert after.start_bar == before.end_bar
    assert all(section.bars >= 1 for section in sections)
    assert all(0.0 <= section.energy_at(bar) <= 1.0 for section in sections for bar in range(section.bars))


@pytest.mark.parametrize("family", sorted(FORMS))
def test_long_songs_are_cut_into_phrases_of_at_most_sixteen_bars_or_so(family: str) -> None:
    genre = next(genre for genre in GENRES.values() if genre.form == family)
    for bars in (96, 150, 240, 435):
        sections = plan_form(genre, MusicSpec(genre.id), bars, Stream(1))
        assert max(section.bars for section in sections) <= 22
        assert len({section.kind for section in sections}) >= 2


def test_energy_rises_to_its_peak_and_falls_at_the_end() -> None:
    sections = plan_form(GENRES["pop"], MusicSpec("pop", energy=0.65), 84, Stream(1))
    by_kind = {section.kind: (section.energy_from + section.energy_to) / 2 for section in sections}
    assert by_kind["intro"] < by_kind["verse"] < by_kind["chorus"]
    assert by_kind["outro"] < by_kind["chorus"]


@pytest.mark.parametrize(("curve", "rises"), [("build", True), ("fade", False)])
def test_a_curve_tilts_the_energy_of_the_whole_song(curve: str, rises: bool) -> None:
    plain = plan_form(GENRES["lofi"], MusicSpec("lofi"), 64, Stream(1))
    tilted = plan_form(GENRES["lofi"], MusicSpec("lofi", curve=curve), 64, Stream(1))
    first = tilted[1].energy_from - plain[1].energy_from
    last = tilted[-2].energy_to - plain[-2].energy_to
    assert (last > first) is rises


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Verse 2", "verse"),
        ("CHORUS", "chorus"),
        ("Hook", "chorus"),
        ("pre-chorus", "prechorus"),
        ("middle_eight", "bridge"),
        ("Build-up", "build"),
        ("guitar solo", "solo"),
        ("The Big Drop", "drop"),
        ("coda", "outro"),
        ("something else", "verse"),
    ],
)
def test_free_names_of_sections_are_understood(name: str, kind: str) -> None:
    assert section_kind(name) == kind


def test_an_asked_form_in_bars_is_kept_when_the_length_allows_it(song: Callable[..., Score]) -> None:
    structure = [{"section": "intro", "bars": 4}, {"section": "verse", "bars": 8}, {"section": "chorus", "bars": 8}]
    score = song("pop", 44.0, structure=structure)
    assert [(section.name, section.bars) for section in score.sections] == [("intro", 4), ("verse", 8), ("chorus", 9)]


def test_an_asked_form_in_seconds_is_kept_to_the_bar(song: Callable[..., Score]) -> None:
    structure = [{"section": "verse", "seconds": 20.0}, {"section": "chorus", "seconds": 40.0}]
    score = song("rock", 60.0, structure=structure)
    verse, chorus = score.sections
    assert 1.6 <= chorus.bars / verse.bars <= 2.4


def test_a_form_that_does_not_fit_is_scaled(song: Callable[..., Score]) -> None:
    structure = [{"section": name, "bars": 16} for name in ("intro", "verse", "chorus", "outro")]
    score = song("techno 130 bpm", 20.0, structure=structure)
    assert [section.name for section in score.sections] == ["intro", "verse", "chorus", "outro"]
    assert score.duration_seconds == 20.0


def test_a_sections_own_prompt_is_heard(song: Callable[..., Score]) -> None:
    structure = [
        {"section": "verse", "bars": 8, "prompt": "no drums, very quiet"},
        {"section": "chorus", "bars": 8, "prompt": "huge and loud"},
    ]
    score = song("rock", 34.0, structure=structure)
    drums = next(part for part in score.parts if part.drums)
    assert min(note.start_beats for note in drums.notes) >= 8 * 4 - 0.1
    assert score.sections[0].energy < 0.4 < 0.7 < score.sections[1].energy


def test_asked_sections_beyond_the_songs_bars_are_dropped_not_crashed(song: Callable[..., Score]) -> None:
    score = song("lofi", 3.0, structure=[{"section": f"part {index}", "bars": 4} for index in range(40)])
    assert score.duration_seconds == 3.0


def test_an_asked_section_with_fixed_energy_is_level() -> None:
    spec = MusicSpec("pop", structure=(AskedSection("verse", bars=8, energy=0.3), AskedSection("chorus", bars=8)))
    verse = plan_form(GENRES["pop"], spec, 16, Stream(1))[0]
    assert verse.energy_from == verse.energy_to == 0.3


@pytest.mark.parametrize("genre", ["blues", "ambient", "orchestral"])
def test_a_single_section_rises_from_few_players_to_all(genre: str) -> None:
    single = 0
    for seed in range(6):
        sections = plan_form(GENRES[genre], MusicSpec(genre), 12, Stream(seed))
        levels = [section.energy_at(bar) for section in sections for bar in range(section.bars)]
        if len(sections) == 1:
            single += 1
            assert levels == sorted(levels)
            assert levels[-1] - levels[0] > 0.3
        assert max(levels) - min(levels) > 0.1
    assert single or genre != "blues"


def test_a_form_that_was_asked_for_keeps_the_energy_that_was_asked_for() -> None:
    structure = (AskedSection("verse", bars=12, energy=0.5),)
    (section,) = plan_form(GENRES["blues"], MusicSpec("blues", structure=structure), 12, Stream(1))
    assert (section.energy_from, section.energy_to) == (0.5, 0.5)
