"""The report's own instruments: bands of reference curves, bars as they are read, figures that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.composer_measures import kept, notes, spectra
from services.generation.composer.genres.catalogue import GENRES

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
    played, written = notes.melody_of(notes.song("blues", 1, 60.0)), notes.written_melody("blues", 1, 60.0)
    same = sum(bar in set(written.bars()) for bar in played.bars())
    assert same >= 0.8 * len(played.bars())


def test_figures_are_made_once_and_outlive_an_interruption(tmp_path: Path) -> None:
    made: list[str] = []

    def make(name: str) -> list[str]:
        made.append(name)
        return [name]

    path = tmp_path / "kept.jsonl"
    first = kept.Kept(path, "a", 3)
    assert [first.figures(name, lambda name=name: make(name)) for name in ("x", "y", "x")] == [["x"], ["y"], ["x"]]
    with path.open("a") as file:
        file.write('{"state": "a", "name": "z", "fig')
    again = kept.Kept(path, "a", 3)
    assert ("x" in again, "z" in again) == (True, False)
    again.figures("x", lambda: make("never"))
    assert made == ["x", "y"]
    kept.Kept(path, "b", 3).figures("x", lambda: make("other"))
    assert made == ["x", "y", "other"]


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_text('{"state": "a", "name": "z", "fig')
    kept.Kept(path, "a", 1).figures("x", lambda: 1)
    assert "x" in kept.Kept(path, "a", 1)
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()[1:]] == ["x"]


def test_the_state_names_content_and_not_time(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("1")
    before = kept.fingerprint([tmp_path / "one"])
    (tmp_path / "one").write_text("1")
    assert kept.fingerprint([tmp_path / "one"]) == before
    (tmp_path / "one").write_text("2")
    assert kept.fingerprint([tmp_path / "one"]) != before
