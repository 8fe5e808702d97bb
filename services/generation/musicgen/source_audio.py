"""Another track's audio, as a model takes it: its sample rate and channel count, float32.

Only lossless masters that the platform wrote itself come here; what people upload was decoded in a limited child.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.shared.errors import AppError, ErrorCode

# Ten minutes: as much as any track of the platform has.
_LONGEST_SECONDS = 600.0


def read_source(
    path: Path,
    sample_rate: int,
    channels: int,
    end_seconds: float | None = None,
    longest_samples: int | None = None,
) -> NDArray[np.float32]:
    """Audio `[n, channels]` of a file up to `end_seconds`, at most the last `longest_samples` of it.

    Raises VALIDATION when it does not decode, holds nothing before that second, or holds values that no audio has.
    """
    try:
        with soundfile.SoundFile(path) as file:
            end = file.frames if end_seconds is None else min(file.frames, round(end_seconds * file.samplerate))
            longest = round(_LONGEST_SECONDS * file.samplerate)
            if longest_samples is not None:
                # A little more, so that the resampler's edge lies outside.
                longest = min(longest, round(longest_samples / sample_rate * file.samplerate) + file.samplerate // 10)
            file.seek(max(0, end - longest))
            audio = file.read(min(end, longest), dtype="float32", always_2d=True)
            rate = file.samplerate
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise AppError(ErrorCode.VALIDATION, "The track's audio cannot be decoded. Choose another one.") from error
    if not len(audio):
        raise AppError(ErrorCode.VALIDATION, "The track has no audio before that second. Choose a later one.")
    if not np.isfinite(audio).all() or np.abs(audio).max() > 8.0:
        raise AppError(ErrorCode.VALIDATION, "The track's audio is damaged. Choose another one.")
    if channels == 1:
        audio = audio.mean(axis=1, keepdims=True)
    elif audio.shape[1] != channels:
        audio = np.repeat(audio[:, :1], channels, axis=1)
    if rate != sample_rate:
        audio = soxr.resample(audio, rate, sample_rate)
    audio = np.ascontiguousarray(audio, dtype=np.float32)
    return audio if longest_samples is None else audio[-longest_samples:]
