"""The spectral balance that a style's songs should have: reference curves in octave bands, and how far one strays.

Three kinds of references, each with its source:

- published: the standard spectra of pop and of house music (M. J. Tennekes, "Geluid en omgeving", December 1988, and
  the house spectrum that joined it in Dutch acoustic practice), A-weighted octave bands; the weighting (IEC 61672-1)
  is taken off here;
- recorded: eight released rock and metal songs, guitars and all, by El Senator of Muldjord (CC BY-SA 3.0) and by
  Sectoid (MIT), as Debian packages them for Frets on Fire;
- human: songs of the OpenScore Lieder corpus (CC0), their voice and piano played by a style's own instruments, faders
  and rooms: what people's notes sound like through the same sampler.

`scripts/composer_reference_spectra.py` measured the last two and prints them anew. Styles between pop and house differ
mostly by how prominent their percussion is (Elowsson and Friberg 2017, "Long-term Average Spectrum in Popular Music
and its Relation to the Level of the Percussion"), so theirs is the band from the one curve to the other. A curve's
band is as wide as the eight recordings stray from the published pop curve (8.5 dB at most); human music has its own
spread. Levels are relative: each curve's mean over its octaves is 0 dB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

OCTAVES_HZ = (63.0, 125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0)
"""Centres of the octave bands (IEC 61260-1)."""

_A_WEIGHTING = (-26.2, -16.1, -8.6, -3.2, 0.0, 1.2, 1.0)
_POP_A = (-27.0, -14.0, -9.0, -6.0, -5.0, -6.0, -10.0)
_HOUSE_A = (-13.0, -8.0, -8.0, -7.0, -7.0, -9.0, -10.0)
_RECORDINGS_STRAY_DB = 8.5
_LEAST_SPREAD_DB = 4.0
_WINDOW = 1 << 16


@dataclass(frozen=True, slots=True)
class Band:
    """Lowest and highest level of each octave from 63 Hz up, dB around the mean of these octaves."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def middle(self) -> Float:
        """The curve in the middle of the band."""
        return (np.array(self.low) + np.array(self.high)) / 2

    def outside_db(self, octaves: Float) -> float:
        """How far the octave that strays farthest lies outside of the band; 0 within it.

        `octaves` are levels in dB; how loud the whole is says nothing, so the curve is moved to where it fits best.
        """
        levels = octaves[: len(self.low)]
        over, under = levels - np.array(self.high), np.array(self.low) - levels
        # Moved by x, the farthest is max(over + x, under − x): least where both are equal.
        shift = (float(under.max()) - float(over.max())) / 2
        return max(0.0, float(max(over.max() + shift, under.max() - shift)))


def _published(a_weighted: tuple[float, ...]) -> Float:
    levels = np.array(a_weighted) - np.array(_A_WEIGHTING)
    return np.asarray(levels - levels.mean())


def _around(*curves: Float, spread: Float | float) -> Band:
    together = np.stack(curves)
    return Band(
        tuple(np.round(together.min(axis=0) - spread, 2).tolist()),
        tuple(np.round(together.max(axis=0) + spread, 2).tolist()),
    )


POP = _around(_published(_POP_A), spread=_RECORDINGS_STRAY_DB)
HOUSE = _around(_published(_HOUSE_A), spread=_RECORDINGS_STRAY_DB)
"""The published curves end at 4 kHz."""


def octaves(audio: Float, rate_hz: int) -> Float:
    """Power of each octave of `OCTAVES_HZ` in the mean of the channels of `audio` `[samples, channels]`, dB."""
    mono = audio.mean(axis=1)
    window = np.hanning(_WINDOW)
    hertz = np.fft.rfftfreq(_WINDOW, 1 / rate_hz)
    power = np.zeros(len(hertz))
    for start in range(0, max(1, len(mono) - _WINDOW // 2), _WINDOW // 2):
        piece = mono[start : start + _WINDOW]
        power += np.abs(np.fft.rfft(np.pad(piece, (0, _WINDOW - len(piece))) * window)) ** 2
    edge = 2**0.5
    shares = [power[(hertz >= centre / edge) & (hertz < centre * edge)].sum() for centre in OCTAVES_HZ]
    return np.asarray(10 * np.log10(np.array(shares) / max(1e-20, float(np.sum(shares))) + 1e-9))


HUMAN_STYLES = ("ambient", "cinematic", "folk", "orchestral", "piano")
"""Styles without a drum kit in front: their reference is people's notes on their own instruments."""

_RECORDED = ((2.5, 4.8, 3.2, -1.2, -3.3, -0.3, -0.1, -5.5), (1.8, 0.9, 2.0, 1.3, 1.8, 1.3, 2.6, 5.0))
"""Mean and deviation of the eight recordings."""

_HUMAN: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ambient": ((2.6, 7.3, 9.7, 10.5, 4.4, 1.7, -8.8, -27.3), (2.7, 1.4, 0.8, 0.8, 2.3, 4.8, 5.6, 6.5)),
    "cinematic": ((-2.4, 6.1, 6.8, 9.7, 5.3, 2.2, -6.0, -21.9), (4.9, 2.3, 1.2, 1.6, 1.6, 3.9, 6.6, 9.7)),
    "folk": ((-2.1, 1.8, 3.4, 6.5, 2.6, -0.9, -2.8, -8.4), (4.4, 1.6, 1.3, 1.2, 1.0, 3.7, 1.3, 0.8)),
    "orchestral": ((-3.0, 6.0, 4.8, 8.8, 5.5, 5.0, -5.1, -22.1), (6.5, 1.0, 2.3, 1.9, 2.6, 2.0, 5.7, 8.4)),
    "piano": ((-4.7, 3.0, 7.4, 14.4, 6.1, 2.3, -6.7, -21.8), (2.3, 0.5, 2.3, 0.7, 1.4, 0.7, 0.7, 1.6)),
}
"""Mean and deviation of six human songs of half a minute each."""


def _measured(mean: tuple[float, ...], deviation: tuple[float, ...]) -> Band:
    """Twice the deviation around the mean, and at least some decibels: six songs do not know their extremes."""
    return _around(np.array(mean), spread=np.maximum(2.0 * np.array(deviation), _LEAST_SPREAD_DB))


RECORDED = _measured(*_RECORDED)
BETWEEN = _around(_published(_POP_A), _published(_HOUSE_A), spread=_RECORDINGS_STRAY_DB)

BANDS: dict[str, Band] = {
    **{genre: _measured(*curve) for genre, curve in _HUMAN.items()},
    **dict.fromkeys(("ballad", "blues", "bossa", "chiptune", "country", "jazz", "latin", "lofi", "pop"), POP),
    **dict.fromkeys(("disco", "funk", "hiphop", "reggae", "soul", "synthwave", "trap"), BETWEEN),
    **dict.fromkeys(("dnb", "dubstep", "house", "techno", "trance"), HOUSE),
    **dict.fromkeys(("metal", "rock"), RECORDED),
}
"""By style."""


def band_of(genre: str) -> Band | None:
    """The band of a style, if it has one."""
    return BANDS.get(genre)
