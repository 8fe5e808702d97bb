"""The true-peak limiter, planned over the whole song: no height between two samples is above the ceiling.

The song is first reduced to a map of its heights: for each cell of about 0.7 ms the highest true peak. From the map
comes a gain for each cell that already falls before a peak and recovers after it; the gain runs in straight lines from
cell to cell. Because the map is small (11 MB for an hour), any drive can be tried without touching the audio.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.analysis.true_peak import PeakEnvelope

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_CELLS_PER_SECOND: Final = 1_400
# The gain falls over this time before a peak: slow enough to be no click, fast enough not to duck the beat before.
_LOOKAHEAD_SECONDS: Final = 0.005


def cell_samples(sample_rate_hz: int) -> int:
    """Samples of a cell: 32 at 44.1 and 48 kHz."""
    return max(4, 1 << round(math.log2(sample_rate_hz / _CELLS_PER_SECOND)))


class PeakMap:
    """Gathers the map of a stream of blocks: the highest true peak (linear) of each cell."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._envelope = PeakEnvelope(sample_rate_hz, channels, on_every_meter=True)
        self._cell = cell_samples(sample_rate_hz)
        self._cells: list[Float32] = []
        self._kept: Float32 = np.zeros(0, dtype=np.float32)

    def add(self, block: Float32) -> None:
        """Take the next samples, `[n, channels]`."""
        self._gather(self._envelope.process(block))

    @property
    def highest(self) -> float:
        """The highest true peak (linear) so far; lower than the highest cell where common meters read too much."""
        return self._envelope.highest

    def finish(self) -> Float32:
        """The map `[cells]` of the whole stream, which is over; the last cell may be shorter."""
        self._gather(self._envelope.flush())
        if len(self._kept):
            self._cells.append(self._kept.max(keepdims=True))
        return np.concatenate([*self._cells, np.zeros(0, dtype=np.float32)])

    def _gather(self, envelope: Float32) -> None:
        heights = np.concatenate([self._kept, envelope])
        whole = len(heights) // self._cell * self._cell
        self._cells.append(heights[:whole].reshape(-1, self._cell).max(axis=1))
        self._kept = heights[whole:]


@njit(cache=True, nogil=True)
def _plan(heights, ceiling, reach, release, gains):  # type: ignore[no-untyped-def]
    """Fill `gains` `[cells + 1]`, the gain at the beginning of each cell and at the end of the last.

    `reach` is the lookahead in cells. A gain is the mean of `2 · reach` minima that all know the cell, so it is at most
    what the cell needs.
    """
    cells = heights.shape[0]
    # Minima over cells [i − reach − 1, i + reach], found with a queue of falling candidates.
    span = 2 * reach + 2
    queue = np.empty(span + 1, np.int64)
    head, tail = 0, 0
    level = 1.0
    box = np.ones(reach, np.float64)
    second = np.ones(reach, np.float64)
    first_sum, second_sum = float(reach), float(reach)
    # Gain number n needs minima up to n + reach − 1; what is written lags the newest by that.
    for newest in range(cells + 2 * reach):
        if newest < cells and heights[newest] > ceiling:
            while tail > head and heights[queue[(tail - 1) % (span + 1)]] <= heights[newest]:
                tail -= 1
            queue[tail % (span + 1)] = newest
            tail += 1
        while tail > head and queue[head % (span + 1)] < newest - span + 1:
            head += 1
        held = ceiling / heights[queue[head % (span + 1)]] if tail > head else 1.0
        level = held if held < level else level + (held - level) * release
        place = newest % reach
        first_sum += level - box[place]
        box[place] = level
        mean = first_sum / reach
        second_sum += mean - second[place]
        second[place] = mean
        index = newest - 2 * reach + 1
        if 0 <= index <= cells:
            gains[index] = min(1.0, second_sum / reach)


def plan_gains(heights: Float32, ceiling: float, sample_rate_hz: int, release_ms: float) -> Float32:
    """Gains `[cells + 1]` at the edges of the cells under which nothing rises above `ceiling` (linear)."""
    cells_per_second = sample_rate_hz / cell_samples(sample_rate_hz)
    reach = max(2, round(_LOOKAHEAD_SECONDS * cells_per_second / 2.0))
    release = 1.0 - math.exp(-1000.0 / (release_ms * cells_per_second))
    gains = np.ones(len(heights) + 1, dtype=np.float32)
    if len(heights):
        _plan(heights, ceiling, reach, release, gains)
    return gains


@njit(cache=True, nogil=True)
def _apply(block, gains, cell, start, factor):  # type: ignore[no-untyped-def]
    samples, channels = block.shape
    out = np.empty((samples, channels), np.float32)
    inverse = np.float32(1.0 / cell)
    i = 0
    while i < samples:
        index = (start + i) // cell
        offset = (start + i) - index * cell
        stop = min(samples, i + cell - offset)
        slope = (gains[index + 1] - gains[index]) * inverse
        first = gains[index]
        for j in range(i, stop):
            gain = factor * (first + slope * np.float32(offset + j - i))
            for c in range(channels):
                out[j, c] = block[j, c] * gain
        i = stop
    return out


def apply_gains(block: Float32, start: int, gains: Float32, drive: float, sample_rate_hz: int) -> Float32:
    """Samples `[n, channels]` from sample `start` of the song, driven (linear) and limited."""
    return np.asarray(_apply(block, gains, cell_samples(sample_rate_hz), start, np.float32(drive)))
