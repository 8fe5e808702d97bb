"""The true peak of a stream: how high the waveform rises between its samples (ITU-R BS.1770-4, annex 2).

The same windowed sinc as libebur128's, whose figures it gives, but only where a peak can be: what lies between samples
rises above them by no more than the interpolation's gain, so where all are low nobody looks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.shared.kernels import kernel

Float32 = NDArray[np.float32]

# Length of the oversampled filter (libebur128's choice) and how many points a sample is read at below each rate.
_LENGTH = 49
_POINTS_BELOW_HZ = ((96_000, 4), (192_000, 2))


def _taps(rate_hz: int) -> Float32:
    """Hann-windowed sinc for each point between two samples, `[points - 1, k]`; none where samples lie close enough."""
    points = next((points for below, points in _POINTS_BELOW_HZ if rate_hz < below), 1)
    places = np.arange(_LENGTH - 1)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * places / (_LENGTH - 1))
    # The newest sample comes last, as in the history.
    taps = (np.sinc((places - _LENGTH // 2) / points) * window).reshape(-1, points).T[1:, ::-1]
    return np.ascontiguousarray(taps, np.float32)


@kernel(fastmath={"contract", "reassoc"})
def _highest(window, taps):  # type: ignore[no-untyped-def]
    peak = np.float32(0.0)
    for p in range(taps.shape[0]):
        total = np.float32(0.0)
        for k in range(window.shape[0]):
            total += taps[p, k] * window[k]
        peak = max(peak, abs(total))
    return peak


@kernel
def _measure(block, taps, gain, history, since, peaks):  # type: ignore[no-untyped-def]
    """Raise `peaks [channels]` by `block [n, channels]`; `since` counts samples from the last that was high."""
    width = taps.shape[1]
    for c in range(block.shape[1]):
        peak, quiet, slot = peaks[c], since[c, 0], since[c, 1]
        for i in range(block.shape[0]):
            # Written twice, one width apart, so that the newest samples are always contiguous.
            sample = block[i, c]
            history[c, slot] = sample
            history[c, slot + width] = sample
            slot = slot + 1 if slot + 1 < width else 0
            height = abs(sample)
            quiet = 0 if height * gain > peak else quiet + 1
            peak = max(peak, height)
            if quiet < width:
                peak = max(peak, _highest(history[c, slot : slot + width], taps))
        peaks[c], since[c, 0], since[c, 1] = peak, quiet, slot


class TruePeakMeter:
    """The highest true peak of any channel of a stream so far."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._taps = _taps(rate_hz)
        gain = float(np.abs(self._taps.astype(np.float64)).sum(axis=1).max()) if len(self._taps) else 1.0
        self._gain = np.float32(max(gain, 1.0) * (1.0 + 1e-5))
        width = self._taps.shape[1]
        self._history = np.zeros((channels, 2 * width), np.float32)
        self._since = np.zeros((channels, 2), np.int64)
        self._since[:, 0] = width
        self._peaks = np.zeros(channels, np.float32)

    def add(self, block: Float32) -> None:
        """Take the next samples, contiguous `[n, channels]`."""
        _measure(block, self._taps, self._gain, self._history, self._since, self._peaks)

    @property
    def peak(self) -> float:
        """As an amplitude; 0 for silence."""
        return float(self._peaks.max())
