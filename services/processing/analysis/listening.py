"""Listens to a file once, with the meters and with the musical ear, and puts what the meters say into public form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import Frames, Listener
from services.processing.analysis.loudness import HOPS_PER_SECOND, MOMENTARY_HOPS, SHORT_TERM_HOPS, lufs, windows
from services.processing.analysis.pictures import SpectrogramCanvas, WaveformCanvas
from services.processing.analysis.spectrum import shape_of
from services.processing.analysis.survey import Survey, Surveyor, spectrum_bands, told
from services.processing.media.reading import blocks, inspect

Float64 = NDArray[np.float64]

PICTURE_WIDTH: Final = 1_200

# Curves of long songs are coarser, so that an answer stays small.
_MOST_ENERGY_POINTS: Final = 600
_CURVE_HOPS: Final = 100


@dataclass(frozen=True, slots=True)
class Heard:
    """What the meters measured; and what nobody may have asked for: the ear's frames, the pictures."""

    survey: Survey
    frames: Frames | None
    spectrogram: SpectrogramCanvas | None
    waveform: WaveformCanvas | None


def listen(
    path: Path,
    *,
    musical: bool,
    spectrogram: bool,
    waveform: bool,
    check: Callable[[], None],
    progress: Callable[[float], None],
) -> Heard:
    """Read a lossless file once; `check` runs before each block and may raise. Raises UNSUPPORTED_MEDIA."""
    info = inspect(path)
    surveyor = Surveyor(info)
    listener = Listener(info.sample_rate_hz) if musical else None
    pictures = (
        SpectrogramCanvas(info, PICTURE_WIDTH) if spectrogram else None,
        WaveformCanvas(info, PICTURE_WIDTH) if waveform else None,
    )
    everyone = [surveyor, *(part for part in (listener, *pictures) if part is not None)]
    for block in told(blocks(path, check), info.frames, progress):
        for part in everyone:
            part.add(block)
    return Heard(surveyor.finish(), None if listener is None else listener.finish(), *pictures)


def loudness_dict(survey: Survey) -> dict[str, Any]:
    """Loudness, peaks and stereo image; see `Survey.as_dict`, without the spectrum."""
    found = survey.as_dict()
    del found["spectrum"]
    return found


def loudness_curve(survey: Survey) -> dict[str, Any]:
    """Momentary and short-term loudness once a second, in LUFS; entry n is the window that begins at second n."""
    return {
        "interval_seconds": _CURVE_HOPS / HOPS_PER_SECOND,
        "momentary_lufs": _curve(survey.energies, MOMENTARY_HOPS),
        "short_term_lufs": _curve(survey.energies, SHORT_TERM_HOPS),
    }


def _curve(energies: Float64, hops: int) -> list[float]:
    return [round(float(level), 2) for level in lufs(windows(energies, hops)[::_CURVE_HOPS])]


def spectrum_dict(survey: Survey) -> dict[str, Any] | None:
    """The average spectrum and its shape; None for silence."""
    shape = shape_of(survey.spectrum)
    if shape is None:
        return None
    return {
        "bands": spectrum_bands(survey.spectrum),
        "centroid_hz": round(shape.centroid_hz, 1),
        "bandwidth_hz": round(shape.bandwidth_hz, 1),
        "rolloff_hz": round(shape.rolloff_hz, 1),
        "flatness": round(shape.flatness, 5),
        "tilt_db_per_octave": round(shape.tilt_db_per_octave, 2),
    }


def energy_dict(survey: Survey) -> dict[str, Any]:
    """How the level moves: loudness of equal steps in LUFS, at most 600 of them and none under half a second."""
    energies = survey.energies
    step = max(HOPS_PER_SECOND // 2, -(-len(energies) // _MOST_ENERGY_POINTS))
    starts = np.arange(0, len(energies), step)
    counts = np.diff(np.append(starts, len(energies)))
    means = np.add.reduceat(energies, starts) / counts if len(starts) else np.zeros(0)
    return {
        "interval_seconds": step / HOPS_PER_SECOND,
        "lufs": [round(float(level), 2) for level in lufs(means)],
    }
