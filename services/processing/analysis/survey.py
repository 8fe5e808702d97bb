"""One pass over a file that says how loud, how high, how wide and what colour it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.loudness import SILENCE_LUFS, Loudness, LoudnessMeter, measure
from services.processing.analysis.spectrum import Spectrum, SpectrumMeter, band_power, thirds_hz, to_db
from services.processing.analysis.stereo import LevelMeter, Levels
from services.processing.analysis.true_peak import TruePeakMeter, to_dbtp
from services.processing.media.reading import SourceInfo, blocks, inspect

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Survey:
    """What was measured. `energies` are the loudness hops of 10 ms."""

    info: SourceInfo
    loudness: Loudness
    energies: Float64
    true_peak_dbtp: float
    levels: Levels
    spectrum: Spectrum

    @property
    def peak_to_loudness_lu(self) -> float | None:
        """PLR: how far the highest peak stands above the loudness (AES TD1004). None where nothing is loud enough."""
        if self.loudness.integrated_lufs <= SILENCE_LUFS:
            return None
        return self.true_peak_dbtp - self.loudness.integrated_lufs

    def as_dict(self) -> dict[str, Any]:
        """The public form: levels rounded to 0.01, the spectrum in thirds of an octave."""
        return {
            "integrated_lufs": round(self.loudness.integrated_lufs, 2),
            "short_term_max_lufs": _rounded(self.loudness.short_term_max_lufs),
            "momentary_max_lufs": _rounded(self.loudness.momentary_max_lufs),
            "loudness_range_lu": round(self.loudness.range_lu, 2),
            "true_peak_dbtp": round(self.true_peak_dbtp, 2),
            "sample_peak_dbfs": round(to_dbtp(self.levels.sample_peak), 2),
            "peak_to_loudness_lu": _rounded(self.peak_to_loudness_lu),
            "correlation": _rounded(self.levels.correlation, 3),
            "width_db": _rounded(self.levels.width_db),
            "balance_db": _rounded(self.levels.balance_db),
            "dc_offset": round(self.levels.dc_offset, 6),
            "clipped_samples": self.levels.clipped_samples,
            "spectrum": spectrum_bands(self.spectrum),
        }


class Surveyor:
    """Measures a stream of blocks `[n, channels]`; without `peaks` the caller knows the true peak by other means."""

    def __init__(self, info: SourceInfo, *, peaks: bool = True) -> None:
        self._info = info
        self._loudness = LoudnessMeter(info.sample_rate_hz, info.channels)
        self._peak = TruePeakMeter(info.sample_rate_hz, info.channels) if peaks else None
        self._levels = LevelMeter(info.channels)
        self._spectrum = SpectrumMeter(info.sample_rate_hz, info.channels)

    def add(self, block: Float32) -> None:
        """Take the next samples."""
        self._loudness.add(block)
        if self._peak is not None:
            self._peak.add(block)
        self._levels.add(block)
        self._spectrum.add(block)

    def finish(self, true_peak: float = 0.0) -> Survey:
        """What was measured; the stream is over. `true_peak` (linear) is taken where it was not measured here."""
        energies = self._loudness.energies()
        return Survey(
            info=self._info,
            loudness=measure(energies),
            energies=energies,
            true_peak_dbtp=to_dbtp(true_peak if self._peak is None else self._peak.finish()),
            levels=self._levels.result(),
            spectrum=self._spectrum.result(),
        )


def survey(path: Path, check: Callable[[], None], progress: Callable[[float], None] = lambda _done: None) -> Survey:
    """Measure a lossless file; `check` runs before each block and may raise, `progress` hears fractions.

    Raises UNSUPPORTED_MEDIA for what cannot be read.
    """
    info = inspect(path)
    surveyor = Surveyor(info)
    for block in told(blocks(path, check), info.frames, progress):
        surveyor.add(block)
    return surveyor.finish()


def told(source: Iterable[Float32], frames: int, progress: Callable[[float], None]) -> Iterable[Float32]:
    """The same blocks; `progress` hears how much of so many frames has passed."""
    done = 0
    for block in source:
        yield block
        done += len(block)
        progress(done / max(1, frames))


def spectrum_bands(spectrum: Spectrum) -> list[dict[str, float]]:
    """Third-octave bands as the API shows them: centre in Hz, power in dB against a full-scale square wave."""
    centres = thirds_hz(spectrum.sample_rate_hz)
    levels = to_db(band_power(spectrum.total, spectrum.sample_rate_hz, centres))
    return [{"hz": round(hz, 1), "db": round(float(db), 2)} for hz, db in zip(centres, levels, strict=True)]


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
