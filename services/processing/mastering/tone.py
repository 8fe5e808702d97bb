"""The tone stage: second-order filters after Bristow-Johnson's cookbook, run as one cascade over a stream."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from services.processing.mastering.presets import Filter

Float64 = NDArray[np.float64]

# A filter whose corner lies above that share of half the sample rate would be bent beyond use; it is left out.
_HIGHEST_CORNER = 0.9


def section(item: Filter, sample_rate_hz: int) -> Float64:
    """One filter as `[6]`: b0, b1, b2, a0 = 1, a1, a2 (R. Bristow-Johnson, "Audio EQ Cookbook")."""
    omega = 2.0 * math.pi * item.frequency_hz / sample_rate_hz
    cosine, sine = math.cos(omega), math.sin(omega)
    alpha = sine / (2.0 * item.quality)
    a = 10.0 ** (item.gain_db / 40.0)
    if item.kind == "low_cut":
        b = ((1 + cosine) / 2, -(1 + cosine), (1 + cosine) / 2)
        d = (1 + alpha, -2 * cosine, 1 - alpha)
    elif item.kind == "high_cut":
        b = ((1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2)
        d = (1 + alpha, -2 * cosine, 1 - alpha)
    elif item.kind == "bell":
        b = (1 + alpha * a, -2 * cosine, 1 - alpha * a)
        d = (1 + alpha / a, -2 * cosine, 1 - alpha / a)
    else:
        # The low shelf is the high shelf seen in the mirror of the cosine.
        mirrored = cosine if item.kind == "low_shelf" else -cosine
        sign = 1.0 if item.kind == "low_shelf" else -1.0
        root = 2.0 * math.sqrt(a) * alpha
        b = (
            a * ((a + 1) - (a - 1) * mirrored + root),
            sign * 2 * a * ((a - 1) - (a + 1) * mirrored),
            a * ((a + 1) - (a - 1) * mirrored - root),
        )
        d = (
            (a + 1) + (a - 1) * mirrored + root,
            sign * -2 * ((a - 1) + (a + 1) * mirrored),
            (a + 1) + (a - 1) * mirrored - root,
        )
    return np.array([*b, *d], dtype=np.float64) / d[0]


class Tone:
    """Filters over a stream of blocks `[n, channels]`, with nothing lost between two of them."""

    def __init__(self, filters: Sequence[Filter], sample_rate_hz: int, channels: int) -> None:
        usable = [item for item in filters if item.frequency_hz < _HIGHEST_CORNER * sample_rate_hz / 2.0]
        self._sections = np.array([section(item, sample_rate_hz) for item in usable]).reshape(-1, 6)
        self._state = np.zeros((len(usable), 2, channels))

    def process(self, block: Float64) -> Float64:
        """The next samples, filtered."""
        if not len(self._sections) or not len(block):
            return block
        filtered, self._state = scipy.signal.sosfilt(self._sections, block, axis=0, zi=self._state)
        return np.asarray(filtered)
