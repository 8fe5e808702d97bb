"""Finds how far a song has to be driven into its limiter for a loudness, without touching the audio."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.loudness import HOPS_PER_SECOND, integrated_lufs
from services.processing.mastering.clipper import KNEE
from services.processing.mastering.limiter import cell_samples, plan_gains

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

# The limiter is asked for no more: beyond lies distortion, not loudness.
MOST_LIMITING_DB: Final = 14.0
_CLOSE_LU: Final = 0.005
_MOST_TRIES: Final = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """A drive in dB, the limiter's gains at the edges of its cells, and the loudness that comes of both in LUFS."""

    drive_db: float
    gains: Float32
    loudness_lufs: float

    @property
    def deepest_db(self) -> float:
        """How much the limiter takes at most, in dB (0 or below)."""
        return float(20.0 * np.log10(self.gains.min(initial=1.0)))

    @property
    def mean_db(self) -> float:
        """How much the limiter takes on average, in dB (0 or below)."""
        return float(20.0 * np.log10(self.gains.mean())) if len(self.gains) else 0.0


class LevelSearch:
    """What is known of a song before its limiter: hop energies and the map of its heights."""

    def __init__(self, energies: Float64, heights: Float32, sample_rate_hz: int, release_ms: float) -> None:
        self._energies = energies
        self._heights = heights
        self._rate = sample_rate_hz
        self._release_ms = release_ms
        # The first cell that begins in each hop, and the one after the last.
        samples = np.arange(len(energies) + 1, dtype=np.int64) * sample_rate_hz // HOPS_PER_SECOND
        cell = cell_samples(sample_rate_hz)
        self._edges = np.minimum(-(-samples // cell), len(heights))

    def lower(self, cells: NDArray[np.bool_], factor: Float32) -> None:
        """Treat some cells as higher than they were mapped: `factor` (linear) for each of them."""
        self._heights = self._heights.copy()
        self._heights[cells] *= factor

    def clipped(self, top: float) -> LevelSearch:
        """What the search would know after a clipper below `top` (linear): heights on its curve, the same energies."""
        made = copy(self)
        knee = KNEE * top
        room = top - knee
        rounded = knee + room * np.tanh((self._heights - knee) / room)
        made._heights = np.where(self._heights > knee, rounded, self._heights).astype(np.float32)
        return made

    def at(self, drive_db: float, ceiling: float) -> Plan:
        """The plan for a drive; `ceiling` is linear."""
        drive = 10.0 ** (drive_db / 20.0)
        gains = plan_gains(self._heights, ceiling / drive, self._rate, self._release_ms)
        total = np.concatenate([[0.0], np.cumsum(gains[:-1].astype(np.float64) ** 2)])
        counts = np.diff(self._edges)
        power = np.where(counts > 0, np.diff(total[self._edges]) / np.maximum(counts, 1), 1.0)
        return Plan(drive_db, gains, integrated_lufs(self._energies * power * drive**2))

    def find(self, target_lufs: float, ceiling: float) -> Plan:
        """The plan that comes closest to a loudness; the loudest allowed one where the target is out of reach."""
        unlimited = integrated_lufs(self._energies)
        low = self.at(target_lufs - unlimited, ceiling)
        if low.loudness_lufs >= target_lufs - _CLOSE_LU:
            return low
        high = self.at(low.drive_db + MOST_LIMITING_DB, ceiling)
        if high.loudness_lufs <= target_lufs:
            return high
        best = low
        for attempt in range(_MOST_TRIES):
            # False position, with a bisection every third time so that a bent curve cannot stall it.
            share = (target_lufs - low.loudness_lufs) / (high.loudness_lufs - low.loudness_lufs)
            share = 0.5 if attempt % 3 == 2 else min(0.98, max(0.02, share))
            best = self.at(low.drive_db + share * (high.drive_db - low.drive_db), ceiling)
            if abs(best.loudness_lufs - target_lufs) <= _CLOSE_LU:
                break
            if best.loudness_lufs < target_lufs:
                low = best
            else:
                high = best
        return best
