"""Pattern strings in every meter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.composer.patterns import Meter, compile_pattern

BEAT = 960
FOUR = Meter(4)


def test_steps_are_placed_and_held() -> None:
    (bar,) = compile_pattern("x---..x-....x...", FOUR).bars
    assert [(step.tick, step.length, step.symbol) for step in bar] == [
        (0, 4 * 240, "x"),
        (6 * 240, 2 * 240, "x"),
        (12 * 240, 240, "x"),
    ]


def test_twelve_steps_are_triplets_that_do_not_swing() -> None:
    pattern = compile_pattern("x.xx.xx.xx.x", FOUR)
    assert not pattern.swings
    assert [step.tick for step in pattern.bar(0)][:3] == [0, 640, 960]


def test_bars_alternate() -> None:
    pattern = compile_pattern("x...............|........x.......", FOUR)
    assert [pattern.bar(index)[0].tick for index in range(4)] == [0, 8 * 240, 0, 8 * 240]


def test_three_four_keeps_the_first_two_beats_and_the_last() -> None:
    (bar,) = compile_pattern("x...s.......b...", Meter(3)).bars
    assert [(step.tick // BEAT, step.symbol) for step in bar] == [(0, "x"), (1, "s"), (2, "b")]


def test_two_four_splits_a_bar_in_two() -> None:
    first, second = compile_pattern("x.......o.......", Meter(2)).bars
    assert first[0].symbol == "x"
    assert second[0].symbol == "o"


def test_native_patterns_are_taken_as_they_are() -> None:
    (bar,) = compile_pattern("3:b---t---t---", Meter(3)).bars
    assert [step.tick // BEAT for step in bar] == [0, 1, 2]
    (bar,) = compile_pattern("6:b-1-2-3-2-1-", Meter(3, compound=True)).bars
    assert [step.tick for step in bar] == [index * 480 for index in range(6)]


def test_six_eight_turns_beats_into_dotted_beats() -> None:
    (bar,) = compile_pattern("x.o.x.o.x.o.x.o.", Meter(3, compound=True)).bars
    assert [step.tick for step in bar] == [index * 480 for index in range(6)]
    (back_beat,) = compile_pattern("....x.......x...", Meter(3, compound=True)).bars
    assert [step.tick for step in back_beat] == [3 * 480]


@given(
    text=st.text(alphabet="xo.-X?g", min_size=16, max_size=16),
    meter=st.sampled_from([Meter(2), Meter(3), Meter(4), Meter(5), Meter(6), Meter(7), Meter(3, compound=True)]),
)
def test_every_step_lies_inside_its_bar_in_every_meter(text: str, meter: Meter) -> None:
    for bar in compile_pattern(text, meter).bars:
        ends = [0]
        for step in bar:
            assert step.tick >= ends[-1]
            ends.append(step.tick + step.length)
        assert ends[-1] <= meter.bar_ticks


@pytest.mark.parametrize("text", ["x.", "x....", "", "x...|..."])
def test_a_pattern_that_does_not_divide_into_beats_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="beats"):
        compile_pattern(text, FOUR)


def test_strong_beats_depend_on_the_meter() -> None:
    assert [beat for beat in range(4) if FOUR.is_strong(beat * BEAT)] == [0, 2]
    assert [beat for beat in range(3) if Meter(3).is_strong(beat * BEAT)] == [0]
    assert [beat for beat in range(5) if Meter(5).is_strong(beat * BEAT)] == [0, 3]
    assert Meter(3, compound=True).is_strong(3 * 480)
