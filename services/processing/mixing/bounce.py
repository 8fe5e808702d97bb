"""Renders a song into a FLAC file of 24 bits, block by block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.processing.jobs.kind import Check, Report
from services.processing.mixing.block import Audio
from services.processing.mixing.edges import Edges
from services.processing.mixing.graph import Renderer
from services.shared.errors import AppError, ErrorCode

# What is below this is heard by nobody: the step of 16 bits, and 3 dB less.
_SILENT: Final = 10.0 ** (-100.0 / 20.0)
_TAIL_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Bounced:
    """What was written. `clipped_samples` can be more than none only without a ceiling."""

    frames: int
    peak: float
    clipped_samples: int


def bounce(
    renderer: Renderer,
    path: Path,
    *,
    rate_hz: int,
    start: int,
    end: int,
    longest_tail: int,
    wait_for_silence: bool,
    ceiling_dbtp: float | None = None,
    check: Check,
    report: Report,
) -> Bounced:
    """Write samples `start` to `end`, and then the tail: `longest_tail` samples, or until nothing is heard any more.

    A `ceiling_dbtp` that the song holds is held where the file cuts into it as well.

    Raises STORAGE_FULL, and INTERNAL should the mixer ever make something that is not finite.
    """
    step = round(_TAIL_SECONDS * rate_hz)
    frames, peak, clipped, quiet = 0, 0.0, 0, False
    total = end - start + (0 if wait_for_silence else longest_tail)
    ceiling = np.inf if ceiling_dbtp is None else 10.0 ** (ceiling_dbtp / 20.0)
    edges = Edges(rate_hz, ceiling, cut_before=start > 0)
    while renderer.place < start:
        check()
        renderer.read(min(step, start - renderer.place))
        report(renderer.place / (start + total), f"running up to {_clock(start / rate_hz)}")
    with (
        _disk_errors(),
        soundfile.SoundFile(path, "w", samplerate=rate_hz, channels=2, subtype="PCM_24", format="FLAC") as file,
    ):

        def write(audio: Audio) -> None:
            nonlocal peak, clipped
            loudest = _peak_of(audio)
            clipped += int(np.count_nonzero(np.abs(audio) > 1.0)) if loudest > 1.0 else 0
            peak = max(peak, loudest)
            file.write(_steps(audio))

        def render(count: int) -> float:
            nonlocal frames
            check()
            audio = renderer.read(count)
            loudest = _peak_of(audio)
            write(edges.pass_on(audio))
            frames += count
            return loudest

        while frames < total:
            render(min(step, total - frames))
            report(
                (start + frames) / (start + total), f"mixing, {_clock(frames / rate_hz)} of {_clock(total / rate_hz)}"
            )
        while wait_for_silence and not quiet and frames - total < longest_tail:
            quiet = render(step) < _SILENT
        write(edges.finish())
    return Bounced(frames, peak, clipped)


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except soundfile.LibsndfileError as error:
        # What is written is valid, and sources tell of their own damage, so the disk is what is left.
        raise AppError(ErrorCode.STORAGE_FULL, "The scratch disk is full. Free some space and try again.") from error


def _peak_of(audio: Audio) -> float:
    loudest = float(np.max(np.abs(audio), initial=0.0))
    if not np.isfinite(loudest):
        raise AppError(ErrorCode.INTERNAL, "The mix came out broken; please report this session.")
    return loudest


def _steps(audio: Audio) -> NDArray[np.int32]:
    """24-bit steps in the upper bits of an int32, `[n, 2]`; exact for sources that had no more bits."""
    steps: NDArray[np.int32] = np.clip(np.rint(audio.T * 8_388_608.0), -8_388_608, 8_388_607).astype(np.int32)
    return steps << 8


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
