"""How a stereo stream lies in space: correlation of the channels, width, balance; and levels of all channels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Levels:
    """Plain levels. `correlation`, `width_db` and `balance_db` are None for anything but stereo, and for silence.

    `correlation` goes from −1 (out of phase) over 0 (unrelated) to 1 (mono). `width_db` is the side's level against
    the middle's, `balance_db` the right's against the left's. `dc_offset` is the largest mean of a channel, linear.
    `clipped_samples` counts values at full scale that stand next to another one: flat tops, not lone peaks.
    """

    sample_peak: float
    rms: float
    dc_offset: float
    clipped_samples: int
    correlation: float | None
    width_db: float | None
    balance_db: float | None


class LevelMeter:
    """Measures a stream of blocks `[n, channels]`."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._samples = 0
        self._sums = np.zeros(channels)
        self._squares = np.zeros(channels)
        self._product = 0.0
        self._peak = 0.0
        self._clipped = 0
        self._was_full = np.zeros(channels, dtype=np.bool_)

    def add(self, block: Float32) -> None:
        """Take the next samples."""
        if not len(block):
            return
        self._samples += len(block)
        self._sums += block.sum(axis=0, dtype=np.float64)
        self._squares += np.einsum("ij,ij->j", block, block, dtype=np.float64)
        if self._channels == 2:
            self._product += float(np.einsum("i,i->", block[:, 0], block[:, 1], dtype=np.float64))
        highest = float(max(block.max(), -block.min()))
        self._peak = max(self._peak, highest)
        if highest >= _FULL:
            full = np.abs(block) >= _FULL
            before = np.concatenate([self._was_full[None], full[:-1]])
            self._clipped += int((full & before).sum())
            self._was_full = full[-1]
        else:
            self._was_full[:] = False

    def result(self) -> Levels:
        """What was measured so far."""
        count = max(1, self._samples)
        power = self._squares / count
        correlation = width = balance = None
        if self._channels == 2 and power.min() > 0.0:
            cross = self._product / count
            correlation = max(-1.0, min(1.0, cross / math.sqrt(float(power[0] * power[1]))))
            middle, side = float(power.sum()) / 4.0 + cross / 2.0, float(power.sum()) / 4.0 - cross / 2.0
            width = 10.0 * math.log10(max(side, 1e-15) / max(middle, 1e-15))
            balance = 10.0 * math.log10(float(power[1] / power[0]))
        return Levels(
            sample_peak=self._peak,
            rms=math.sqrt(float(power.mean())),
            dc_offset=float(np.abs(self._sums / count).max()),
            clipped_samples=self._clipped,
            correlation=correlation,
            width_db=width,
            balance_db=balance,
        )


# One step of 16 bits below full scale.
_FULL = 32_766.5 / 32_768.0
