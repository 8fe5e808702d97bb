"""The average spectrum of a stream: middle and side, in fine bins and in thirds of an octave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# Frames quieter than that say nothing about a song's tone.
_GATE_DB: Final = -70.0
_FLOOR_DB: Final = -150.0
# Nominal centres of IEC 61260-1, one third of an octave apart: 1,000 Hz · 10^(n/10).
_LOWEST_BAND: Final = -16
_HIGHEST_BAND: Final = 13


def frame_samples(sample_rate_hz: int) -> int:
    """Samples of a frame: about 0.1 s, a power of two."""
    return 1 << round(math.log2(sample_rate_hz * 0.093))


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Mean power of each bin, of the middle `(l + r) / 2` and the side `(l − r) / 2`; mono has no side.

    A sine of amplitude a sums to a² / 2 over its bins.
    """

    sample_rate_hz: int
    mid: Float64
    side: Float64

    @property
    def frequencies_hz(self) -> Float64:
        """The centre of each bin."""
        return np.linspace(0.0, self.sample_rate_hz / 2.0, len(self.mid))

    @property
    def total(self) -> Float64:
        """Both together: the mean power of the channels."""
        return self.mid + self.side

    @property
    def silent(self) -> bool:
        """Whether no frame was loud enough to count."""
        return not self.mid.any() and not self.side.any()


class SpectrumMeter:
    """Averages the spectrum of a stream of blocks `[n, channels]`; more than two channels are heard as mono."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate = sample_rate_hz
        self._stereo = channels == 2
        self._size = frame_samples(sample_rate_hz)
        window = np.hanning(self._size + 1)[:-1]
        self._window = window.astype(np.float32)
        self._scale = 2.0 / (self._size * float((window**2).sum()))
        self._power = np.zeros((2, self._size // 2 + 1))
        self._frames = 0
        self._kept: Float32 = np.zeros((2, 0), dtype=np.float32)

    def add(self, block: Float32) -> None:
        """Take the next samples."""
        if self._stereo:
            left, right = block[:, 0], block[:, 1]
            heard = np.stack([left + right, left - right]) * np.float32(0.5)
        else:
            heard = np.stack([block.mean(axis=1), np.zeros(len(block), dtype=np.float32)])
        signal = np.concatenate([self._kept, heard], axis=1)
        count = signal.shape[1] // self._size
        self._measure(signal[:, : count * self._size].reshape(2, count, self._size))
        self._kept = signal[:, count * self._size :].copy()

    def result(self) -> Spectrum:
        """What was heard so far. Audio shorter than a frame is one frame, filled with silence."""
        if not self._frames and self._kept.shape[1]:
            last = np.zeros((2, 1, self._size), dtype=np.float32)
            last[:, 0, : self._kept.shape[1]] = self._kept
            self._measure(last)
        mean = self._power / max(1, self._frames)
        return Spectrum(self._rate, mean[0], mean[1])

    def _measure(self, frames: Float32) -> None:
        loud = (frames**2).mean(axis=2).sum(axis=0) > 10.0 ** (_GATE_DB / 10.0)
        if not loud.any():
            return
        channels = 2 if self._stereo else 1
        spectra = scipy.fft.rfft(frames[:channels, loud] * self._window, axis=2)
        power = (spectra.real**2 + spectra.imag**2).sum(axis=1, dtype=np.float64) * self._scale
        # The two ends have no mirror image.
        power[:, [0, -1]] /= 2.0
        self._power[:channels] += power
        self._frames += int(loud.sum())


def thirds_hz(sample_rate_hz: int) -> tuple[float, ...]:
    """Centres of the third-octave bands that lie wholly below half the sample rate."""
    centres = (1_000.0 * 10.0 ** (band / 10.0) for band in range(_LOWEST_BAND, _HIGHEST_BAND + 1))
    return tuple(centre for centre in centres if centre * 10.0**0.05 <= sample_rate_hz / 2.0)


def band_power(power: Float64, sample_rate_hz: int, centres_hz: tuple[float, ...]) -> Float64:
    """Power of each third-octave band, `[bands]`; a bin across an edge counts to both sides by its share."""
    step = sample_rate_hz / 2.0 / (len(power) - 1)
    total = np.concatenate([[0.0], np.cumsum(power)])
    # Bin k reaches from (k − ½) to (k + ½) steps.
    edges = (np.arange(len(total)) - 0.5) * step
    low = np.interp(np.array(centres_hz) / 10.0**0.05, edges, total)
    high = np.interp(np.array(centres_hz) * 10.0**0.05, edges, total)
    return np.asarray(high - low)


def to_db(power: Float64) -> Float64:
    """Powers in dB, −150 at least."""
    return np.maximum(10.0 * np.log10(np.maximum(power, 1e-30)), _FLOOR_DB)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a spectrum is like: centre of gravity, spread and the frequency below which 85 % lies (Hz).

    Then flatness (0: a tone, 1: noise) and tilt (dB an octave, fitted to the third-octave bands; pink noise: 0).
    """

    centroid_hz: float
    bandwidth_hz: float
    rolloff_hz: float
    flatness: float
    tilt_db_per_octave: float


def shape_of(spectrum: Spectrum) -> Shape | None:
    """The shape of a spectrum; None for silence. Peeters, "A large set of audio features" (IRCAM, 2004)."""
    power, frequencies = spectrum.total, spectrum.frequencies_hz
    total = float(power.sum())
    if total <= 0.0:
        return None
    centroid = float((frequencies * power).sum() / total)
    bandwidth = math.sqrt(float((((frequencies - centroid) ** 2) * power).sum() / total))
    rolloff = float(frequencies[min(len(power) - 1, int(np.searchsorted(np.cumsum(power), 0.85 * total)))])
    audible = power[1:] + 1e-20
    flatness = math.exp(float(np.log(audible).mean())) / float(audible.mean())
    centres = tuple(hz for hz in thirds_hz(spectrum.sample_rate_hz) if 60.0 <= hz <= 12_000.0)
    bands = to_db(band_power(power, spectrum.sample_rate_hz, centres))
    tilt = float(np.polyfit(np.log2(centres), bands, 1)[0])
    return Shape(centroid, bandwidth, rolloff, min(1.0, flatness), tilt)
