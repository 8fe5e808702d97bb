"""Reads our own lossless masters block by block: `[frames, channels]` float32, checked before anybody uses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.processing.media.formats import MAX_CHANNELS
from services.shared.errors import AppError, ErrorCode

# libsndfile's Vorbis writer crashes on calls of a minute; this bounds every call, and with it the memory.
BLOCK_FRAMES: Final = 65_536

# A flipped bit once decoded to a peak of 46,000. Float masters may exceed 1; nothing honest exceeds 8.
HIGHEST_SAMPLE: Final = 8.0

_LOSSLESS: Final = {"WAV", "WAVEX", "RF64", "W64", "FLAC"}
_BITS: Final = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}

Block = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a master is. `container` and `subtype` are libsndfile's names."""

    container: str
    subtype: str
    frames: int
    sample_rate_hz: int
    channels: int

    @property
    def bits(self) -> int:
        """Bits of a sample."""
        return _BITS[self.subtype]

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate_hz


def inspect(path: Path) -> SourceInfo:
    """Read the header. Raises UNSUPPORTED_MEDIA for what is no lossless master."""
    try:
        with soundfile.SoundFile(path) as file:
            info = SourceInfo(file.format, file.subtype, file.frames, file.samplerate, file.channels)
    except soundfile.LibsndfileError as error:
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA, "This object is no audio that can be read.") from error
    if info.container not in _LOSSLESS or info.subtype not in _BITS:
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA, "Only lossless audio (FLAC or WAV) can be a source.")
    if not 1 <= info.channels <= MAX_CHANNELS:
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA, f"Audio of {info.channels} channels is not supported.")
    return info


def blocks(path: Path, check: Callable[[], None]) -> Iterator[Block]:
    """The samples in order, at most 65,536 frames at once; `check` runs before each block and may raise.

    Raises UNSUPPORTED_MEDIA when a sample is not finite or beyond ±8, or when the file ends too early.
    """
    try:
        with soundfile.SoundFile(path) as file:
            left = file.frames
            while True:
                check()
                block: Block = file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
                if not len(block):
                    break
                _check_samples(block)
                left -= len(block)
                yield block
    except soundfile.LibsndfileError as error:
        raise _damaged() from error
    if left:
        raise _damaged()


def _check_samples(block: Block) -> None:
    # The comparison is false for NaN, so one pass finds everything that is not sound.
    if not (np.abs(block) <= HIGHEST_SAMPLE).all():
        raise _damaged()


def _damaged() -> AppError:
    return AppError(ErrorCode.UNSUPPORTED_MEDIA, "The audio is damaged: it ends early or holds what is no sound.")
