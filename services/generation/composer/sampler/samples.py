"""Samples as the voices read them: decoded as far as somebody has played, looped without a seam, within a bound.

A grand piano holds minutes of compressed audio, of which a song plays a few seconds: each sample is decoded from its
start and further on when a voice gets there. The arrays are shared by every song of the process.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.generation.composer.sampler.interpolation import GUARD, HALF_TAPS
from services.generation.composer.sampler.riff import damaged
from services.generation.composer.sampler.soundfont import SampleHeader

Float32 = NDArray[np.float32]

# libsndfile has crashed on very long single calls; reading in blocks costs nothing.
_BLOCK_FRAMES = 16_384
_MAX_FRAMES = 10_000_000
_MIN_LOOP_FRAMES = 4
# Lossy compression leaves a small step where a loop jumps back: the last frames before it fade into those before its
# start.
_SEAM_FRAMES = 32
# A sample that is cut off while it still sounds would click.
_TAIL_FRAMES = 96
_MAX_AMPLITUDE = 8.0


@dataclass(frozen=True, slots=True)
class Playback:
    """Which frames of a sample a region plays: `[start, end)`, and its loop `[loop_start, loop_end)` if it has one.

    `through` regions leave their loop when the key is released and play on to the end (sample mode 3).
    """

    sample: SampleHeader
    start: int
    end: int | None
    loop_start: int
    loop_end: int
    looped: bool
    through: bool

    def __hash__(self) -> int:
        # Looked up for every note: what tells most of them apart is enough.
        return hash((self.sample.index, self.start, self.loop_start))


class _Decoder(Protocol):
    frames: int

    def read(self, frames: int) -> Float32:
        """The next frames, mono; fewer at the end."""

    def close(self) -> None:
        """Release what is held."""


class _PlainDecoder:
    """16-bit frames straight from the file (SoundFont 2)."""

    def __init__(self, data: memoryview) -> None:
        self._data = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2")
        self.frames = len(self._data)
        self._position = 0

    def read(self, frames: int) -> Float32:
        block = self._data[self._position : self._position + frames]
        self._position += len(block)
        return block.astype(np.float32) / np.float32(32_768.0)

    def close(self) -> None:
        self._data = self._data[:0]


class _VorbisDecoder:
    """An Ogg Vorbis stream inside the file (SoundFont 3)."""

    def __init__(self, data: memoryview) -> None:
        try:
            self._file = soundfile.SoundFile(io.BytesIO(data))
        except soundfile.LibsndfileError as error:
            raise damaged(f"a compressed sample cannot be decoded ({error})") from error
        self.frames = self._file.frames
        if self._file.channels != 1 or not 0 < self.frames <= _MAX_FRAMES:
            self._file.close()
            raise damaged("a compressed sample is not mono, empty or endless")

    def read(self, frames: int) -> Float32:
        try:
            block: Float32 = self._file.read(frames, dtype="float32")
        except soundfile.LibsndfileError as error:
            raise damaged(f"a compressed sample cannot be decoded ({error})") from error
        return block

    def close(self) -> None:
        self._file.close()


class Sample:
    """One playable sample. `data` starts with `GUARD` frames of silence, so the interpolation never looks outside.

    `wrap_start` and `wrap_end` are where the read position jumps back, in frames of `data`; both lie `HALF_TAPS` behind
    the loop's own points, so that all the neighbours of a position at the jump are the loop's. `end` is the last frame.
    """

    def __init__(self, data: memoryview, playback: Playback) -> None:
        decoder: _Decoder = _VorbisDecoder(data) if playback.sample.vorbis else _PlainDecoder(data)
        frames = decoder.frames if playback.end is None else min(playback.end, decoder.frames)
        start = min(max(playback.start, 0), max(frames - 1, 0))
        loop_start, loop_end = playback.loop_start - start, playback.loop_end - start
        frames -= start
        self.looped = (
            playback.looped and loop_start >= 0 and loop_end <= frames and loop_end - loop_start >= _MIN_LOOP_FRAMES
        )
        self.through = playback.through and self.looped
        self._loop = (loop_start, loop_end)
        self._cut = loop_end if self.looped and not self.through else frames
        self._skip = start
        self._decoder: _Decoder | None = decoder
        self._lock = threading.Lock()
        self._decoded = 0
        seam = HALF_TAPS if self.looped and not self.through else 0
        self.wrap_start = GUARD + loop_start + seam
        self.wrap_end = GUARD + loop_end + seam
        self.end = GUARD + self._cut
        # Pages of the array that nobody writes to cost no memory.
        self.data: Float32 = np.zeros(self._cut + 2 * GUARD, np.float32)

    @property
    def decoded_bytes(self) -> int:
        """Memory in use."""
        return self._decoded * 4

    def ensure(self, position: float) -> int:
        """Decode until every frame that a voice at `position` can read is there; answers how many bytes that took."""
        needed = int(position) - GUARD + HALF_TAPS + 1
        if needed <= self._decoded or self._decoder is None:
            return 0
        with self._lock:
            before = self._decoded
            # What happens to the last frames (seam, fade) depends on all of them.
            if needed > self._cut - max(_SEAM_FRAMES, _TAIL_FRAMES) - _BLOCK_FRAMES:
                needed = self._cut
            while self._decoder is not None and self._decoded < needed:
                self._read_block()
            return (self._decoded - before) * 4

    def _read_block(self) -> None:
        decoder = self._decoder
        if decoder is None:
            return
        while self._skip > 0:
            skipped = len(decoder.read(min(self._skip, _BLOCK_FRAMES)))
            self._skip = self._skip - skipped if skipped else 0
        wanted = min(_BLOCK_FRAMES, self._cut - self._decoded)
        block = decoder.read(wanted)
        # A float comparison with NaN is false, so this also refuses what is not finite.
        if len(block) and not float(np.abs(block).max()) <= _MAX_AMPLITUDE:
            raise damaged("a sample holds values beyond any level")
        position = GUARD + self._decoded
        self.data[position : position + len(block)] = block
        decoded = self._decoded + len(block)
        # A stream that is shorter than it claims ends in silence.
        if decoded >= self._cut or len(block) < wanted:
            decoded = self._cut
            self._finish()
            decoder.close()
            self._decoder = None
        self._decoded = decoded

    def _finish(self) -> None:
        loop_start, loop_end = (GUARD + point for point in self._loop)
        if self.looped and not self.through:
            length = min(_SEAM_FRAMES, loop_start - GUARD, (loop_end - loop_start) // 2)
            if length > 0:
                fade = (np.arange(1, length + 1, dtype=np.float32) / np.float32(length + 1))[:]
                tail = self.data[loop_end - length : loop_end]
                tail += (self.data[loop_start - length : loop_start] - tail) * fade
            again = loop_start + np.arange(GUARD) % (loop_end - loop_start)
            self.data[loop_end : loop_end + GUARD] = self.data[again]
        else:
            length = min(_TAIL_FRAMES, self._cut)
            self.data[self.end - length : self.end] *= np.linspace(1.0, 0.0, length, dtype=np.float32)


class SampleCache:
    """Decoded samples of one file, least recently used first out. Safe to use from several threads."""

    def __init__(self, file: memoryview, limit_bytes: int) -> None:
        self._file = file
        self._limit = limit_bytes
        self._samples: OrderedDict[Playback, Sample] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def decoded_bytes(self) -> int:
        """Memory held by the samples in the cache."""
        with self._lock:
            return sum(sample.decoded_bytes for sample in self._samples.values())

    def get(self, playback: Playback) -> Sample:
        """The sample for a playback; nothing is decoded yet when it is new."""
        with self._lock:
            sample = self._samples.get(playback)
            if sample is None:
                sample = Sample(self._file[playback.sample.start : playback.sample.end], playback)
                self._samples[playback] = sample
            else:
                self._samples.move_to_end(playback)
        return sample

    def ensure(self, sample: Sample, position: float) -> None:
        """Decode a sample up to `position`; voices keep what is thrown out here until they end."""
        added = sample.ensure(position)
        if not added:
            return
        with self._lock:
            self._bytes += added
            if self._bytes <= self._limit:
                return
            while self._bytes > self._limit and len(self._samples) > 1:
                self._samples.popitem(last=False)
                self._bytes = sum(kept.decoded_bytes for kept in self._samples.values())
