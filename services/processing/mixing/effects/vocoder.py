"""A phase vocoder for pitch and time: grains of the source, read at their own speed, laid side by side in phase.

Laroche and Dolson, "Improved phase vocoder time-scale modification of audio" (IEEE TSAP 7, 1999): identity phase
locking. As in Puckette's "Phase-locked vocoder" (1995) the advance of phase is measured between two grains exactly one
hop apart, so nothing has to be unwrapped. Both sides are turned by the same angle, which keeps the stereo image.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio

SIZE: Final = 2_048
"""Samples of a grain."""

HOP: Final = SIZE // 4
"""Samples from one grain to the next."""

FASTEST: Final = 4.0
"""Highest speed at which a grain is read: two octaves."""

_ZEROS: Final = 16
_TABLE_STEPS: Final = 512
_KAISER: Final = 9.0

REACH: Final = round(FASTEST * (SIZE // 2 + _ZEROS)) + 2
"""Samples of the source that a grain may need after its centre."""

BACK: Final = REACH + round(FASTEST * HOP)
"""Samples of the source that it may need before."""

# A grain that holds this much more energy than the one a hop before begins something new: its phases start afresh.
_ATTACK_RATIO: Final = 2.5

_WINDOW: Final = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(SIZE) / SIZE)
# Squared Hann windows at a quarter of their length add up to this.
_OVERLAP: Final = 1.5


def _sinc_table() -> NDArray[np.float64]:
    x = np.arange(_ZEROS * _TABLE_STEPS + 2) / _TABLE_STEPS
    window = np.i0(_KAISER * np.sqrt(np.clip(1.0 - (x / _ZEROS) ** 2, 0.0, None))) / np.i0(_KAISER)
    table: NDArray[np.float64] = np.sinc(x) * window
    table[_TABLE_STEPS::_TABLE_STEPS] = 0.0
    return table


_TABLE: Final = _sinc_table()


@njit(cache=True, nogil=True)
def _read_grain(source, centre, speed, table, out):  # type: ignore[no-untyped-def]
    """Read `out [2, SIZE + HOP]` around `centre` of `source [2, n]`, band-limited for speeds above one."""
    cutoff = 1.0 / speed if speed > 1.0 else 1.0
    reach = _ZEROS / cutoff
    for i in range(out.shape[1]):
        place = centre + speed * (i - HOP - SIZE // 2)
        first = int(np.ceil(place - reach))
        last = int(np.floor(place + reach))
        left, right = 0.0, 0.0
        if place == np.floor(place) and cutoff == 1.0:
            left, right = source[0, int(place)], source[1, int(place)]
        else:
            for k in range(first, last + 1):
                x = abs(place - k) * cutoff * _TABLE_STEPS
                j = int(x)
                if j + 1 < table.shape[0]:
                    weight = (table[j] + (table[j + 1] - table[j]) * (x - j)) * cutoff
                    left += weight * source[0, k]
                    right += weight * source[1, k]
        out[0, i], out[1, i] = left, right


@njit(cache=True, nogil=True)
def _lock(now, before, made):  # type: ignore[no-untyped-def]
    """Turn the bins around each peak of `now [2, K]` by the angle that carries on `made`, in place."""
    bins = now.shape[1]
    power = np.empty(bins)
    for k in range(bins):
        power[k] = now[0, k].real ** 2 + now[0, k].imag ** 2 + now[1, k].real ** 2 + now[1, k].imag ** 2
    start, peak = 0, -1
    for k in range(bins + 1):
        top = False
        if k < bins:
            top = power[k] > 0.0
            for d in (-2, -1, 1, 2):
                if 0 <= k + d < bins and (power[k + d] > power[k] or (power[k + d] == power[k] and d < 0)):
                    top = False
        if not top and k < bins:
            continue
        end = bins
        if k < bins and peak >= 0:
            # The border between two peaks is where it is quietest.
            end = peak + 1
            for j in range(peak + 1, k):
                if power[j] < power[end]:
                    end = j
        elif k < bins:
            peak = k
            continue
        if peak >= 0:
            side = 0 if abs(now[0, peak]) >= abs(now[1, peak]) else 1
            turn = made[side, peak] * np.conj(before[side, peak])
            size = abs(turn)
            turn = turn / size if size > 1e-30 else complex(1.0, 0.0)
            for j in range(start, end):
                now[0, j] *= turn
                now[1, j] *= turn
        start, peak = end, k


class Vocoder:
    """Makes grains, one hop of output after the other. `made` is the spectrum of the last one, `[2, SIZE / 2 + 1]`."""

    def __init__(self, *, keep_attacks: bool) -> None:
        self._keep_attacks = keep_attacks
        self._grain = np.empty((2, SIZE + HOP))

    def grain(self, source: Audio, centre: float, speed: float, made: NDArray[np.complex128]) -> Audio:
        """The next grain `[2, SIZE]`, to be added a hop after the last; `made` is brought up to date.

        `source [2, n]` holds at least `BACK` samples before `centre` and `REACH` after it; `speed` is the pitch ratio.
        """
        _read_grain(source, centre, speed, _TABLE, self._grain)
        both = np.stack((self._grain[:, HOP:], self._grain[:, :SIZE])) * _WINDOW
        spectra = np.fft.rfft(both)
        now, before = np.ascontiguousarray(spectra[0]), np.ascontiguousarray(spectra[1])
        if not (self._keep_attacks and _is_attack(both)):
            _lock(now, before, made)
        made[:] = now
        grain: Audio = np.fft.irfft(now, SIZE) * (_WINDOW / _OVERLAP)
        return grain


def _is_attack(both: NDArray[np.float64]) -> bool:
    # The newest quarter against the one before it, in the same window position.
    newest, older = np.sum(both[0] ** 2), np.sum(both[1] ** 2)
    return bool(newest > _ATTACK_RATIO * older + 1e-9)
