"""Chorus and flanger: a short delay line whose length an oscillator moves."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_LONGEST_SECONDS: Final = 0.065
_SHORTEST_FRAMES: Final = 2.0

_RATE: Final = 0
_DELAY: Final = 1
_DEPTH: Final = 2
_FEEDBACK: Final = 3
_STEREO: Final = 4


@njit(cache=True, nogil=True)
def read_line(line, place, mask):  # type: ignore[no-untyped-def]
    """The ring `line` at a place between samples: cubic Hermite (Catmull–Rom), exact on a sample."""
    whole = math.floor(place)
    x = place - whole
    b = line[whole & mask]
    if x == 0.0:
        return b
    a, c, d = line[(whole - 1) & mask], line[(whole + 1) & mask], line[(whole + 2) & mask]
    return b + 0.5 * x * (c - a + x * (2.0 * a - 5.0 * b + 4.0 * c - d + x * (3.0 * (b - c) + d - a)))


@njit(cache=True, nogil=True)
def _modulate(audio, rows, lines, scalars, rate):  # type: ignore[no-untyped-def]
    """scalars: phase in periods, samples so far."""
    phase, clock = scalars[0], int(scalars[1])
    mask = lines.shape[1] - 1
    for i in range(audio.shape[1]):
        for c in range(2):
            turn = math.sin(2.0 * math.pi * (phase + c * rows[_STEREO, i] / 360.0))
            behind = (rows[_DELAY, i] + rows[_DEPTH, i] * turn) * rate / 1_000.0
            behind = max(behind, _SHORTEST_FRAMES)
            wet = read_line(lines[c], clock - behind, mask)
            lines[c, clock & mask] = audio[c, i] + rows[_FEEDBACK, i] * wet
            audio[c, i] = wet
        phase += rows[_RATE, i] / rate
        phase -= math.floor(phase)
        clock += 1
    scalars[0], scalars[1] = phase, clock


class ModulatedDelay(Processor):
    """The wet sound of a chorus or a flanger; the dry one is mixed in beside it."""

    PARAMETERS = ("rate_hz", "delay_ms", "depth_ms", "feedback", "stereo_degrees")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        frames = 1 << math.ceil(math.log2(_LONGEST_SECONDS * setting.rate_hz + 4))
        self.state = {"lines": np.zeros((2, frames)), "scalars": np.zeros(2)}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Replace the next block by its modulated copy."""
        _modulate(audio, rows, self.state["lines"], self.state["scalars"], self._rate)
