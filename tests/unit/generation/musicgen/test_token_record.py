"""A song's frames as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.musicgen.token_record import TokenRecord

RECORD = TokenRecord("musicgen-small", "abc", 4)
frames = st.lists(st.tuples(*[st.integers(0, 65_535)] * 4), max_size=20)


@given(frames=frames, cut=st.integers(0, 7))
def test_frames_come_back_and_a_broken_last_one_is_left_out(frames: list[tuple[int, ...]], cut: int) -> None:
    data = RECORD.header + RECORD.pack(frames)
    assert RECORD.unpack(data + bytes(cut)) == frames


@given(data=st.binary(max_size=64))
def test_anything_else_is_nobodys_record(data: bytes) -> None:
    if not data.startswith(RECORD.header):
        assert RECORD.unpack(data) is None


@pytest.mark.parametrize(
    "other",
    [
        TokenRecord("musicgen-medium", "abc", 4),
        TokenRecord("musicgen-small", "x", 4),
        TokenRecord("musicgen-small", "abc", 8),
    ],
)
def test_record_of_another_model_is_not_taken(other: TokenRecord) -> None:
    assert other.unpack(RECORD.header) is None


@given(frames=frames, vocabulary=st.integers(1, 65_536))
def test_nothing_is_taken_from_the_first_token_on_that_the_model_does_not_have(
    frames: list[tuple[int, ...]], vocabulary: int
) -> None:
    record = TokenRecord("musicgen-small", "abc", 4, vocabulary)
    kept = record.unpack(record.header + record.pack(frames))
    assert kept == frames[: len(kept or [])]
    assert all(token < vocabulary for frame in kept or [] for token in frame)
    assert len(kept or []) == len(frames) or max(frames[len(kept or [])]) >= vocabulary


def test_tokens_beyond_sixteen_bits_are_refused() -> None:
    with pytest.raises(OverflowError):
        RECORD.pack([(70_000, 0, 0, 0)])
