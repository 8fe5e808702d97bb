"""A stereo delay in time with the song, streaming: each repeat on the other side, and darker."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.levels import STILL
from services.shared.kernels import kernel

Float32 = NDArray[np.float32]

_LONGEST_SECONDS = 4.0
_MOST_FEEDBACK = 0.85
_LOW_CUT_HZ = 220.0
_HIGH_CUT_HZ = 4_200.0


@kernel
def _repeat(audio, out, lines, state, feedback, low, high):  # type: ignore[no-untyped-def]
    length = lines.shape[1]
    place = int(state[0])
    low_left, low_right, high_left, high_right = state[1], state[2], state[3], state[4]
    for i in range(audio.shape[1]):
        left, right = lines[0, place], lines[1, place]
        out[0, i] += left
        out[1, i] += right
        # One-pole filters in the loop: every repeat loses a little of both ends of the spectrum.
        entering = np.float32(0.5) * (audio[0, i] + audio[1, i]) + right * feedback
        crossing = left
        high_left += (entering - high_left) * high
        low_left += (high_left - low_left) * low
        high_right += (crossing - high_right) * high
        low_right += (high_right - low_right) * low
        lines[0, place] = high_left - low_left
        lines[1, place] = high_right - low_right
        place = place + 1 if place + 1 < length else 0
    state[0] = place
    state[1], state[2], state[3], state[4] = low_left, low_right, high_left, high_right


class Echo:
    """A ping-pong delay: the first repeat on the left, the next on the right, `feedback` is what each pair loses."""

    def __init__(self, delay_seconds: float, feedback: float, rate_hz: int) -> None:
        frames = max(round(min(delay_seconds, _LONGEST_SECONDS) * rate_hz), 1)
        self._lines = np.zeros((2, frames), np.float32)
        self._state = np.zeros(5, np.float64)
        self._feedback = np.float32(min(max(feedback, 0.0), _MOST_FEEDBACK))
        self._low = 1.0 - math.exp(-2.0 * math.pi * _LOW_CUT_HZ / rate_hz)
        self._high = 1.0 - math.exp(-2.0 * math.pi * _HIGH_CUT_HZ / rate_hz)

    def process(self, audio: Float32, out: Float32) -> None:
        """Add the repeats of the next block `[2, n]` to `out [2, n]`."""
        _repeat(audio, out, self._lines, self._state, self._feedback, self._low, self._high)

    def is_still(self) -> bool:
        """Whether every repeat has died away."""
        return float(np.abs(self._lines).max()) < STILL

    def rest(self, frames: int) -> None:
        """Let time pass in silence, once still."""
        self._lines[:] = 0.0
        self._state[1:] = 0.0
        self._state[0] = (self._state[0] + frames) % self._lines.shape[1]
