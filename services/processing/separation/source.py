"""A master on disk as separators read it, and the way back to its own rate and channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from services.processing.media.reading import SourceInfo, blocks, inspect
from services.processing.separation.separator import RATE_HZ, Check, Stereo
from services.shared.errors import AppError, ErrorCode


class Master:
    """A lossless file of one or two channels at any rate. Raises UNSUPPORTED_MEDIA for anything else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.info: SourceInfo = inspect(path)
        if self.info.channels > 2:
            message = f"Stems are separated from mono and stereo, not from {self.info.channels} channels."
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA, message)
        if self.info.frames == 0:
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA, "The track is empty.")
        # At 44.1 kHz; soxr may give a sample more or less, which is why `blocks` counts.
        self.frames = max(1, round(self.info.frames * RATE_HZ / self.info.sample_rate_hz))

    def raw(self, check: Check) -> Iterator[NDArray[np.float32]]:
        """The file's own samples `[frames, channels]`, in blocks."""
        return blocks(self._path, check)

    def blocks(self, check: Check) -> Iterator[Stereo]:
        """The samples as stereo at 44.1 kHz, exactly `frames` of them."""
        samples = resampled(self.raw(check), self.info.sample_rate_hz, RATE_HZ, self.info.channels)
        for block in exactly(samples, self.frames, self.info.channels):
            yield np.ascontiguousarray(np.broadcast_to(block, (len(block), 2)) if self.info.channels == 1 else block)


def resampled(
    samples: Iterator[NDArray[np.float32]], from_hz: int, to_hz: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    """The same sound at another rate, block by block."""
    if from_hz == to_hz:
        yield from samples
        return
    stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32", quality="VHQ")
    for block in samples:
        yield _columns(stream.resample_chunk(block), channels)
    yield _columns(stream.resample_chunk(np.zeros((0, channels), np.float32), last=True), channels)


def exactly(samples: Iterator[NDArray[np.float32]], frames: int, channels: int) -> Iterator[NDArray[np.float32]]:
    """Cut or fill up with silence to `frames`."""
    left = frames
    for block in samples:
        part = block[:left]
        left -= len(part)
        if len(part):
            yield part
    if left:
        yield np.zeros((left, channels), np.float32)


def _columns(block: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    return block.reshape(-1, channels)


class Rechunk:
    """Takes blocks of any size, hands out what is asked for. `pull` makes the next block or raises StopIteration."""

    def __init__(self, pull: Callable[[], NDArray[np.float32]], channels: int) -> None:
        self._pull = pull
        self.channels = channels
        self._held = np.zeros((0, channels), np.float32)

    def take(self, frames: int) -> NDArray[np.float32]:
        """The next `frames`; fewer only at the end."""
        parts, have = [self._held], len(self._held)
        while have < frames:
            try:
                block = self._pull()
            except StopIteration:
                break
            parts.append(block)
            have += len(block)
        whole = np.concatenate(parts)
        self._held = whole[frames:].copy()
        return whole[:frames]
