"""Loudness as EBU R 128 measures it: integrated, short-term, momentary, and the loudness range.

ITU-R BS.1770-5 for the measure and its gates, EBU Tech 3341 for the windows, EBU Tech 3342 for the range. A stream is
reduced to its weighted energy in hops of 10 ms, which is all that is kept (6 MB for two hours); whatever is asked for
is read off these. Windows step by a hop, ten times as fine as asked for: no burst falls between two of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.k_weighting import channel_weights, coefficients, weigh

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

HOPS_PER_SECOND: Final = 100
# What silence reads: the absolute gate.
SILENCE_LUFS: Final = -70.0
MOMENTARY_HOPS: Final = 40
SHORT_TERM_HOPS: Final = 300

_STEP_HOPS: Final = 10
_OFFSET: Final = -0.691
_GATE_LU: Final = -10.0
_RANGE_GATE_LU: Final = -20.0
_RANGE_PERCENTILES: Final = (10.0, 95.0)


@dataclass(frozen=True, slots=True)
class Loudness:
    """LUFS (`SILENCE_LUFS` at least), and LU for the range. Maxima are None when the audio is shorter than a window."""

    integrated_lufs: float
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    range_lu: float


class LoudnessMeter:
    """Weighs a stream of float32 blocks `[n, channels]`."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate = sample_rate_hz
        self._filters = coefficients(sample_rate_hz)
        self._weights = channel_weights(channels)
        self._state = np.zeros((channels, 4))
        self._samples = 0
        self._running = 0.0
        self._energies: list[Float64] = []
        self._hops = 0

    def add(self, block: Float32) -> None:
        """Take the next samples."""
        end = self._samples + len(block)
        # One bound beyond the block's end, so that the last sample always has a hop to fall into.
        last = end * HOPS_PER_SECOND // self._rate + 1
        bounds = np.arange(self._hops + 1, last + 1, dtype=np.int64) * self._rate // HOPS_PER_SECOND
        energies = np.zeros(len(bounds))
        energies[0] = self._running
        weigh(block, self._filters, self._weights, self._state, self._samples, bounds, energies)
        self._energies.append(energies[:-1])
        self._running = float(energies[-1])
        self._hops += len(bounds) - 1
        self._samples = end

    def energies(self) -> Float64:
        """The weighted mean square of every whole hop so far, `[hops]`."""
        whole = np.concatenate([*self._energies, np.zeros(0)])
        self._energies = [whole]
        edges = np.arange(len(whole) + 1, dtype=np.int64) * self._rate // HOPS_PER_SECOND
        return whole / np.maximum(np.diff(edges), 1)

    def result(self) -> Loudness:
        """What was measured so far."""
        return measure(self.energies())


def measure(energies: Float64) -> Loudness:
    """Everything at once, of the energies of hops."""
    return Loudness(
        integrated_lufs=integrated_lufs(energies),
        momentary_max_lufs=_highest(energies, MOMENTARY_HOPS),
        short_term_max_lufs=_highest(energies, SHORT_TERM_HOPS),
        range_lu=range_lu(energies),
    )


def windows(energies: Float64, hops: int) -> Float64:
    """Mean energy of every window of so many hops that lies inside; `[len(energies) − hops + 1]`, or none."""
    if len(energies) < hops:
        return np.zeros(0)
    total = np.concatenate([[0.0], np.cumsum(energies)])
    # A difference of sums can come out a little below nothing.
    return np.asarray(np.maximum(total[hops:] - total[:-hops], 0.0) / hops)


def lufs(energies: Float64) -> Float64:
    """Energies as LUFS, `SILENCE_LUFS` at least."""
    return np.asarray(np.maximum(_OFFSET + 10.0 * np.log10(np.maximum(energies, 1e-12)), SILENCE_LUFS))


def integrated_lufs(energies: Float64) -> float:
    """Gated loudness of the whole (BS.1770-5): windows of 400 ms that overlap by three quarters."""
    blocks = windows(energies, MOMENTARY_HOPS)[::_STEP_HOPS]
    loud = blocks[blocks > _energy(SILENCE_LUFS)]
    if not len(loud):
        return SILENCE_LUFS
    gated = loud[loud > loud.mean() * 10.0 ** (_GATE_LU / 10.0)]
    return float(lufs(np.array([gated.mean()]))[0])


def range_lu(energies: Float64) -> float:
    """Loudness range (EBU Tech 3342): from the 10th to the 95th percentile of the gated short-term loudness."""
    blocks = windows(energies, SHORT_TERM_HOPS)[::_STEP_HOPS]
    loud = blocks[blocks >= _energy(SILENCE_LUFS)]
    if not len(loud):
        return 0.0
    gated = lufs(loud[loud >= loud.mean() * 10.0 ** (_RANGE_GATE_LU / 10.0)])
    low, high = np.percentile(gated, _RANGE_PERCENTILES)
    return float(high - low)


def _highest(energies: Float64, hops: int) -> float | None:
    found = windows(energies, hops)
    return float(lufs(found.max(keepdims=True))[0]) if len(found) else None


def _energy(level_lufs: float) -> float:
    return math.pow(10.0, (level_lufs - _OFFSET) / 10.0)
