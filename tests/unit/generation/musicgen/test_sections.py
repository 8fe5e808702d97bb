"""A song's form from `structure` or from the prompt's brackets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.backends.protocol import Section
from services.generation.musicgen.sections import Passage, passages, with_tempo_and_key
from services.shared.errors import AppError, ErrorCode


def form(prompt: str, *structure: Section, bpm: float | None = None, seconds: float = 30.0) -> list[tuple[float, str]]:
    return [(part.seconds, part.prompt) for part in passages(prompt, structure, bpm, seconds)]


def test_prompt_without_a_form_is_one_passage() -> None:
    assert form("warm piano [really]", seconds=5.0) != []
    assert form("warm piano") == [(0.0, "warm piano")]
    assert form("") == [(0.0, "")]


def test_sections_follow_each_other_and_share_the_prompt() -> None:
    structure = [Section("intro", seconds=8.0, prompt="soft piano"), Section("chorus", seconds=12.0)]
    assert form("lo-fi", *structure) == [(0.0, "lo-fi, intro, soft piano"), (8.0, "lo-fi, chorus")]


def test_bars_are_four_beats_at_the_given_tempo() -> None:
    assert form("x", Section("a", bars=4), Section("b", bars=8), bpm=120.0)[1] == (8.0, "x, b")
    with pytest.raises(AppError, match="tempo") as caught:
        form("x", Section("a", bars=4))
    assert caught.value.violations[0].pointer == "/structure/0/bars"


def test_brackets_say_lengths_and_beginnings() -> None:
    found = form("lo-fi [intro 8s] soft piano [chorus @0:20] full band [outro @25s]")
    assert found == [
        (0.0, "lo-fi, intro, soft piano"), (20.0, "lo-fi, chorus, full band"), (25.0, "lo-fi, outro"),
    ]  # fmt: skip


def test_sections_without_times_share_what_is_left() -> None:
    assert [at for at, _ in form("[a] x [b] y [c] z")] == [0.0, 10.0, 20.0]
    assert [at for at, _ in form("[a 6s] x [b] y [c] z [d @24s] w")] == [0.0, 6.0, 15.0, 24.0]


def test_late_first_section_leaves_its_lead_to_the_common_words() -> None:
    assert form("drums [solo @10s] guitar") == [(0.0, "drums"), (10.0, "drums, solo, guitar")]


def test_sections_after_the_end_are_left_out() -> None:
    assert form("x", Section("a", seconds=20.0), Section("b", seconds=20.0), Section("c", seconds=5.0)) == [
        (0.0, "x, a"),
        (20.0, "x, b"),
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        f"piano [intro @{'9' * 400}s] drums",
        f"piano [intro {'9' * 400}s] drums [outro] more",
        "piano [intro @3601s] drums",
        "piano " + "[a] x " * 65,
        "p" * 1_900 + " [a] x [b] y [c] z [d] u [e] v [f] w",
    ],
    ids=["no such time", "no such length", "beyond an hour", "too many", "too many words"],
)
def test_form_that_no_song_can_have_is_refused_in_words(prompt: str) -> None:
    with pytest.raises(AppError) as caught:
        form(prompt)
    assert caught.value.code is ErrorCode.VALIDATION
    assert caught.value.violations[0].pointer == "/prompt"


def test_words_that_come_again_count_once() -> None:
    long = [Section("verse", seconds=1.0, prompt="a" * 1_900), Section("chorus", seconds=1.0, prompt="b" * 1_900)]
    assert len(form("x", *(long * 8))) == 16


def test_sections_of_a_structure_are_bounded_alike() -> None:
    many = [Section(f"part {index}", seconds=0.5) for index in range(65)]
    words = [Section(f"part {index}", seconds=0.5, prompt="x" * 1_900) for index in range(6)]
    for structure in (many, words):
        with pytest.raises(AppError) as caught:
            form("x", *structure)
        assert caught.value.violations[0].pointer == "/structure"


def test_two_forms_at_once_and_times_that_run_backwards_are_refused() -> None:
    for prompt, structure in (("[a 3s] b", [Section("c", seconds=3.0)]), ("[a @20s] x [b @10s] y", [])):
        with pytest.raises(AppError) as caught:
            form(prompt, *structure)
        assert caught.value.code is ErrorCode.VALIDATION


@given(text=st.text(max_size=60), seconds=st.floats(1.0, 300.0))
def test_any_prompt_has_a_form_in_order_or_is_refused_in_words(text: str, seconds: float) -> None:
    try:
        found = passages(text, (), None, seconds)
    except AppError:
        return
    starts = [part.seconds for part in found]
    assert starts[0] == 0.0
    assert starts == sorted(starts)
    assert starts[-1] < seconds


tags = st.lists(
    st.tuples(st.sampled_from(["", " 5s", " 12.5s", " @0:10", " @1:05", " @33s"]), st.text("ab ", max_size=5)),
    max_size=6,
)


@given(parts=tags, seconds=st.floats(1.0, 120.0))
def test_any_brackets_have_a_form_in_order_or_are_refused(parts: list[tuple[str, str]], seconds: float) -> None:
    prompt = "song " + " ".join(f"[part{time}] {words}" for time, words in parts)
    try:
        found = passages(prompt, (), None, seconds)
    except AppError:
        return
    starts = [part.seconds for part in found]
    assert starts[0] == 0.0
    assert starts == sorted(starts)
    assert all(isinstance(part, Passage) and "[" not in part.prompt for part in found)


def test_tempo_and_key_are_said_as_in_the_training_data() -> None:
    assert with_tempo_and_key("lo-fi.", 90.0, "A minor") == "lo-fi. key: A minor. bpm: 90"
    assert with_tempo_and_key("lo-fi.", None, "") == "lo-fi."
    assert with_tempo_and_key("", 90.5, "") == ""
