"""The report's own instruments: bands of reference curves, bars as they are read, figures that are kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scripts.composer_measures import copied, kept, notes, spectra
from scripts.composer_measures.songs import Song, song
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.score import Note, SectionSpan

RATE = 44_100


def test_every_style_has_a_band() -> None:
    assert set(spectra.BANDS) == set(GENRES)
    for band in spectra.BANDS.values():
        assert all(low < high for low, high in zip(band.low, band.high, strict=True))


@pytest.mark.parametrize("genre", sorted(GENRES))
def test_the_middle_of_a_band_lies_within_it_however_loud(genre: str) -> None:
    band = spectra.BANDS[genre]
    assert band.outside_db(band.middle - 40.0) == 0.0


def test_an_octave_that_strays_is_told_by_how_much() -> None:
    band = spectra.Band((-4.0,) * 6, (4.0,) * 6)
    level = np.zeros(6)
    assert band.outside_db(level) == 0.0
    level[2] = 12.0
    # Moved four down, one octave is four above its limit … and the others just within theirs.
    assert band.outside_db(level) == pytest.approx(2.0)
    level[3] = -12.0
    assert band.outside_db(level) == pytest.approx(8.0)


def test_a_tone_sounds_in_its_octave() -> None:
    places = np.arange(3 * RATE) / RATE
    for index, centre in enumerate(spectra.OCTAVES_HZ):
        tone = np.sin(2 * np.pi * centre * places)[:, None]
        assert int(spectra.octaves(tone, RATE).argmax()) == index
        assert spectra.octaves(tone, RATE)[index] == pytest.approx(0.0, abs=0.01)


def test_short_sounds_and_silence_have_octaves_too() -> None:
    assert np.isfinite(spectra.octaves(np.zeros((100, 2)), RATE)).all()
    assert np.isfinite(spectra.octaves(np.ones((1, 1)), RATE)).all()


def test_bars_are_read_without_swing_and_graces() -> None:
    played, written = notes.melody_of(song("blues", 1, 60.0)), notes.written_melody("blues", 1, 60.0)
    same = sum(bar in set(written.bars()) for bar in played.bars())
    assert same >= 0.8 * len(played.bars())


def test_figures_are_made_once_and_outlive_an_interruption(tmp_path: Path) -> None:
    made: list[str] = []

    def make(name: str) -> list[str]:
        made.append(name)
        return [name]

    path = tmp_path / "kept.jsonl"
    first = kept.Kept(path, 3)
    assert [first.figures(name, "a", lambda name=name: make(name)) for name in ("x", "y", "x")] == [["x"], ["y"], ["x"]]
    with path.open("a") as file:
        file.write('{"state": "a", "name": "z", "fig')
    again = kept.Kept(path, 3)
    assert (again.has("x", "a"), again.has("z", "a")) == (True, False)
    again.figures("x", "a", lambda: make("never"))
    assert made == ["x", "y"]


def test_figures_of_another_state_are_made_anew_and_neither_displaces_the_other(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    kept.Kept(path, 2).figures("x", "a", lambda: "before")
    later = kept.Kept(path, 2)
    assert not later.has("x", "b")
    assert later.figures("x", "b", lambda: "after") == "after"
    assert later.figures("x", "a", lambda: "never") == "before"
    assert kept.Kept(path, 2).figures("x", "b", lambda: "never") == "after"


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_text('{"state": "a", "name": "z", "fig')
    kept.Kept(path, 1).figures("x", "a", lambda: 1)
    assert kept.Kept(path, 1).has("x", "a")
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()[1:]] == ["x"]


@pytest.mark.parametrize("line", ["[]", "null", "{}", '{"name": "x", "state": "a"}'])
def test_lines_that_are_no_figures_are_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_text(line + "\n")
    assert not kept.Kept(path, 1).has("x", "a")


def test_the_state_names_content_and_not_time(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    before = kept.fingerprint([tmp_path / "one"])
    (tmp_path / "one").write_text("1")
    assert kept.fingerprint([tmp_path / "one"]) == before
    (tmp_path / "one").write_text("2")
    assert kept.fingerprint([tmp_path / "one"]) != before


def test_a_mended_style_throws_away_its_own_figures_and_a_mended_mix_all(tmp_path: Path) -> None:
    composer = tmp_path / "services" / "generation" / "composer"
    measures = tmp_path / "scripts" / "composer_measures"
    for folder in (composer / "genres", composer / "mix", measures):
        folder.mkdir(parents=True)
    for genre in GENRES:
        (composer / "genres" / f"{genre}.py").write_text(genre)
    (composer / "mix" / "echo.py").write_text("1")
    for name in ("loudness", "mastering", "true_peak"):
        (tmp_path / "services" / "generation" / f"{name}.py").write_text(name)
    for name in ("songs", "sound", "notes"):
        (measures / f"{name}.py").write_text(name)

    def states(instruments: str = "font") -> dict[str, str]:
        sources = kept.Sources(tmp_path, instruments)
        return {genre: sources.state([genre], "sound") for genre in GENRES}

    def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
        return {genre for genre in GENRES if before[genre] != after[genre]}

    first = states()
    assert changed(first, states()) == set()
    (measures / "notes.py").write_text("what sound does not hang on")
    assert changed(first, states()) == set()
    (composer / "genres" / "rock.py").write_text("louder")
    mended = states()
    assert changed(first, mended) == {"rock"}
    (measures / "sound.py").write_text("another measure")
    measured = states()
    assert changed(mended, measured) == set(GENRES)
    (composer / "mix" / "echo.py").write_text("2")
    assert changed(measured, states()) == set(GENRES)
    assert changed(states(), states("another font")) == set(GENRES)


def test_a_copy_is_found_in_whatever_key_and_a_shorter_one_is_none() -> None:
    tune = [60, 62, 64, 65, 67, 65, 64, 62, 60, 59, 60, 67, 72]
    known = copied.known_runs([tune])
    assert len(known) == 2
    assert copied.copied([[pitch + 5 for pitch in tune]], known) == 1.0
    assert copied.copied([tune[:11]], known) == 0.0
    assert copied.copied([[*tune[:11], 61]], known) == 0.0
    assert copied.copied([], known) == 0.0
    assert copied.copied([[*tune, 40]], known) == pytest.approx(2 / 3)


def test_a_note_that_is_struck_again_neither_makes_a_copy_nor_hides_one() -> None:
    tune = [60, 62, 64, 65, 67, 65, 64, 62, 60, 59, 60, 67]
    known = copied.known_runs([[60] * 40, tune])
    assert copied.copied([[72] * 40], known) == 0.0
    assert copied.copied([[*tune[:4], *[tune[4]] * 9, *tune[5:]]], known) == 1.0


def drummed(fills: set[int]) -> Song:
    """Rock of 16 bars in two sections: the same bar, but for a tom at the end of some."""
    plan, score = song("rock", 1, 60.0)
    strokes = [Note(bar * 4 + beat, 0.2, 36 if beat % 2 == 0 else 38, 90) for bar in range(16) for beat in range(4)]
    strokes += [Note(bar * 4 + 3.5, 0.2, 45, 90) for bar in fills]
    part = replace(next(part for part in score.parts if part.drums), notes=tuple(strokes))
    spans = tuple(SectionSpan("verse", start, start + 8, 0.5) for start in (0, 8))
    return plan, replace(score, parts=(part,), sections=spans, beats_per_bar=4, bars=16)


def test_a_sections_end_is_marked_by_what_its_other_bars_have_not() -> None:
    assert notes.section_ends(drummed(set())) == 0.0
    assert notes.section_ends(drummed({7})) == 1.0
    assert notes.section_ends(drummed({3, 7})) == 1.0
    # Every second bar the same: that is the groove, and no fill.
    assert notes.section_ends(drummed({1, 3, 5, 7})) == 0.0
    assert notes.section_ends(drummed({15})) == 0.0
    assert np.isnan(notes.section_ends(song("piano", 1, 30.0)))


def test_country_fills_are_heard_under_its_train_beat() -> None:
    assert all(notes.section_ends(song("country", seed, 60.0)) == 1.0 for seed in (0, 1, 10, 12))


def test_only_drummers_of_flesh_and_blood_are_held_against_people() -> None:
    assert all(np.isnan(each) for each in notes.hand_spread(song("techno", 1, 30.0)))
    assert all(np.isnan(each) for each in notes.hand_spread(song("piano", 1, 30.0)))
    timing, touch = notes.hand_spread(song("blues", 1, 60.0))
    assert 8 <= timing <= 35
    assert touch >= 12
