"""A phaser: first-order all-pass filters in series, whose corner an oscillator moves by octaves."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_RATE: Final = 0
_CENTRE: Final = 1
_DEPTH: Final = 2
_FEEDBACK: Final = 3
_STEREO: Final = 4


@njit(cache=True, nogil=True)
def _phase(audio, rows, stages, last, scalars, rate):  # type: ignore[no-untyped-def]
    phase = scalars[0]
    for i in range(audio.shape[1]):
        for c in range(2):
            turn = math.sin(2.0 * math.pi * (phase + c * rows[_STEREO, i] / 360.0))
            hz = rows[_CENTRE, i] * 2.0 ** (rows[_DEPTH, i] * turn)
            g = math.tan(math.pi * min(hz / rate, 0.49))
            g = g / (1.0 + g)
            x = audio[c, i] + rows[_FEEDBACK, i] * last[c]
            for k in range(stages.shape[1]):
                v = (x - stages[c, k]) * g
                low = v + stages[c, k]
                stages[c, k] = low + v
                x = 2.0 * low - x
            last[c] = x
            audio[c, i] = x
        phase += rows[_RATE, i] / rate
        phase -= math.floor(phase)
    scalars[0] = phase


class Phaser(Processor):
    """The all-pass path; mixed half and half with the dry sound it makes the notches."""

    PARAMETERS = ("rate_hz", "frequency_hz", "depth_octaves", "feedback", "stereo_degrees")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        stages = int(setting.text("stages"))
        self.state = {"stages": np.zeros((2, stages)), "last": np.zeros(2), "scalars": np.zeros(1)}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Turn the phases of the next block."""
        state = self.state
        _phase(audio, rows, state["stages"], state["last"], state["scalars"], self._rate)
