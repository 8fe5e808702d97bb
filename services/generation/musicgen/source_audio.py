"""Another track's audio, as a model takes it: its sample rate and channel count, float32, and only the part it hears.

Only lossless masters that the platform wrote itself come here; what people upload was decoded in a limited child.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.shared.errors import AppError

Part = Callable[[float], tuple[float, float]]
"""Of a track of so many seconds, from which second to which is heard; raises VALIDATION for a track without it."""

# Read on either side of a part where there is anything, so that the resampler's edges lie outside.
_EDGE_SECONDS = 0.1
_LOUDEST = 8.0


def beginning(longest_seconds: float) -> Part:
    """The track's first seconds."""
    return lambda seconds: (0.0, min(seconds, longest_seconds))


def before(at_seconds: float | None, longest_seconds: float) -> Part:
    """The last seconds before `at_seconds` (None: the track's end)."""

    def part(seconds: float) -> tuple[float, float]:
        end = seconds if at_seconds is None else min(seconds, at_seconds)
        return max(0.0, end - longest_seconds), end

    return part


def read_source(
    path: Path, sample_rate: int, channels: int, part: Part, pointer: str, part_pointer: str = ""
) -> NDArray[np.float32]:
    """Audio `[n, channels]` of a part of a file.

    Raises VALIDATION at `pointer` when it does not decode or holds values that no audio has, and at `part_pointer` (the
    field that chose the part; else `pointer`) when the part is empty.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            begin, end = part(file.frames / rate)
            first = max(0, round((begin - _EDGE_SECONDS) * rate))
            file.seek(first)
            audio = file.read(round((end + _EDGE_SECONDS) * rate) - first, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise AppError.field(pointer, "The track's audio cannot be decoded. Choose another one.") from error
    wanted = round((end - begin) * sample_rate)
    if not len(audio) or not wanted:
        raise AppError.field(
            part_pointer or pointer, "There is no audio in that part of the track. Choose another one."
        )
    if not np.isfinite(audio).all() or np.abs(audio).max() > _LOUDEST:
        raise AppError.field(pointer, "The track's audio is damaged. Choose another one.")
    if channels == 1:
        audio = audio.mean(axis=1, keepdims=True)
    elif audio.shape[1] != channels:
        audio = np.repeat(audio[:, :1], channels, axis=1)
    if rate != sample_rate:
        audio = soxr.resample(audio, rate, sample_rate)
    edge = round((begin - first / rate) * sample_rate)
    return np.ascontiguousarray(audio[edge : edge + wanted], dtype=np.float32)
