"""The delay pattern and its undoing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.generation.musicgen.delay_pattern import DelayPattern

PAD = 2048
delays = st.lists(st.integers(0, 5), min_size=1, max_size=8).map(lambda d: tuple(x - min(d) for x in d))


def test_staircase_is_the_papers_pattern() -> None:
    # Copet et al. 2023, figure 1, "delay": three frames of four codebooks.
    frames = [(10, 20, 30, 40), (11, 21, 31, 41), (12, 22, 32, 42)]
    assert DelayPattern.staircase(4).apply(frames, PAD) == [
        (10, PAD, PAD, PAD),
        (11, 20, PAD, PAD),
        (12, 21, 30, PAD),
        (PAD, 22, 31, 40),
        (PAD, PAD, 32, 41),
        (PAD, PAD, PAD, 42),
    ]


@given(pattern=delays, count=st.integers(1, 30))
def test_undo_gives_back_what_was_applied(pattern: tuple[int, ...], count: int) -> None:
    frames = [tuple(100 * k + t for k in range(len(pattern))) for t in range(count)]
    steps = DelayPattern(pattern).apply(frames, PAD)
    assert DelayPattern(pattern).undo(steps) == frames


def test_stereo_delays_the_channels_of_a_pair_alike() -> None:
    assert DelayPattern.interleaved(8, 2).delays == (0, 0, 1, 1, 2, 2, 3, 3)
    assert DelayPattern.interleaved(4, 1) == DelayPattern.staircase(4)
