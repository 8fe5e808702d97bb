"""Gate and expander: quieter where it is quiet already."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.parameter import SILENCE_DB
from services.processing.mixing.effects.level import FALL_SECONDS, decibels_of, held_levels, smoothing
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_NEPERS: Final = math.log(10.0) / 20.0
_SILENCE: Final = SILENCE_DB

# Rows of the gate, then of the expander.
_THRESHOLD: Final = 0
_HYSTERESIS: Final = 1
_RANGE: Final = 2
_HOLD: Final = 3
_ATTACK: Final = 4
_RELEASE: Final = 5
_RATIO: Final = 1
_KNEE: Final = 2
_DEPTH: Final = 3


@njit(cache=True, nogil=True)
def _gate(levels, rows, memory, rate, out):  # type: ignore[no-untyped-def]
    """memory: gain, 1 when open, samples that it still stays open."""
    gain, is_open, left = memory[0], memory[1], memory[2]
    last_attack, last_release, last_range, last_up, last_down = -1.0, -1.0, 1.0, 1.0, 1.0
    attack, release, closed, up, down = 1.0, 1.0, 0.0, 0.0, 0.0
    for i in range(levels.shape[0]):
        if rows[_ATTACK, i] != last_attack:
            last_attack = rows[_ATTACK, i]
            attack = smoothing(last_attack, rate)
        if rows[_RELEASE, i] != last_release:
            last_release = rows[_RELEASE, i]
            release = smoothing(last_release, rate)
        if rows[_RANGE, i] != last_range:
            last_range = rows[_RANGE, i]
            closed = math.exp(_NEPERS * last_range) if last_range > _SILENCE else 0.0
        if rows[_THRESHOLD, i] != last_up:
            last_up = rows[_THRESHOLD, i]
            up = 10.0 ** (last_up / 10.0)
        if rows[_THRESHOLD, i] - rows[_HYSTERESIS, i] != last_down:
            last_down = rows[_THRESHOLD, i] - rows[_HYSTERESIS, i]
            down = 10.0 ** (last_down / 10.0)
        if levels[i] >= up:
            is_open, left = 1.0, rows[_HOLD, i] * rate / 1_000.0
        elif levels[i] >= down and is_open > 0.0:
            left = max(left, rows[_HOLD, i] * rate / 1_000.0)
        elif left > 0.0:
            left -= 1.0
        else:
            is_open = 0.0
        target = 1.0 if is_open > 0.0 else closed
        gain += (target - gain) * (attack if target > gain else release)
        if abs(target - gain) < 1e-9:
            gain = target
        out[i] = gain
    memory[0], memory[1], memory[2] = gain, is_open, left


@njit(cache=True, nogil=True)
def _expand(levels, rows, memory, rate, out):  # type: ignore[no-untyped-def]
    """memory: the reduction in dB."""
    reduction = memory[0]
    last_attack, last_release = -1.0, -1.0
    attack, release = 1.0, 1.0
    for i in range(levels.shape[0]):
        if rows[_ATTACK, i] != last_attack:
            last_attack = rows[_ATTACK, i]
            attack = smoothing(last_attack, rate)
        if rows[_RELEASE, i] != last_release:
            last_release = rows[_RELEASE, i]
            release = smoothing(last_release, rate)
        under = rows[_THRESHOLD, i] - decibels_of(levels[i])
        knee, slope = rows[_KNEE, i], rows[_RATIO, i] - 1.0
        wanted = 0.0
        if 2.0 * under >= knee:
            wanted = under * slope
        elif 2.0 * under > -knee:
            wanted = slope * (under + 0.5 * knee) ** 2 / (2.0 * knee)
        wanted = min(wanted, -rows[_DEPTH, i])
        # Opening is the attack.
        reduction += (wanted - reduction) * (attack if wanted < reduction else release)
        if reduction < 1e-9:
            reduction = 0.0
        out[i] = math.exp(-_NEPERS * reduction) if reduction > 0.0 else 1.0
    memory[0] = reduction


class Gate(Processor):
    """Open above the threshold, closed below."""

    PARAMETERS = ("threshold_db", "hysteresis_db", "range_db", "hold_ms", "attack_ms", "release_ms")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._keep = math.exp(-1.0 / (FALL_SECONDS * self._rate))
        self.state = {"power": np.zeros(1), "gate": np.zeros(3)}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Gate the next block by the level of `key`."""
        gains = np.empty(audio.shape[1])
        held_levels(key, self.state["power"], self._keep, gains)
        _gate(gains, rows, self.state["gate"], self._rate, gains)
        audio *= gains


class Expander(Processor):
    """Downward expansion with a knee; never more than the range."""

    PARAMETERS = ("threshold_db", "ratio", "knee_db", "range_db", "attack_ms", "release_ms")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._keep = math.exp(-1.0 / (FALL_SECONDS * self._rate))
        self.state = {"power": np.zeros(1), "reduction": np.zeros(1)}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Expand the next block by the level of `key`."""
        gains = np.empty(audio.shape[1])
        held_levels(key, self.state["power"], self._keep, gains)
        _expand(gains, rows, self.state["reduction"], self._rate, gains)
        audio *= gains
