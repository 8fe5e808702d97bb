"""Colour by bending the waveform: warmth, and the coarse steps of old machines."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.shared.kernels import kernel

Float32 = NDArray[np.float32]


@kernel(error_model="numpy")
def _saturate(audio, drive, bias, offset, makeup):  # type: ignore[no-untyped-def]
    """x / sqrt(1 + x²) around a small bias: odd harmonics, and a few even ones as tape and tubes add."""
    for c in range(audio.shape[0]):
        for i in range(audio.shape[1]):
            x = audio[c, i] * drive + bias
            audio[c, i] = (x / np.float32(math.sqrt(np.float32(1.0) + x * x)) - offset) * makeup


class Saturator:
    """Soft saturation without memory. `level` is the amplitude that `drive_db` = 0 bends by about 3 dB."""

    def __init__(self, drive_db: float, level: float, bias: float = 0.06) -> None:
        drive = math.pow(10.0, drive_db / 20.0) / level
        slope = (1.0 + bias * bias) ** -1.5
        self._drive = np.float32(drive)
        self._bias = np.float32(bias)
        self._offset = np.float32(bias / math.sqrt(1.0 + bias * bias))
        self._makeup = np.float32(1.0 / (drive * slope))

    def process(self, audio: Float32) -> None:
        """Bend the next block `[2, n]` in place; quiet sounds pass at unity."""
        _saturate(audio, self._drive, self._bias, self._offset, self._makeup)


class BitCrusher:
    """Quantises like a converter of few bits whose full scale is `level`; quiet tails fall to silence, as they did."""

    def __init__(self, bits: int, level: float) -> None:
        self._step = np.float32(level / 2 ** (bits - 1))

    def process(self, audio: Float32) -> None:
        """Quantise the next block `[2, n]` in place."""
        np.multiply(np.rint(audio / self._step), self._step, out=audio)
