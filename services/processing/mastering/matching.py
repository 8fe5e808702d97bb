"""Reference matching: the filters that give one song the tonal balance and the width of another.

The average spectra of middle and side are compared in thirds of an octave, each against the loudness of its own song;
the differences become two linear-phase filters. Matching the side for itself matches the width, band by band.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from services.processing.analysis.spectrum import Spectrum, band_power, thirds_hz, to_db

Float64 = NDArray[np.float64]

# More than that would not be matching but another mix; the side may be closed further than opened.
MOST_DB: Final = 9.0
_MOST_CLOSING_DB: Final = 24.0
# Bands so far below the loudest one hold noise, not tone.
_EMPTY_DB: Final = -75.0
# Bands that say how loud a song is as a whole.
_LEVEL_RANGE_HZ: Final = (100.0, 8_000.0)
_TAP_SECONDS: Final = 0.093


@dataclass(frozen=True, slots=True)
class Curves:
    """Gains in dB at `centres_hz`, for the middle and the side."""

    centres_hz: tuple[float, ...]
    mid_db: Float64
    side_db: Float64


def match_curves(song: Spectrum, reference: Spectrum) -> Curves:
    """What to add to the song, in thirds of an octave up to the lower of both sample rates' halves."""
    centres = thirds_hz(min(song.sample_rate_hz, reference.sample_rate_hz))
    own, wanted = _bands(song, centres), _bands(reference, centres)
    mid = np.clip(_difference(own[0], wanted[0]), -MOST_DB, MOST_DB)
    # A song without any side cannot be widened; a reference without any is mono.
    if not song.side.any():
        side = np.zeros(len(centres))
    elif not reference.side.any():
        side = np.full(len(centres), -_MOST_CLOSING_DB)
    else:
        side = np.clip(_difference(own[1], wanted[1]), -_MOST_CLOSING_DB, MOST_DB)
    return Curves(centres, mid, side)


def _bands(spectrum: Spectrum, centres: tuple[float, ...]) -> Float64:
    """Levels of middle and side in dB against the song's own level, `[2, bands]`."""
    rate = spectrum.sample_rate_hz
    total = to_db(band_power(spectrum.total, rate, centres))
    inside = [_LEVEL_RANGE_HZ[0] <= hz <= _LEVEL_RANGE_HZ[1] for hz in centres]
    level = 10.0 * np.log10((10.0 ** (total[inside] / 10.0)).sum() + 1e-30)
    bands = np.stack([to_db(band_power(part, rate, centres)) for part in (spectrum.mid, spectrum.side)])
    return np.asarray(bands - level)


def _difference(own: Float64, wanted: Float64) -> Float64:
    """The gain of each band; bands that are empty in one of the songs take the gain of their neighbours."""
    filled = (own > _EMPTY_DB) & (wanted > _EMPTY_DB)
    if not filled.any():
        return np.zeros(len(own))
    places = np.arange(len(own))
    return np.interp(places, places[filled], (wanted - own)[filled])


def linear_phase(centres_hz: tuple[float, ...], gains_db: Float64, sample_rate_hz: int) -> Float64:
    """A symmetric filter of an odd number of taps with these gains, interpolated over the logarithm of frequency."""
    size = 1 << round(np.log2(_TAP_SECONDS * sample_rate_hz))
    frequencies = np.linspace(0.0, sample_rate_hz / 2.0, size + 1)
    gains = np.interp(np.log(np.maximum(frequencies, 1.0)), np.log(centres_hz), gains_db)
    response = scipy.fft.irfft(10.0 ** (gains / 20.0))
    taps = np.roll(response, size // 2)[: size + 1]
    return np.asarray(taps * np.hanning(size + 3)[1:-1])


class MatchFilter:
    """Filters middle and side of a stream of blocks `[n, channels]`, aligned with its input and of the same length."""

    def __init__(self, curves: Curves, sample_rate_hz: int, channels: int) -> None:
        parts = [curves.mid_db, curves.side_db] if channels == 2 else [curves.mid_db] * channels
        self._taps = np.stack([linear_phase(curves.centres_hz, part, sample_rate_hz) for part in parts], axis=1)
        self._delay = len(self._taps) // 2
        self._stereo = channels == 2

    def run(self, source: Iterable[Float64]) -> Iterator[Float64]:
        """The whole stream, filtered."""
        kept = np.zeros((len(self._taps) - 1, self._taps.shape[1]))
        skip = self._delay
        for block in source:
            made, kept = self._convolve(kept, _turned(block) if self._stereo else block)
            yield self._back(made[skip:])
            skip = max(0, skip - len(made))
        made, _ = self._convolve(kept, np.zeros((self._delay, self._taps.shape[1])))
        yield self._back(made[skip:])

    def _back(self, made: Float64) -> Float64:
        if not self._stereo:
            return made
        return np.stack([made[:, 0] + made[:, 1], made[:, 0] - made[:, 1]], axis=1)

    def _convolve(self, kept: Float64, block: Float64) -> tuple[Float64, Float64]:
        """As many samples as the block has, by overlap-save, and what the next block needs of this one."""
        signal = np.concatenate([kept, block])
        size = scipy.fft.next_fast_len(len(signal), real=True)
        spectrum = scipy.fft.rfft(signal, size, axis=0) * scipy.fft.rfft(self._taps, size, axis=0)
        made = scipy.fft.irfft(spectrum, size, axis=0)[len(kept) : len(signal)]
        return np.asarray(made), signal[len(block) :]


def _turned(block: Float64) -> Float64:
    return np.stack([block[:, 0] + block[:, 1], block[:, 0] - block[:, 1]], axis=1) * 0.5
