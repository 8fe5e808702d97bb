"""A lossless master of a stranger's file: bit for bit where it has 16 or 24 bits, in blocks however long it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from services.processing.importing.downmix import matrix
from services.processing.media.decoding import Head, decode
from services.processing.media.quantization import to_int16, to_int24
from services.shared.errors import AppError, ErrorCode


@dataclass(frozen=True, slots=True)
class Kept:
    """The master (FLAC of 16 or 24 bit, one or two channels) and what the file said of itself.

    `gain_db` is 0, or what brought a peak beyond full scale back to it.
    """

    path: Path
    head: Head
    frames: int
    gain_db: float


def keep(source: Path, target: Path, check: Callable[[], None], progress: Callable[[float], None]) -> Kept:
    """Decode `source` and write it to `target`. Raises UNSUPPORTED_MEDIA, STORAGE_FULL, and what `check` raises."""
    head, frames, peak = _written(source, target, check, progress, gain=1.0)
    if peak <= 1.0:
        return Kept(target, head, frames, 0.0)
    # The file goes beyond full scale, as lossy ones do: decoded again, a little lower, instead of being clipped.
    head, frames, _ = _written(source, target, check, lambda part: progress(0.5 + 0.5 * part), gain=1.0 / peak)
    return Kept(target, head, frames, -20.0 * math.log10(peak))


def _written(
    source: Path, target: Path, check: Callable[[], None], progress: Callable[[float], None], *, gain: float
) -> tuple[Head, int, float]:
    frames, peak = 0, 0.0
    with decode(source, check) as decoding:
        head = decoding.head
        mix = matrix(head.channels, head.container)
        exact = gain == 1.0 and mix is None and 0 < head.bits <= 16
        convert = to_int16 if exact else to_int24
        try:
            with soundfile.SoundFile(
                target,
                "w",
                samplerate=head.sample_rate,
                channels=min(2, head.channels),
                format="FLAC",
                subtype="PCM_16" if exact else "PCM_24",
            ) as file:
                for block in decoding.blocks:
                    check()
                    heard = block if mix is None else block @ mix
                    peak = max(peak, float(np.abs(heard).max(initial=0.0)))
                    file.write(convert(heard if gain == 1.0 else heard * np.float32(gain)))
                    frames += len(block)
                    if head.expected_frames > 0:
                        # Once it is known that all of it is to be read again, this is half of the way.
                        whole = 2.0 if gain == 1.0 and peak > 1.0 else 1.0
                        progress(min(1.0, frames / head.expected_frames) / whole)
        except soundfile.LibsndfileError as error:
            # Our targets are valid, so the disk is what is left.
            raise AppError(
                ErrorCode.STORAGE_FULL, "The scratch disk is full. Free some space and try again."
            ) from error
    return head, frames, peak
