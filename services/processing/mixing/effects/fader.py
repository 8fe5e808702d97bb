"""The end of a channel strip: width, pan and gain, each followed sample by sample."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio
from services.processing.mixing.catalogue.channel import PAN_LAWS
from services.processing.mixing.catalogue.parameter import SILENCE_DB
from services.processing.mixing.timeline.curve import Curve

_BALANCE: Final = PAN_LAWS.index("balance")
_CONSTANT_POWER: Final = PAN_LAWS.index("constant_power")
_LINEAR: Final = PAN_LAWS.index("linear")
_SILENCE: Final = SILENCE_DB
_NEPERS: Final = math.log(10.0) / 20.0


@njit(cache=True, nogil=True)
def pan_gains(pan, law):  # type: ignore[no-untyped-def]
    """Gains of left and right for −1…1.

    `balance` only turns the other side down; `constant_power` is −3 dB in the middle, `linear` −6 dB, and "-4.5" their
    geometric mean (Rumsey and McCormick, "Sound and Recording", on panpots).
    """
    if law == _BALANCE:
        return min(1.0, 1.0 - pan), min(1.0, 1.0 + pan)
    left, right = 0.5 * (1.0 - pan), 0.5 * (1.0 + pan)
    if law == _LINEAR:
        return left, right
    angle = 0.25 * math.pi * (pan + 1.0)
    cos, sin = max(math.cos(angle), 0.0), math.sin(angle)
    if law == _CONSTANT_POWER:
        return cos, sin
    return math.sqrt(left * cos), math.sqrt(right * sin)


@njit(cache=True, nogil=True)
def gains_of(levels_db, out):  # type: ignore[no-untyped-def]
    """Decibels as factors, sample by sample; the lowest value of a fader is silence."""
    last, gain = 0.0, 1.0
    for i in range(levels_db.shape[0]):
        if levels_db[i] != last:
            last = levels_db[i]
            gain = math.exp(_NEPERS * last) if last > _SILENCE else 0.0
        out[i] = gain


@njit(cache=True, nogil=True)
def _strip(audio, gain_db, pan, width, law):  # type: ignore[no-untyped-def]
    last_gain, last_pan = 0.0, 0.0
    gain = 1.0
    left, right = pan_gains(0.0, law)
    for i in range(audio.shape[1]):
        if gain_db[i] != last_gain:
            last_gain = gain_db[i]
            gain = math.exp(_NEPERS * last_gain) if last_gain > _SILENCE else 0.0
        if pan[i] != last_pan:
            last_pan = pan[i]
            left, right = pan_gains(last_pan, law)
        a, b = audio[0, i], audio[1, i]
        if width[i] != 1.0:
            middle, side = 0.5 * (a + b), 0.5 * (a - b) * width[i]
            a, b = middle + side, middle - side
        audio[0, i] = a * (gain * left)
        audio[1, i] = b * (gain * right)


class Fader:
    """Width, then pan, then gain. A fader at its defaults passes the sound bit for bit."""

    def __init__(self, gain_db: Curve, pan: Curve, width: Curve, law: str, behind: int) -> None:
        self._curves = (gain_db, pan, width)
        self._law = PAN_LAWS.index(law)
        self._behind = behind
        self._resting: NDArray[np.float64] | None = None
        if width.first == 1.0 and not any(curve.moves for curve in self._curves):
            gain = np.empty(1)
            gains_of(np.array([gain_db.first]), gain)
            left, right = pan_gains(pan.first, self._law)
            self._resting = np.array([[gain[0] * left], [gain[0] * right]])

    def process(self, audio: Audio, clock: int) -> Audio:
        """The strip's output for the block that begins at `clock`; a new array `[2, n]`."""
        if self._resting is not None:
            return audio * self._resting
        out = audio.copy()
        start, frames = clock - self._behind, audio.shape[1]
        gain_db, pan, width = (curve.at(start, frames) for curve in self._curves)
        _strip(out, gain_db, pan, width, self._law)
        return out


class Gain:
    """A send's level."""

    def __init__(self, gain_db: Curve, behind: int) -> None:
        self._curve = gain_db
        self._behind = behind

    def factors(self, clock: int, frames: int) -> NDArray[np.float64]:
        """The factor at each sample, `[frames]`, or `[1]` when it rests."""
        used = frames if self._curve.moves else 1
        out = np.empty(used)
        gains_of(self._curve.at(clock - self._behind, used), out)
        return out
