"""Tremolo: a level that swings; with opposite phases on both sides, an auto-pan."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.modulation import SHAPES
from services.processing.mixing.catalogue.space import note_seconds
from services.processing.mixing.effects.lfo import wave
from services.processing.mixing.effects.processor import Processor, Setting, Switches


@njit(cache=True, nogil=True)
def _swing(audio, rows, shape, scalars, rate):  # type: ignore[no-untyped-def]
    phase = scalars[0]
    for i in range(audio.shape[1]):
        for c in range(2):
            # A quarter of a period on: a sine begins at its loudest.
            height = wave(shape, phase + (0.25 if shape < 2 else 0.0) + c * rows[2, i] / 360.0)
            audio[c, i] *= 1.0 - rows[1, i] * (0.5 - 0.5 * height)
        phase += rows[0, i] / rate
        phase -= math.floor(phase)
    scalars[0] = phase


class Tremolo(Processor):
    """Its rate is free, or a note at the song's tempo."""

    PARAMETERS = ("rate_hz", "depth", "stereo_degrees")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._shape = SHAPES.index(setting.text("shape"))
        note = setting.text("sync")
        self._synced_hz = None if note == "off" else 1.0 / note_seconds(note, setting.tempo_bpm)
        self.state = {"scalars": np.zeros(1)}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Swing the next block."""
        if self._synced_hz is not None:
            rows = rows.copy()
            rows[0] = self._synced_hz
        _swing(audio, rows, self._shape, self.state["scalars"], self._rate)
