"""Echoes: free or in time with the song, straight or from side to side."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.space import LONGEST_DELAY_MS, note_seconds
from services.processing.mixing.effects.modulated_delay import read_line
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_TIME: Final = 0
_FEEDBACK: Final = 1
_LOW_CUT: Final = 2
_HIGH_CUT: Final = 3

# At the ends of their ranges the filters are out of the way.
_LOW_OFF_HZ: Final = 20.0
_HIGH_OFF_HZ: Final = 20_000.0


@njit(cache=True, nogil=True)
def one_pole(hz, rate):  # type: ignore[no-untyped-def]
    """What a one-pole low-pass moves in one sample."""
    return 1.0 - math.exp(-2.0 * math.pi * hz / rate)


@njit(cache=True, nogil=True)
def _echo(audio, rows, whole, crossing, lines, scalars, filters, rate):  # type: ignore[no-untyped-def]
    """`whole`: a resting time is a whole number of samples; `crossing`: each echo comes from the other side."""
    clock, mask = int(scalars[0]), lines.shape[1] - 1
    last_low, last_high, low, high = -1.0, -1.0, 0.0, 1.0
    for i in range(audio.shape[1]):
        if rows[_LOW_CUT, i] != last_low:
            last_low = rows[_LOW_CUT, i]
            low = 0.0 if last_low <= _LOW_OFF_HZ else one_pole(last_low, rate)
        if rows[_HIGH_CUT, i] != last_high:
            last_high = rows[_HIGH_CUT, i]
            high = 1.0 if last_high >= _HIGH_OFF_HZ else one_pole(last_high, rate)
        behind = rows[_TIME, i] * rate / 1_000.0
        if whole:
            behind = np.rint(behind)
        behind = max(behind, 2.0)
        for c in range(2):
            wet = read_line(lines[c], clock - behind, mask)
            filters[c, 0] = wet if high == 1.0 else filters[c, 0] + (wet - filters[c, 0]) * high
            wet = filters[c, 0]
            if low > 0.0:
                filters[c, 1] += (wet - filters[c, 1]) * low
                wet = wet - filters[c, 1]
            filters[c, 2] = wet
        left, right, feedback = filters[0, 2], filters[1, 2], rows[_FEEDBACK, i]
        if crossing:
            lines[0, clock & mask] = 0.5 * (audio[0, i] + audio[1, i]) + feedback * right
            lines[1, clock & mask] = feedback * left
        else:
            lines[0, clock & mask] = audio[0, i] + feedback * left
            lines[1, clock & mask] = audio[1, i] + feedback * right
        audio[0, i], audio[1, i] = left, right
        clock += 1
    scalars[0] = clock


class Echo(Processor):
    """A delay line with feedback; a resting time is exact to the sample."""

    PARAMETERS = ("time_ms", "feedback", "low_cut_hz", "high_cut_hz")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        note = setting.text("sync")
        self._synced_ms = None if note == "off" else 1_000.0 * note_seconds(note, setting.tempo_bpm)
        self._ping_pong = bool(setting.values["ping_pong"])
        # A time that rests needs no more than itself.
        resting_ms = LONGEST_DELAY_MS if "time_ms" in setting.moving else setting.number("time_ms")
        longest = (self._synced_ms or resting_ms) * self._rate / 1_000.0
        frames = 1 << math.ceil(math.log2(longest + 8))
        self.state = {"lines": np.zeros((2, frames)), "scalars": np.zeros(1), "filters": np.zeros((2, 3))}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Replace the next block by its echoes."""
        whole = not moving[_TIME]
        if self._synced_ms is not None:
            rows, whole = rows.copy(), True
            rows[_TIME] = self._synced_ms
        state = self.state
        _echo(audio, rows, whole, self._ping_pong, state["lines"], state["scalars"], state["filters"], self._rate)
