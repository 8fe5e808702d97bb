"""The fader rides where a song would come out flat, or its soft sections too soft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.generation.backends.protocol import GenerationRequest
from services.generation.composer.compose import compose
from services.generation.composer.score import Note, Part, Score, SectionSpan
from services.generation.composer.section_levels import (
    NARROWEST_LU,
    WIDEST_LU,
    expected_powers,
    expected_range_lu,
    ridden,
)

BAR_SECONDS = 2.0
BARS = 8


def player(name: str, first_bar: int, velocity: int = 90, *, gain_db: float = 0.0, drums: bool = False) -> Part:
    """Quarter notes at 120 beats a minute from a bar on."""
    notes = tuple(Note(float(beat), 1.0, 60, velocity) for beat in range(4 * first_bar, 4 * 2 * BARS))
    return Part(name, "chords", 0, 128 if drums else 0, drums, notes, gain_db=gain_db)


def form(*, energies: tuple[float, float] = (0.4, 0.8), gains: tuple[float, float] = (0.0, 0.0)) -> list[SectionSpan]:
    return [
        SectionSpan("verse", 0, BARS, energies[0], gains[0]),
        SectionSpan("chorus", BARS, BARS, energies[1], gains[1]),
    ]


def powers(*parts: Part) -> list[float]:
    return expected_powers(parts, 0.5, 2 * BARS * BAR_SECONDS)


def range_of(spans: list[SectionSpan] | tuple[SectionSpan, ...], *parts: Part) -> float:
    return expected_range_lu(spans, powers(*parts), BAR_SECONDS)


def test_every_part_is_as_loud_as_its_fader_wherever_it_plays() -> None:
    late = player("late", BARS, gain_db=-6.0)
    heard = powers(player("early", 0), late)
    assert sum(heard[:30]) / 30 == pytest.approx(1.0, rel=0.05)
    assert sum(heard[-30:]) / 30 == pytest.approx(1.0 + 10**-0.6, rel=0.05)
    assert powers(replace(late, notes=())) == [0.0] * 64


def test_who_enters_widens_the_range_and_levels_add_to_it() -> None:
    alone, crowd = player("alone", 0), [player(str(number), BARS) for number in range(3)]
    flat = range_of(form(), alone)
    assert range_of(form(), alone, *crowd) - flat == pytest.approx(6.0, abs=0.5)
    assert range_of(form(gains=(-3.0, 0.0)), alone, *crowd) - flat == pytest.approx(9.0, abs=0.5)


def test_soft_sections_are_raised_until_the_range_fits() -> None:
    parts = [player("alone", 0), *(player(str(number), BARS) for number in range(9))]
    spans = form(gains=(-2.0, 0.0))
    assert range_of(spans, *parts) > WIDEST_LU + 2.0
    found = ridden(spans, powers(*parts), BAR_SECONDS)
    assert range_of(found, *parts) == pytest.approx(WIDEST_LU, abs=0.2)
    assert max(span.gain_db for span in found) == 0.0
    assert found[0].gain_db - found[1].gain_db > -2.0


def test_flat_songs_get_softer_soft_sections() -> None:
    parts = [player("alone", 0), player("friend", BARS)]
    assert range_of(form(), *parts) < NARROWEST_LU - 1.0
    found = ridden(form(), powers(*parts), BAR_SECONDS)
    assert found[1].gain_db == 0.0
    assert range_of(found, *parts) > range_of(form(), *parts) + 1.0


def test_a_section_that_is_soft_enough_is_not_lowered_further() -> None:
    spans = [SectionSpan("intro", 0, 2, 0.3, -9.0), SectionSpan("verse", 2, 7, 0.5), SectionSpan("chorus", 9, 7, 0.8)]
    heard = powers(player("alone", 0), player("friend", 9))
    found = ridden(spans, heard, BAR_SECONDS)
    assert found[0].gain_db - found[2].gain_db == -9.0
    assert found[1].gain_db - found[2].gain_db < -1.0


def test_a_ride_has_its_limit() -> None:
    parts = [player("alone", 0, gain_db=-20.0), *(player(str(number), BARS) for number in range(14))]
    found = ridden(form(), powers(*parts), BAR_SECONDS)
    assert found[0].gain_db - found[1].gain_db <= 4.0


def test_a_ride_leaves_sections_apart() -> None:
    # What is wide here are the bars within the sections: every second one is hardly played.
    busy = [note for note in player("busy", 0).notes if int(note.start_beats // 8) % 2 == 0]
    crowd = [replace(player(str(number), 0), notes=tuple(busy)) for number in range(14)]
    spans, heard = form(gains=(-6.0, 0.0)), powers(player("alone", 0), *crowd)
    assert expected_range_lu(spans, heard, BAR_SECONDS) > WIDEST_LU + 1.0
    found = ridden(spans, heard, BAR_SECONDS)
    assert found[1].gain_db - found[0].gain_db == pytest.approx(4.5, abs=0.1)


def test_songs_that_are_neither_stay_as_they_are() -> None:
    parts = [player("alone", 0), *(player(str(number), BARS) for number in range(7))]
    spans = form()
    assert NARROWEST_LU < range_of(spans, *parts) < WIDEST_LU
    assert ridden(spans, powers(*parts), BAR_SECONDS) == tuple(spans)
    # Nothing is known of a song of a few seconds, or of silence.
    assert ridden(spans, powers(*parts)[:8], BAR_SECONDS) == tuple(spans)
    assert ridden(spans, powers(), BAR_SECONDS) == tuple(spans)


def test_a_form_that_asks_for_no_contrast_is_left_alone(song: Callable[..., Score]) -> None:
    form = [{"section": name, "bars": 8, "prompt": "calm"} for name in ("intro", "chorus")]
    levels = [section.gain_db for section in song("ballad", 60.0, spec={"structure": form}).sections]
    assert max(levels) - min(levels) < 0.5


def test_the_levels_touch_no_note() -> None:
    # Its introduction of four bars is a piano alone, a quarter of the song before everybody plays.
    wide = compose(GenerationRequest("", 45.0, "composer", 16, spec={"genre": "ballad"}))
    seconds_per_bar = wide.beats_per_bar * wide.seconds_per_beat
    heard = expected_powers(wide.parts, wide.seconds_per_beat, wide.duration_seconds)
    flat = [replace(section, gain_db=0.0, swell_db=0.0) for section in wide.sections]
    assert expected_range_lu(flat, heard, seconds_per_bar) > WIDEST_LU
    assert expected_range_lu(wide.sections, heard, seconds_per_bar) == pytest.approx(WIDEST_LU, abs=0.7)
