"""Where a file begins or ends within loud sound, the cut rings between the samples: meters read more than there was.

What the limiter holds goes on beyond the cut; a file does not. So the outermost 5 ms of a file are turned down,
smoothly and only as far as the ceiling asks. Edges where nothing is too high stay as they are, to the bit.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.true_peak import PeakEnvelope
from services.processing.mixing.block import Audio, silence

_SECONDS: Final = 0.005
_PHASES: Final = 8
# Samples on each side of a point that it is interpolated from; Kaiser's window for 100 dB. Nearly the ideal meter,
# beside which the common short ones are asked too.
_REACH: Final = 512
_KAISER: Final = 10.0
# Of the ceiling: between the points of the grid it may be a little higher.
_MARGIN: Final = 10.0 ** (-0.05 / 20.0)
_HALVINGS: Final = 16


class Edges:
    """Passes a stream `[2, n]` on, its first and last samples held back until they are known and right.

    `ceiling` is linear. `cut_before`: the stream begins within the sound; what a song begins with the limiter has seen.
    """

    def __init__(self, rate_hz: int, ceiling: float, *, cut_before: bool) -> None:
        self._rate = rate_hz
        self._ceiling = ceiling
        self._begins = not cut_before
        self._held = silence(0)
        self._keep = round(_SECONDS * rate_hz) + _REACH

    def pass_on(self, audio: Audio) -> Audio:
        """Take the next samples; those of them, and of what was held, that are final."""
        self._held = np.concatenate((self._held, audio), axis=1)
        if self._held.shape[1] < 2 * self._keep:
            return silence(0)
        self._begin()
        ready, self._held = self._held[:, : -self._keep], self._held[:, -self._keep :]
        return ready

    def finish(self) -> Audio:
        """The samples that are left; the stream is over."""
        self._begin()
        return held_end(self._held, self._rate, self._ceiling)

    def _begin(self) -> None:
        if not self._begins:
            self._begins = True
            # Time backwards, a beginning is an end.
            first = held_end(self._held[:, : self._keep][:, ::-1], self._rate, self._ceiling)[:, ::-1]
            self._held = np.concatenate((first, self._held[:, self._keep :]), axis=1)


def held_end(audio: Audio, rate_hz: int, ceiling: float) -> Audio:
    """`audio [2, n]`, the end of a file, with its last 5 ms turned down until what follows as silence is no cut above
    `ceiling` (linear)."""
    length = min(round(_SECONDS * rate_hz), audio.shape[1])
    aimed = ceiling * _MARGIN
    if not length or _height(audio, length, rate_hz) <= aimed:
        return audio
    fall = 0.5 - 0.5 * np.cos(np.pi * np.arange(1, length + 1) / length)
    # The highest gain at the very end that is low enough; with none at all the sound fades out and nothing is cut.
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _height(_turned_down(audio, fall, middle), length, rate_hz) <= aimed:
            low = middle
        else:
            high = middle
    return _turned_down(audio, fall, low)


def _turned_down(audio: Audio, fall: NDArray[np.float64], gain: float) -> Audio:
    made = audio.copy()
    made[:, -len(fall) :] *= 1.0 - (1.0 - gain) * fall
    return made


def _height(audio: Audio, length: int, rate_hz: int) -> float:
    """The highest point from `length` samples before the end on, on every meter, with silence behind the end."""
    tail = audio[:, -(length + _REACH) :]
    common = PeakEnvelope(rate_hz, 2, on_every_meter=True)
    block = np.ascontiguousarray(tail.T, np.float32)
    heights = np.concatenate((common.process(block), common.flush()))[-length:]
    padded = np.pad(tail, ((0, 0), (length + 2 * _REACH - tail.shape[1], 2 * _REACH)))
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _REACH, axis=1)[:, _REACH + 1 :]
    return max(float(heights.max(initial=0.0)), float(np.abs(around @ _interpolator().T).max()))


@cache
def _interpolator() -> NDArray[np.float64]:
    """The points at eighths of a sample, `[8, 2 · reach]`; the first is at the sample itself."""
    places = np.arange(-_REACH + 1, _REACH + 1) - np.arange(_PHASES)[:, None] / _PHASES
    window = np.i0(_KAISER * np.sqrt(np.clip(1.0 - (places / _REACH) ** 2, 0.0, None))) / np.i0(_KAISER)
    made: NDArray[np.float64] = np.sinc(places) * window
    return made
