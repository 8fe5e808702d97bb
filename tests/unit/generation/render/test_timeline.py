"""Beats become frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.generation.composer.render.timeline import Timeline
from services.generation.composer.score import ControlChange, MixHints, Note, Part, PitchBend

RATE = 44_100


def part(*notes: Note, **changes) -> Part:
    return Part("part", "melody", bank=0, notes=notes, **{"program": 40, "drums": False, **changes})


@pytest.fixture
def timeline(make_score) -> Timeline:
    return Timeline(make_score(9.0), RATE)


def test_notes_fall_on_their_frames(timeline):
    # 120 beats a minute: a beat is half a second.
    events = timeline.notes(part(Note(1.0, 0.5, 60, 100), Note(2.5, 1.0, 62, 100)))
    assert [(event.start, event.end, event.key) for event in events] == [(22_050, 33_075, 60), (55_125, 77_175, 62)]


def test_notes_beyond_the_end_are_left_out(timeline):
    assert timeline.notes(part(Note(17.9, 1.0, 60, 90), Note(18.1, 1.0, 62, 90)))[-1].key == 60


def test_a_window_strikes_what_still_sounds_and_not_drums(timeline):
    notes = (Note(0.0, 8.0, 60, 100), Note(2.0, 1.0, 62, 100), Note(20.0, 1.0, 64, 100))
    events = timeline.notes(part(*notes), RATE, 2 * RATE)
    assert [(event.start, event.key, event.end) for event in events] == [(0, 60, 3 * RATE), (0, 62, RATE // 2)]
    assert [event.key for event in timeline.notes(part(*notes, drums=True), RATE, 2 * RATE)] == [62]


@pytest.mark.parametrize(
    ("program", "played", "heard"), [(40, 50, 78), (40, 80, 92), (40, 110, 110), (0, 80, 100), (0, 50, 78)]
)
def test_soft_parts_are_played_firmly_enough_and_pianos_more_so(timeline, program, played, heard):
    assert timeline.notes(part(Note(0.0, 1.0, 60, played), program=program))[0].velocity == heard


def test_accents_keep_their_distance_and_drums_their_ghosts(timeline):
    notes = (Note(0.0, 1.0, 60, 60), Note(1.0, 1.0, 60, 80), Note(2.0, 1.0, 60, 127))
    assert [event.velocity for event in timeline.notes(part(*notes))] == [63, 83, 127]
    assert [event.velocity for event in timeline.notes(part(*notes, drums=True))] == [60, 80, 127]


def test_controllers_reach_the_player(timeline):
    controlled = part(
        Note(0.0, 1.0, 60, 90),
        controls=(ControlChange(0.0, 64, 127), ControlChange(4.0, 64, 0), ControlChange(2.0, 11, 64)),
        bends=(PitchBend(2.0, 1.0),),
    )
    controls = timeline.controls(controlled)
    assert controls.released_at(1_000) == 2 * RATE
    assert controls.released_at(3 * RATE) == 3 * RATE
    block = controls.block(0, 2 * RATE // 32 * 32)
    assert block.bend_cents[0] == 0.0
    assert block.bend_cents[-1] == pytest.approx(100.0)
    assert block.expression[-1] == pytest.approx((64 / 127) ** 2)
    assert timeline.controls(controlled, RATE).block(RATE, 32).bend_cents[0] == pytest.approx(100.0)


def test_volume_and_pan_reach_the_player(timeline):
    changes = (ControlChange(0.0, 7, 64), ControlChange(0.0, 10, 127))
    controls = timeline.controls(part(Note(0.0, 1.0, 60, 90), controls=changes))
    assert controls.block(0, 32).expression == pytest.approx((64 / 127) ** 2)
    assert controls.balance(0, 32)[:, 0] == pytest.approx([0.0, 2**0.5], abs=1e-6)
    assert timeline.controls(part(Note(0.0, 1.0, 60, 90))).balance(0, 32) is None


def test_tape_drift_leaves_drums_alone(make_score):
    timeline = Timeline(make_score(9.0, mix=MixHints(wow_cents=10.0)), RATE)
    assert timeline.controls(part()).block(RATE, 3_200).bend_cents.any()
    assert not timeline.controls(part(drums=True)).block(RATE, 3_200).bend_cents.any()


def test_sections_have_their_level(timeline):
    gain = timeline.gain(0, timeline.total_frames)
    assert 20 * np.log10(gain[RATE]) == pytest.approx(-3.0, abs=0.01)
    assert 20 * np.log10(gain[5 * RATE]) == pytest.approx(0.0, abs=0.01)


def test_the_song_ends_in_silence(timeline):
    gain = timeline.gain(0, timeline.total_frames)
    assert gain[-1] < 1e-6
    assert (np.diff(gain[-round(0.5 * RATE) :]) <= 0).all()
    assert timeline.gain(5 * RATE, 1_000) is None


def test_the_kick_ducks_only_when_the_genre_asks(make_score):
    assert Timeline(make_score(9.0, mix=MixHints(sidechain_db=0.0)), RATE).ducking is None
    score = make_score(9.0)
    quiet = replace(score, parts=tuple(replace(each, drums=False) for each in score.parts))
    assert Timeline(quiet, RATE).ducking is None
    dips = Timeline(score, RATE).ducking.block(0, 4 * RATE)
    assert 20 * np.log10(dips.min()) == pytest.approx(-4.0, abs=0.3)
    assert np.argmin(dips[RATE // 2 : 3 * RATE // 2]) + RATE // 2 == pytest.approx(RATE, abs=600)


@pytest.mark.parametrize(("seconds", "fade"), [(0.5, 0.125), (4.0, 1.0), (9.0, 1.0), (60.5, 2.5)])
def test_the_fade_is_as_long_as_the_ring_out_and_never_a_large_part(make_score, seconds, fade):
    timeline = Timeline(make_score(seconds), RATE)
    assert (timeline.fade.end - timeline.fade.start) / RATE == pytest.approx(fade, abs=0.01)
    assert timeline.fade.end == round(seconds * RATE)
