"""A song's tokens over windows, against audiocraft's loop written out over whole arrays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generation.engine.timeline import Timeline, Tokens, Windows
from services.generation.musicgen.delay_pattern import DelayPattern

PAD = 999


def draw(history: tuple[Tokens, ...], step: int) -> Tokens:
    """A decoder that shows everything it has seen: the draw is a function of all inputs of its window."""
    return tuple(hash((history, step, codebook)) % 900 for codebook in range(len(history[0])))


def run(timeline: Timeline, chunk: int = 1000) -> list[Tokens]:
    frames: list[Tokens] = []
    window: list[Tokens] = []
    while not timeline.finished:
        if timeline.filled == 0:
            window = []
        while timeline.gap:
            window += timeline.fill(min(chunk, timeline.gap))
        window.append(timeline.inputs(timeline.step))
        assert len(window) == timeline.step + 1
        frames += timeline.accept(draw(tuple(window), timeline.noise_step))
    return frames


def reference(pattern: DelayPattern, frames: int, windows: Windows, prompt: list[Tokens]) -> list[Tokens]:
    """`extend_stride` as audiocraft's `_generate_tokens` does it: each window made as a song of its own."""
    song: list[Tokens] = list(prompt)
    start, known = 0, list(prompt)
    while True:
        length = min(frames - start, windows.frames)
        codebooks = len(pattern.delays)
        grid: list[list[int | None]] = [[frame[k] for frame in known] for k in range(codebooks)]
        steps: list[Tokens] = []
        for step in range(length + pattern.longest):
            drawn = draw(((PAD,) * codebooks, *steps), start + step)
            row = []
            for k, delay in enumerate(pattern.delays):
                if not delay <= step < delay + length:
                    row.append(PAD)
                elif step - delay < len(known):
                    row.append(known[step - delay][k])
                else:
                    row.append(drawn[k])
            steps.append(tuple(row))
        del grid
        made = pattern.undo(steps)
        song += made[len(known) :]
        if start + length >= frames:
            return song
        known = made[windows.stride :]
        start += windows.stride


shapes = st.tuples(st.integers(2, 12), st.integers(1, 12)).map(lambda t: Windows(t[0], min(t)))
patterns = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda d: DelayPattern(tuple(x - min(d) for x in d)))


@given(frames=st.integers(1, 50), windows=shapes, pattern=patterns, chunk=st.integers(1, 7))
def test_windows_follow_audiocrafts_extend_stride(
    frames: int, windows: Windows, pattern: DelayPattern, chunk: int
) -> None:
    assert run(Timeline(pattern, PAD, frames, windows), chunk) == reference(pattern, frames, windows, [])


@given(frames=st.integers(2, 50), windows=shapes, pattern=patterns, share=st.floats(0, 1, exclude_max=True))
def test_resumed_song_keeps_what_it_had_and_ends_the_same(
    frames: int, windows: Windows, pattern: DelayPattern, share: float
) -> None:
    whole = run(Timeline(pattern, PAD, frames, windows))
    known = whole[: int(share * frames)]
    assert run(Timeline(pattern, PAD, frames, windows, known)) == whole[len(known) :]


@given(windows=shapes, pattern=patterns, more=st.integers(1, 20), data=st.data())
def test_continuation_of_a_prompt_equals_audiocrafts(
    windows: Windows, pattern: DelayPattern, more: int, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, windows.frames - 1))
    prompt = [tuple(100 * k + t for k in range(len(pattern.delays))) for t in range(length)]
    made = run(Timeline(pattern, PAD, length + more, windows, prompt))
    assert prompt + made == reference(pattern, length + more, windows, prompt)


@given(frames=st.integers(1, 50), windows=shapes, pattern=patterns)
def test_noise_of_a_token_belongs_to_its_frame_and_codebook_in_whichever_window_it_is_drawn(
    frames: int, windows: Windows, pattern: DelayPattern
) -> None:
    timeline = Timeline(pattern, PAD, frames, windows)
    song: list[Tokens] = []
    while not timeline.finished:
        timeline.fill(timeline.gap)
        song += timeline.accept([timeline.noise_step] * len(pattern.delays))
    assert song == [tuple(frame + delay for delay in pattern.delays) for frame in range(frames)]


def test_song_with_nothing_to_do_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        Timeline(DelayPattern((0,)), PAD, 2, Windows(5, 5), [(1,), (2,)])


def test_filling_more_than_the_gap_is_refused() -> None:
    timeline = Timeline(DelayPattern((0,)), PAD, 5, Windows(5, 5), [(1,), (2,)])
    assert timeline.gap == 2
    with pytest.raises(ValueError, match="less"):
        timeline.fill(3)


@pytest.mark.parametrize("stride", [0, 13])
def test_stride_that_skips_or_stands_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        Windows(12, stride)


def test_windows_of_a_long_song_begin_to_draw_a_stride_apart() -> None:
    windows = Windows(1500, 900)
    assert windows.first_drawn(3500) == [0, 1500, 2400, 3300]
    assert [windows.start(frame) for frame in (0, 1499, 1500, 2399, 2400, 3300)] == [0, 0, 900, 900, 1800, 2700]
    assert windows.first_drawn(1500) == [0]
