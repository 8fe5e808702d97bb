"""Peaks to draw a waveform with: computed once, then any number of points is answered from them.

`peaks.bin`, little-endian: magic "MGPK", version (u16), number of levels (u16), frames (u64), sample rate in Hz (u32),
frames a bucket of the finest level (u32); then each level, finest first, as float32 `[buckets, 2]` (minimum, maximum
over all channels). A bucket of the next level covers two of the one before.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.shared.errors import AppError, ErrorCode

FEWEST_POINTS: Final = 16
MOST_POINTS: Final = 8_192
MOST_BUCKETS: Final = 65_536

# A level is fine enough when each part of the answer spans at least so many buckets.
_BUCKETS_A_POINT: Final = 16
_MAGIC: Final = b"MGPK"
_VERSION: Final = 1
_HEADER: Final = struct.Struct("<4sHHQII")
HEADER_BYTES: Final = _HEADER.size
_BUCKET_BYTES: Final = 8

Peaks = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each level lies in a `peaks.bin`."""

    frames: int
    sample_rate_hz: int
    finest_frames: int
    levels: int

    @property
    def duration_seconds(self) -> float:
        """Length of the audio."""
        return self.frames / self.sample_rate_hz

    def bucket_frames(self, level: int) -> int:
        """Frames that a bucket of a level covers."""
        return self.finest_frames << level

    def buckets(self, level: int) -> int:
        """How many buckets a level has; 0 is the finest."""
        return -(-self.frames // self.bucket_frames(level))

    def level_for(self, points: int) -> int:
        """The coarsest level that is fine enough for an answer of so many points; the finest if none is."""
        wanted = points * _BUCKETS_A_POINT
        return max((level for level in range(self.levels) if self.buckets(level) >= wanted), default=0)

    def byte_range(self, level: int) -> tuple[int, int]:
        """First byte and the one after the last of a level."""
        start = HEADER_BYTES + _BUCKET_BYTES * sum(self.buckets(finer) for finer in range(level))
        return start, start + _BUCKET_BYTES * self.buckets(level)


def build(blocks: Iterable[NDArray[np.float32]], frames: int, sample_rate_hz: int) -> bytes:
    """The whole `peaks.bin` of audio given as blocks `[frames, channels]`, `frames` in all."""
    finest = 1 << max(0, math.ceil(math.log2(max(1, frames) / MOST_BUCKETS)))
    level = np.concatenate([*_buckets(blocks, finest), np.zeros((0, 2), dtype=np.float32)])
    levels = [level]
    while len(levels[-1]) > FEWEST_POINTS * _BUCKETS_A_POINT:
        levels.append(_halved(levels[-1]))
    header = _HEADER.pack(_MAGIC, _VERSION, len(levels), frames, sample_rate_hz, finest)
    return header + b"".join(item.astype("<f4").tobytes() for item in levels)


def _buckets(blocks: Iterable[NDArray[np.float32]], size: int) -> Iterator[Peaks]:
    """The extremes of every `size` frames over all channels; the last bucket may be shorter."""
    kept: NDArray[np.float32] | None = None
    for block in blocks:
        frames = block if kept is None else np.concatenate([kept, block])
        whole = len(frames) // size * size
        if whole:
            # Row by row of whole buckets: contiguous, and much quicker than along an axis.
            rows = frames[:whole].reshape(whole // size, -1)
            yield np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)
        kept = frames[whole:]
    if kept is not None and len(kept):
        yield np.array([[kept.min(), kept.max()]], dtype=np.float32)


def _halved(level: Peaks) -> Peaks:
    starts = np.arange(0, len(level), 2)
    return np.stack([np.minimum.reduceat(level[:, 0], starts), np.maximum.reduceat(level[:, 1], starts)], axis=1)


def read_layout(header: bytes) -> Layout:
    """The layout of a `peaks.bin`. Raises INTERNAL for what is none."""
    if len(header) >= HEADER_BYTES:
        magic, version, levels, frames, rate, finest = _HEADER.unpack_from(header)
        if (magic, version) == (_MAGIC, _VERSION) and levels and rate and finest:
            return Layout(frames, rate, finest, levels)
    raise AppError(ErrorCode.INTERNAL, "The waveform cannot be read.")


def read_level(data: bytes) -> Peaks:
    """The bytes of one level as `[buckets, 2]`."""
    return np.frombuffer(data, dtype="<f4").reshape(-1, 2).astype(np.float32)


def parts(frames: int, points: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First frame, and the one after the last, of each of `points` equal parts. None is empty in audio that is not."""
    edges = np.arange(points + 1, dtype=np.int64) * frames
    starts = np.minimum(edges[:-1] // points, max(0, frames - 1))
    ends = np.minimum(np.maximum(-(-edges[1:] // points), starts + 1), frames)
    return starts, ends


def answer(layout: Layout, level: int, peaks: Peaks, points: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Minima and maxima of `points` equal parts.

    Exactly the extremes of each part widened to whole buckets: never less than what is there, and nothing from beyond
    the bucket at either end.
    """
    if layout.frames == 0:
        return np.zeros(points, dtype=np.float32), np.zeros(points, dtype=np.float32)
    starts, ends = parts(layout.frames, points)
    size = layout.bucket_frames(level)
    first, after = starts // size, -(-ends // size)
    # reduceat takes pairs of positions; every second result is a part, the rest lies between two of them.
    positions = np.stack([first, np.minimum(after, len(peaks))], axis=1).reshape(-1)
    padded = np.concatenate([peaks, peaks[-1:]])
    return (
        np.minimum.reduceat(padded[:, 0], positions)[::2],
        np.maximum.reduceat(padded[:, 1], positions)[::2],
    )


def check_points(points: int) -> None:
    """Raise VALIDATION for a number of points that is not offered."""
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise AppError.field("/points", f"Ask for {FEWEST_POINTS} to {MOST_POINTS:,} points.")
