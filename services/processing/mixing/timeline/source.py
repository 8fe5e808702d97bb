"""Finished audio as the mixer reads it: any stretch, at the session's sample rate, the same however it is cut.

Audio of another rate is converted by soxr in segments on a fixed grid, each with a margin of its neighbours: a segment
does not depend on what was read before it, so reading anywhere gives the same samples.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.processing.media.reading import HIGHEST_SAMPLE, inspect
from services.processing.mixing.block import Audio, silence
from services.shared.errors import AppError, ErrorCode

# About this long is a segment of converted audio, and its margin: soxr's VHQ filter is some 200 samples long.
_SEGMENT_SECONDS: Final = 2.0
_MARGIN_SECONDS: Final = 0.05
_KEPT_SEGMENTS: Final = 2
_MOST_CHANNELS: Final = 2

# Read at once, on a fixed grid: libsndfile's calls are dear, and neighbouring blocks share them.
_CHUNK_FRAMES: Final = 32_768


_FLOAT32_BITS: Final = 24

Samples = NDArray[np.float64] | NDArray[np.float32]


class Source(Protocol):
    """Audio of known length."""

    @property
    def frames(self) -> int:
        """Length in samples."""

    @property
    def held_bytes(self) -> int:
        """The most that it holds in memory while it is read."""

    def read(self, start: int, frames: int) -> Audio:
        """`[2, frames]` from `start`; silence outside of it. Raises UNSUPPORTED_MEDIA for damaged files."""

    def close(self) -> None:
        """Let go of the file. Idempotent; a later read opens it again."""


class FileSource:
    """A FLAC or WAV file at its own rate, mono on both sides."""

    def __init__(self, path: Path) -> None:
        info = inspect(path)
        if info.channels > _MOST_CHANNELS:
            raise AppError(ErrorCode.UNSUPPORTED_MEDIA, f"Audio of {info.channels} channels cannot be mixed.")
        self._path = path
        # Half the memory to move, where it holds every bit of a sample.
        self._dtype = "float32" if info.bits <= _FLOAT32_BITS or info.subtype == "FLOAT" else "float64"
        self._file: Any = None
        self._held: Samples = np.empty((0, 1))
        self._begin = 0
        self.rate_hz: Final = info.sample_rate_hz
        self.frames: Final = info.frames

    @property
    def held_bytes(self) -> int:
        """A chunk of the file."""
        return _CHUNK_FRAMES * _MOST_CHANNELS * np.dtype(self._dtype).itemsize

    def read(self, start: int, frames: int) -> Audio:
        """`[2, frames]` from `start`; silence outside of the file."""
        out = silence(frames)
        first, last = max(start, 0), min(start + frames, self.frames)
        if first < last:
            for begin in range(first // _CHUNK_FRAMES * _CHUNK_FRAMES, last, _CHUNK_FRAMES):
                a, b = max(first, begin), min(last, begin + _CHUNK_FRAMES)
                out[:, a - start : b - start] = self._chunk(begin)[a - begin : b - begin].T
        return out

    def _chunk(self, begin: int) -> Samples:
        if self._begin != begin or not len(self._held):
            self._held, self._begin = self._samples(begin, min(_CHUNK_FRAMES, self.frames - begin)), begin
        return self._held

    def _samples(self, start: int, frames: int) -> Samples:
        try:
            if self._file is None:
                self._file = soundfile.SoundFile(self._path)
            if self._begin + len(self._held) != start or not len(self._held):
                self._file.seek(start)
            samples: Samples = self._file.read(frames, dtype=self._dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _damaged() from error
        # Comparisons are false for NaN, which minimum and maximum hand on.
        if len(samples) < frames or not -HIGHEST_SAMPLE <= samples.min() <= samples.max() <= HIGHEST_SAMPLE:
            raise _damaged()
        return samples

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file, self._held = None, np.empty((0, 1))


class ConvertedSource:
    """Another source at another rate."""

    def __init__(self, source: Source, source_rate_hz: int, rate_hz: int) -> None:
        common = math.gcd(source_rate_hz, rate_hz)
        self._steps_in, self._steps_out = source_rate_hz // common, rate_hz // common
        self._units = max(1, round(_SEGMENT_SECONDS * common))
        self._margin = max(1, math.ceil(_MARGIN_SECONDS * common))
        self._source = source
        self._rates = (source_rate_hz, rate_hz)
        self._kept: OrderedDict[int, Audio] = OrderedDict()
        self.frames: Final = -(-source.frames * self._steps_out // self._steps_in)

    @property
    def held_bytes(self) -> int:
        """The segments that it keeps, and what its own source holds."""
        segment = self._units * self._steps_out * _MOST_CHANNELS * np.dtype(np.float64).itemsize
        return _KEPT_SEGMENTS * segment + self._source.held_bytes

    def read(self, start: int, frames: int) -> Audio:
        """`[2, frames]` from `start`; silence outside."""
        out = silence(frames)
        first, last = max(start, 0), min(start + frames, self.frames)
        length = self._units * self._steps_out
        for number in range(first // length, -(-last // length)) if first < last else ():
            begin = number * length
            a, b = max(first, begin), min(last, begin + length)
            out[:, a - start : b - start] = self._segment(number)[:, a - begin : b - begin]
        return out

    def _segment(self, number: int) -> Audio:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        begin = (number * self._units - self._margin) * self._steps_in
        raw = self._source.read(begin, (self._units + 2 * self._margin) * self._steps_in)
        made = soxr.resample(np.ascontiguousarray(raw.T), *self._rates, quality="VHQ")
        edge = self._margin * self._steps_out
        segment: Audio = np.ascontiguousarray(made[edge : edge + self._units * self._steps_out].T)
        self._kept[number] = segment
        while len(self._kept) > _KEPT_SEGMENTS:
            self._kept.popitem(last=False)
        return segment

    def close(self) -> None:
        """Close the file and forget the segments."""
        self._kept.clear()
        self._source.close()


def open_source(path: Path, rate_hz: int) -> Source:
    """A file at the session's rate. Raises UNSUPPORTED_MEDIA for what is no lossless mono or stereo audio."""
    source = FileSource(path)
    return source if source.rate_hz == rate_hz else ConvertedSource(source, source.rate_hz, rate_hz)


def _damaged() -> AppError:
    return AppError(ErrorCode.UNSUPPORTED_MEDIA, "The audio is damaged: it ends early or holds what is no sound.")
