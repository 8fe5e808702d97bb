"""Fewer bits, fewer samples."""

from __future__ import annotations

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.processor import Processor, Setting, Switches


@njit(cache=True, nogil=True)
def _crush(audio, rows, held, rate):  # type: ignore[no-untyped-def]
    """held: the sample of each side that is held, and the share of the next one's time."""
    left, right, due = held[0], held[1], held[2]
    last, steps = -1.0, 1.0
    for i in range(audio.shape[1]):
        if rows[0, i] != last:
            last = rows[0, i]
            steps = 2.0 ** (last - 1.0)
        due += rows[1, i] / rate
        if due >= 1.0:
            due -= np.floor(due)
            left = np.rint(audio[0, i] * steps) / steps
            right = np.rint(audio[1, i] * steps) / steps
        audio[0, i], audio[1, i] = left, right
    held[0], held[1], held[2] = left, right, due


class Bitcrusher(Processor):
    """Holds samples at a lower rate and rounds them to few bits."""

    PARAMETERS = ("bits", "rate_hz")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        # The first sample is due at once.
        self.state = {"held": np.array([0.0, 0.0, 1.0])}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Crush the next block."""
        _crush(audio, rows, self.state["held"], self._rate)
