"""Peaks against the brute-force answer, for any audio, any cut into blocks and any number of points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.processing.analysis import waveform
from services.processing.analysis.waveforms import Waveforms
from services.processing.heavy_work import HeavyWork
from services.processing.scratch import Scratch
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

Samples = NDArray[np.float32]


def cut(samples: Samples, size: int) -> Iterator[Samples]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


def ask(data: bytes, points: int) -> tuple[waveform.Layout, int, Samples, Samples]:
    layout = waveform.read_layout(data[: waveform.HEADER_BYTES])
    level = layout.level_for(points)
    start, end = layout.byte_range(level)
    minima, maxima = waveform.answer(layout, level, waveform.read_level(data[start:end]), points)
    return layout, level, minima, maxima


@settings(deadline=None, max_examples=60)
@given(
    frames=st.one_of(st.integers(1, 3_000), st.integers(60_000, 400_000)),
    channels=st.integers(1, 3),
    points=st.integers(waveform.FEWEST_POINTS, waveform.MOST_POINTS),
    block=st.integers(1, 70_000),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_number_of_points_is_answered_within_exact_bounds(
    frames: int, channels: int, points: int, block: int, seed: int
) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)
    data = waveform.build(cut(samples, max(block, frames // 50)), frames, 44_100)
    layout, level, minima, maxima = ask(data, points)
    size = layout.bucket_frames(level)
    low, high = samples.min(axis=1), samples.max(axis=1)
    starts, ends = waveform.parts(frames, points)
    assert len(minima) == len(maxima) == points
    assert starts[0] == 0
    assert ends[-1] == frames
    assert (starts[1:] <= ends[:-1]).all(), "no frame is left out"
    for index in range(points):
        widened = slice(starts[index] // size * size, -(-ends[index] // size) * size)
        assert minima[index] == low[widened].min()
        assert maxima[index] == high[widened].max()
    # Widening is little: at most one bucket at either end, and a part has many unless buckets are single frames.
    assert size == 1 or frames / points >= 8 * size or level == 0


def test_blocks_smaller_than_a_bucket_are_put_together() -> None:
    samples = np.arange(200_000, dtype=np.float32)[:, None] / 200_000
    whole = waveform.build([samples], len(samples), 44_100)
    assert waveform.build(cut(samples, 3), len(samples), 44_100) == whole


def test_short_audio_is_answered_frame_by_frame() -> None:
    samples = np.array([[0.5], [-0.25], [1.0]], dtype=np.float32)
    _, _, minima, maxima = ask(waveform.build([samples], 3, 44_100), 16)
    assert (minima[0], maxima[0]) == (0.5, 0.5)
    assert (minima[5], maxima[5]) == (-0.25, 0.5), "the sixth of sixteen parts spans two of three frames"
    assert (minima[15], maxima[15]) == (1.0, 1.0)


def test_empty_audio_is_a_flat_line() -> None:
    layout, _, minima, maxima = ask(waveform.build([], 0, 44_100), 16)
    assert layout.duration_seconds == 0.0
    assert not minima.any()
    assert not maxima.any()


def test_pyramid_is_small_and_coarse_answers_read_little() -> None:
    frames = 44_100 * 600
    peaks = waveform.build(iter(np.zeros((44_100, 1), dtype=np.float32) for _ in range(600)), frames, 44_100)
    assert len(peaks) < 1_100_000
    layout = waveform.read_layout(peaks)
    start, end = layout.byte_range(layout.level_for(100))
    assert end - start < 32_768
    assert layout.duration_seconds == 600.0
    assert layout.byte_range(layout.levels - 1)[1] == len(peaks)


@pytest.mark.parametrize("data", [b"", b"MGPK", b"XXXX" + bytes(40), b"MGPK\x09\x00" + bytes(40)])
def test_foreign_bytes_are_no_peaks(data: bytes) -> None:
    with pytest.raises(AppError) as raised:
        waveform.read_layout(data)
    assert raised.value.code is ErrorCode.INTERNAL


@pytest.fixture
def waveforms(store: ObjectStore, scratch: Scratch, heavy: HeavyWork) -> Waveforms:
    return Waveforms(store, scratch, heavy, linger_seconds=5.0)


async def test_stored_audio_gets_its_peaks_once(
    waveforms: Waveforms, store: ObjectStore, master: Path, music: Any
) -> None:
    await store.put_file("jobs/j/1/master.flac", master)
    first = await waveforms.get("jobs/j/1/master.flac", 1000)
    assert first.duration_seconds == pytest.approx(3.0)
    assert first.maxima.max() == pytest.approx(music.max(), abs=1e-6)
    assert first.minima.min() == pytest.approx(music.min(), abs=1e-6)
    await store.delete("jobs/j/1/master.flac")
    again = await waveforms.get("jobs/j/1/master.flac", 16)
    assert len(again.minima) == 16
    await waveforms.aclose()


@pytest.mark.parametrize("points", [-1, 0, 15, 8_193])
async def test_number_of_points_has_limits(waveforms: Waveforms, points: int) -> None:
    with pytest.raises(AppError) as raised:
        await waveforms.get("jobs/j/1/master.flac", points)
    assert raised.value.violations[0].pointer == "/points"


async def test_missing_audio_has_no_waveform(waveforms: Waveforms) -> None:
    with pytest.raises(AppError) as raised:
        await waveforms.get("jobs/none/1/master.flac", 100)
    assert raised.value.code is ErrorCode.NOT_FOUND
