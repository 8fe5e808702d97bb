"""Louder or softer beginnings and endings of notes, by comparing quick and slow envelopes, whatever the level."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.level import decibels_of, smoothing
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_NEPERS: Final = math.log(10.0) / 20.0
_QUICK_MS: Final = 1.0
_SLOW_MS: Final = 20.0
_SHORT_MS: Final = 40.0
_LONG_MS: Final = 400.0
# The distance between two envelopes at which the whole gain is given.
_FULL_DB: Final = 10.0


@njit(cache=True, nogil=True)
def _shape(audio, rows, memory, rate):  # type: ignore[no-untyped-def]
    """memory: quick and slow rise, short and long fall, in dB; the applied gain in dB."""
    quick, slow, short, long, gain = memory[0], memory[1], memory[2], memory[3], memory[4]
    last = -1.0
    up_quick = up_slow = down_short = down_long = 0.0
    glide = smoothing(_QUICK_MS, rate)
    for i in range(audio.shape[1]):
        if rows[2, i] != last:
            last = rows[2, i]
            up_quick, up_slow = smoothing(_QUICK_MS / last, rate), smoothing(_SLOW_MS / last, rate)
            down_short, down_long = smoothing(_SHORT_MS / last, rate), smoothing(_LONG_MS / last, rate)
        left, right = audio[0, i], audio[1, i]
        level = decibels_of(max(left * left, right * right))
        quick += (level - quick) * (up_quick if level > quick else down_short)
        slow += (level - slow) * (up_slow if level > slow else down_short)
        short += (level - short) * (up_quick if level > short else down_short)
        long += (level - long) * (up_quick if level > long else down_long)
        wanted = rows[0, i] * min(max(quick - slow, 0.0) / _FULL_DB, 1.0)
        wanted += rows[1, i] * min(max(long - short, 0.0) / _FULL_DB, 1.0)
        gain += (wanted - gain) * glide
        if rows[0, i] != 0.0 or rows[1, i] != 0.0 or abs(gain) > 1e-9:
            factor = math.exp(_NEPERS * gain)
            audio[0, i], audio[1, i] = left * factor, right * factor
        else:
            gain = 0.0
    memory[0], memory[1], memory[2], memory[3], memory[4] = quick, slow, short, long, gain


class TransientShaper(Processor):
    """Attack and sustain, each louder or softer."""

    PARAMETERS = ("attack_db", "sustain_db", "speed")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self.state = {"envelopes": np.array([-120.0, -120.0, -120.0, -120.0, 0.0])}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Shape the next block."""
        _shape(audio, rows, self.state["envelopes"], self._rate)
