"""Writes a lossless master in another format, in blocks: memory stays the same for ten seconds and for ten hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.processing.media.formats import (
    DERIVATIVES,
    LOSSY_MAX_CHANNELS,
    Target,
    compression_level,
    output_rate_hz,
    subtype_of,
)
from services.processing.media.m4a import write_m4a
from services.processing.media.ogg_serial import fix_serial
from services.processing.media.quantization import Dither16, to_int16, to_int24
from services.processing.media.reading import BLOCK_FRAMES, Block, SourceInfo, blocks, inspect
from services.shared.errors import AppError, ErrorCode

# soxr's 28 and 20 bits: a lossy format hides what lies below the latter.
_RESAMPLER_QUALITY: Final = {True: "VHQ", False: "HQ"}

# RIFF counts its bytes in 32 bits. What may not fit, words and headers included, is written as RF64 (EBU Tech 3306).
LARGEST_RIFF_BYTES: Final = (1 << 32) - (1 << 20)

NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Encoded:
    """What was written."""

    frames: int
    sample_rate_hz: int
    channels: int

    @property
    def duration_seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate_hz


def encode(
    source: Path,
    target_path: Path,
    target: Target,
    *,
    check: Callable[[], None],
    progress: Progress = lambda _fraction: None,
    tags: Mapping[str, str] = NO_TAGS,
) -> Encoded:
    """Write `source` to `target_path`. `check` runs between blocks and may raise; `progress` hears fractions.

    `tags` are words for the file: "title", "artist", "copyright", "comment" (RIFF INFO, Vorbis comments, ID3, MP4).
    The same master, target and tags always make the same bytes. Raises UNSUPPORTED_MEDIA for what cannot be read, has
    too many channels or cannot be written here, STORAGE_FULL when the scratch disk is full.
    """
    info = inspect(source)
    if not target.format.lossless and info.channels > LOSSY_MAX_CHANNELS:
        raise AppError(ErrorCode.UNSUPPORTED_MEDIA, f"{target.format.name} is written with one or two channels only.")
    target = _as_deep_as(info, target)
    rate_hz = output_rate_hz(target, info.sample_rate_hz)
    quality = _RESAMPLER_QUALITY[target.format.lossless]
    samples = _resampled(_told(blocks(source, check), info, progress), info, rate_hz, quality)
    if target.format.container == "M4A":
        bitrate = target.bitrate or DERIVATIVES["m4a"].bitrate or 0
        clipped = (np.clip(block, -1.0, 1.0) for block in samples)
        written = write_m4a(clipped, target_path, rate_hz, info.channels, bitrate, tags)
        return Encoded(written, rate_hz, info.channels)
    written = 0
    try:
        with soundfile.SoundFile(
            target_path,
            "w",
            samplerate=rate_hz,
            channels=info.channels,
            format=container_of(target, round(info.frames * rate_hz / info.sample_rate_hz) * info.channels),
            subtype=subtype_of(target),
            compression_level=compression_level(target, rate_hz, info.channels),
            bitrate_mode="CONSTANT" if target.format.name == "mp3" else None,
        ) as file:
            # Before the first sample: the formats keep words in front of the sound.
            for name, text in tags.items():
                setattr(file, name, text)
            convert = _conversion(target, info, rate_hz)
            for block in samples:
                file.write(convert(block))
                written += len(block)
    except soundfile.LibsndfileError as error:
        # libsndfile does not say why a write failed; our targets are valid, so the disk is what is left.
        raise AppError(ErrorCode.STORAGE_FULL, "The file could not be written: is the scratch disk full?") from error
    if target.format.container == "OGG":
        fix_serial(target_path)
    return Encoded(written, rate_hz, info.channels)


def _as_deep_as(info: SourceInfo, target: Target) -> Target:
    """The target with a depth: a master of 24 bits keeps them where nobody asked for fewer."""
    if not target.format.lossless or target.bit_depth is not None:
        return target
    return replace(target, bit_depth=16 if info.bits <= 16 else 24)


def container_of(target: Target, samples: int) -> str:
    """libsndfile's name of the container for so many samples."""
    if target.format.container != "WAV":
        return target.format.container
    return "RF64" if samples * (target.bit_depth or 16) // 8 > LARGEST_RIFF_BYTES else "WAV"


def _conversion(target: Target, info: SourceInfo, rate_hz: int) -> Callable[[Block], NDArray[Any]]:
    """What stands between a block and its file. Encoders wrap or clip in their own ways, so all get what fits."""
    subtype = subtype_of(target)
    if subtype == "FLOAT":
        return lambda block: block
    if subtype == "PCM_24":
        return to_int24
    if subtype == "PCM_16":
        exact = info.bits <= 16 and rate_hz == info.sample_rate_hz
        return to_int16 if exact else Dither16().convert
    return lambda block: np.clip(block, -1.0, 1.0)


def _told(source: Iterator[Block], info: SourceInfo, progress: Progress) -> Iterator[Block]:
    done = 0
    for block in source:
        yield block
        done += len(block)
        progress(done / max(1, info.frames))


def _resampled(source: Iterator[Block], info: SourceInfo, rate_hz: int, quality: str) -> Iterator[Block]:
    """The samples at another rate, cut or filled to the exact length, in blocks of at most 65,536 frames."""
    if rate_hz == info.sample_rate_hz:
        yield from source
        return
    stream = soxr.ResampleStream(info.sample_rate_hz, rate_hz, info.channels, dtype="float32", quality=quality)
    left = round(info.frames * rate_hz / info.sample_rate_hz)
    empty = np.zeros((0, info.channels), dtype=np.float32)
    for block in _with_end(source, empty):
        made: Block = stream.resample_chunk(block[0], last=block[1])
        for part in _parts(made[:left]):
            yield part
        left -= min(left, len(made))
    for part in _parts(np.zeros((left, info.channels), dtype=np.float32)):
        yield part


def _with_end(source: Iterator[Block], empty: Block) -> Iterator[tuple[Block, bool]]:
    for block in source:
        yield block, False
    yield empty, True


def _parts(block: Block) -> Iterator[Block]:
    for start in range(0, len(block), BLOCK_FRAMES):
        yield block[start : start + BLOCK_FRAMES]
