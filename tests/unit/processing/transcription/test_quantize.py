"""The quantiser and the beat map, over every grid, strength and swing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.processing.analysis.meter import COMMON, Meter
from services.processing.transcription.note import Note
from services.processing.transcription.quantize import GRIDS, BeatMap, Quantizer
from services.processing.transcription.request import Grid, Quantize

times = st.floats(0, 300, allow_nan=False)
grids = st.sampled_from(sorted(GRIDS.values()))
shares = st.floats(0, 1)
gaps = st.lists(st.floats(0.15, 2.0), min_size=1, max_size=12)


@st.composite
def beat_maps(draw: st.DrawFn) -> BeatMap:
    seconds = [draw(st.floats(0, 2))]
    for gap in draw(gaps):
        seconds.append(seconds[-1] + gap)
    return BeatMap(seconds)


@st.composite
def notes(draw: st.DrawFn) -> Note:
    start = draw(times)
    return Note(start, start + draw(st.floats(0.01, 5)), draw(st.integers(0, 127)), draw(st.integers(1, 127)))


@given(beat_maps(), times)
def test_beats_and_seconds_are_inverses(beats: BeatMap, seconds: float) -> None:
    assert beats.seconds_at(beats.beat_at(seconds)) == pytest.approx(seconds, abs=1e-6)


@given(beat_maps())
def test_every_beat_of_the_map_is_a_whole_number(beats: BeatMap) -> None:
    for number, seconds in enumerate(beats.seconds):
        assert beats.beat_at(seconds) == pytest.approx(number, abs=1e-9)


@given(beat_maps(), times, times)
def test_later_is_later_in_beats_too(beats: BeatMap, one: float, other: float) -> None:
    first, second = sorted((one, other))
    assert beats.beat_at(first) <= beats.beat_at(second)


@given(grids, shares, st.booleans(), st.floats(-10, 300))
def test_a_line_stays_where_it_is(steps: float, swing: float, triplets: bool, beat: float) -> None:
    quantizer = Quantizer(steps, swing=swing, triplets=triplets)
    line = quantizer.line(beat)
    assert quantizer.line(line) == pytest.approx(line, abs=1e-9)


@given(grids, shares, shares, st.booleans(), st.floats(0, 300))
def test_strength_moves_that_share_of_the_way(
    steps: float, strength: float, swing: float, triplets: bool, beat: float
) -> None:
    quantizer = Quantizer(steps, strength, swing, triplets)
    moved, line = quantizer.moved(beat), quantizer.line(beat)
    assert abs(line - moved) == pytest.approx((1 - strength) * abs(line - beat), abs=1e-9)


@given(grids, st.floats(0, 300))
def test_straight_grid_is_the_nearest_multiple_of_a_step(steps: float, beat: float) -> None:
    line = Quantizer(steps).line(beat)
    assert line * steps == pytest.approx(round(line * steps), abs=1e-6)
    assert abs(line - beat) <= 0.5 / steps + 1e-9


def test_full_swing_is_a_triplet_and_no_swing_is_straight() -> None:
    assert Quantizer(2, swing=1.0).line(0.6) == pytest.approx(2 / 3)
    assert Quantizer(2, swing=0.0).line(0.6) == pytest.approx(0.5)
    assert Quantizer(4, swing=1.0).line(0.3) == pytest.approx(1 / 3)


def test_triplets_are_taken_where_they_are_nearer() -> None:
    quantizer = Quantizer(2, triplets=True)
    assert quantizer.line(0.34) == pytest.approx(1 / 3)
    assert quantizer.line(0.49) == pytest.approx(0.5)


@given(st.lists(notes(), max_size=20), beat_maps(), grids, shares, shares, st.booleans(), st.booleans())
def test_quantised_notes_keep_pitch_and_sound_and_lie_in_order(
    played: list[Note], beats: BeatMap, steps: float, strength: float, swing: float, triplets: bool, ends: bool
) -> None:
    made = Quantizer(steps, strength, swing, triplets, ends).apply(played, beats)
    assert sorted(note.pitch for note in made) == sorted(note.pitch for note in played)
    assert made == sorted(made)
    assert all(note.start >= 0 and note.end > note.start for note in made)


@given(st.lists(notes(), min_size=1, max_size=20), beat_maps())
def test_no_strength_changes_nothing(played: list[Note], beats: BeatMap) -> None:
    for before, after in zip(sorted(played), Quantizer(strength=0.0).apply(played, beats), strict=True):
        assert (after.start, after.end) == pytest.approx((before.start, before.end), abs=1e-6)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"strength": 1.1}, {"swing": -0.1}])
def test_impossible_grids_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="grid"):
        Quantizer(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("beats", [[], [1.0], [1.0, 1.0], [2.0, 1.0]])
def test_impossible_beat_maps_are_refused(beats: list[float]) -> None:
    with pytest.raises(ValueError, match="beat map"):
        BeatMap(beats)


@pytest.mark.parametrize(("grid", "lines"), [("1/4", 1), ("1/8", 3), ("1/8T", 3), ("1/16", 6)])
def test_grid_of_a_compound_meter_has_three_eighths_a_beat_and_no_swing(grid: Grid, lines: int) -> None:
    quantizer = Quantize(grid=grid, swing=1.0, triplets=True).quantizer(Meter(2, compound=True))
    assert {round(quantizer.line(step / 120.0) * lines, 9) for step in range(110)} <= set(range(lines + 1))
    assert Quantize(grid=grid, swing=1.0).quantizer(COMMON).swing == 1.0
