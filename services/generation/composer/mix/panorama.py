"""Where a sound stands between the speakers, and how wide it is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.mix.allpass import diffuse
from services.shared.kernels import kernel

Float32 = NDArray[np.float32]

# All-pass delays in frames at 44.1 kHz: mutually prime and short, so that width is heard and no echo.
_ALLPASS_SECONDS = (0.00256, 0.00764, 0.01295)
_ALLPASS_GAIN = 0.6
# Frames that are treated at a time.
_PIECE = 512
_SIDE_BOOST = 0.5
_SPREAD = 0.45


def pan_gains(pan: float) -> tuple[float, float]:
    """Equal-power gains of the left and the right channel for −1…1; the middle is unity."""
    angle = (min(max(pan, -1.0), 1.0) + 1.0) * math.pi / 4.0
    return math.sqrt(2.0) * math.cos(angle), math.sqrt(2.0) * math.sin(angle)


@kernel
def _widen(audio, lines, lengths, cursors, spread, side_gain):  # type: ignore[no-untyped-def]
    """Add a decorrelated copy of the middle to the side; the sum of both channels stays what it was."""
    half = np.float32(0.5)
    smeared = np.empty(_PIECE, np.float32)
    for start in range(0, audio.shape[1], _PIECE):
        frames = min(_PIECE, audio.shape[1] - start)
        left, right = audio[0, start : start + frames], audio[1, start : start + frames]
        copy = smeared[:frames]
        for i in range(frames):
            copy[i] = half * (left[i] + right[i])
        for k in range(lengths.shape[0]):
            cursors[k] = diffuse(copy, lines[k, : lengths[k]], np.float32(-_ALLPASS_GAIN), cursors[k])
        for i in range(frames):
            middle = half * (left[i] + right[i])
            side = half * (left[i] - right[i]) * side_gain + copy[i] * spread
            left[i] = middle + side
            right[i] = middle - side


class Widener:
    """Spreads a stream over the stereo image; mono listeners hear no difference."""

    def __init__(self, width: float, rate_hz: int) -> None:
        self._spread = np.float32(_SPREAD * width)
        self._side = np.float32(1.0 + _SIDE_BOOST * width)
        self._lengths = np.array([round(seconds * rate_hz) for seconds in _ALLPASS_SECONDS], np.int64)
        self._lines = np.zeros((len(self._lengths), int(self._lengths.max())), np.float32)
        self._cursors = np.zeros(len(self._lengths), np.int64)

    def process(self, audio: Float32) -> None:
        """Widen the next block `[2, n]` in place."""
        _widen(audio, self._lines, self._lengths, self._cursors, self._spread, self._side)

    def reset(self) -> None:
        """Forget what has passed."""
        self._lines[:] = 0.0
