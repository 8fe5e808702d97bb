"""Pitch shift as an insert: the phase vocoder at the song's own speed, on a grid of hops that blocks do not move."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.processor import Processor, Setting, Switches
from services.processing.mixing.effects.vocoder import BACK, HOP, REACH, SIZE, Vocoder

_AHEAD: Final = -(-REACH // HOP) * HOP
"""Samples of input that must have come after a grain's centre: a whole number of hops."""


class PitchShift(Processor):
    """`latency`: what a grain needs after its centre, and half of a grain until no other one overlaps."""

    PARAMETERS = ("semitones",)
    latency = _AHEAD + SIZE // 2

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._vocoder = Vocoder(keep_attacks=bool(setting.values["keep_attacks"]))
        self.state = {
            "input": np.zeros((2, BACK + _AHEAD + HOP)),
            "semitones": np.zeros(_AHEAD + HOP),
            "made": np.zeros((2, SIZE // 2 + 1), np.complex128),
            "sum": np.zeros((2, SIZE)),
            "filled": np.zeros(1, np.int64),
        }

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Replace the next block by the shifted one."""
        state, place = self.state, 0
        while place < audio.shape[1]:
            filled = int(state["filled"][0])
            if filled == 0:
                self._make()
            count = min(HOP - filled, audio.shape[1] - place)
            begin = BACK + _AHEAD + filled
            state["input"][:, begin : begin + count] = audio[:, place : place + count]
            state["semitones"][_AHEAD + filled : _AHEAD + filled + count] = rows[0, place : place + count]
            audio[:, place : place + count] = state["sum"][:, filled : filled + count]
            place += count
            state["filled"][0] = (filled + count) % HOP

    def _make(self) -> None:
        """Lay the grain whose centre lies `_AHEAD` samples back, and let a hop go out."""
        state = self.state
        room = np.zeros((2, HOP))
        state["input"] = np.concatenate((state["input"][:, HOP:], room), axis=1)
        state["semitones"] = np.append(state["semitones"][HOP:], room[0])
        state["sum"] = np.concatenate((state["sum"][:, HOP:], room), axis=1)
        speed = 2.0 ** (float(state["semitones"][0]) / 12.0)
        state["sum"] += self._vocoder.grain(state["input"], float(BACK), speed, state["made"])
