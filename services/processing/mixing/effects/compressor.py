"""Compressors: one band, three bands, and the de-esser.

Feed-forward, in the log domain, with the gain reduction smoothed: Giannoulis, Massberg and Reiss, "Digital dynamic
range compressor design" (JAES 60, 2012), the static curve of equation 4.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.dynamics import MULTIBAND_NAMES
from services.processing.mixing.catalogue.filters import BAND_SHAPES
from services.processing.mixing.effects.level import (
    FALL_SECONDS,
    RMS_SECONDS,
    held_levels,
    peak_levels,
    rms_levels,
    smoothing,
)
from services.processing.mixing.effects.processor import Delay, Processor, Setting, Switches
from services.processing.mixing.effects.quick_math import db_to_factors, powers_to_db
from services.processing.mixing.effects.svf import BUTTERWORTH_Q, coefficients

_HIGH_CUT: Final = BAND_SHAPES.index("high_cut")

# Rows of the gain computer.
_THRESHOLD: Final = 0
_RATIO: Final = 1
_KNEE: Final = 2
_ATTACK: Final = 3
_RELEASE: Final = 4
_GAIN: Final = 5
_RANGE: Final = 6


@njit(cache=True, nogil=True)
def _static(level, threshold, slope, knee, bend, depth):  # type: ignore[no-untyped-def]
    over = level - threshold
    inside = over + 0.5 * knee
    wanted = over * slope if 2.0 * over >= knee else (bend * inside * inside if inside > 0.0 else 0.0)
    return min(wanted, depth)


@njit(cache=True, nogil=True)
def _wanted(levels, rows, moving):  # type: ignore[no-untyped-def]
    """Turn `levels [n]` in dB into the reduction that the static curve wants, in dB, in place."""
    threshold, knee, depth = rows[_THRESHOLD, 0], rows[_KNEE, 0], -rows[_RANGE, 0]
    slope = 1.0 - 1.0 / rows[_RATIO, 0]
    bend = slope / max(2.0 * knee, 1e-9)
    if moving:
        for i in range(levels.shape[0]):
            slope = 1.0 - 1.0 / rows[_RATIO, i]
            bend = slope / max(2.0 * rows[_KNEE, i], 1e-9)
            levels[i] = _static(levels[i], rows[_THRESHOLD, i], slope, rows[_KNEE, i], bend, -rows[_RANGE, i])
    else:
        # What rests is read once: the loop is free for vector instructions.
        for i in range(levels.shape[0]):
            levels[i] = _static(levels[i], threshold, slope, knee, bend, depth)


@njit(cache=True, nogil=True)
def _smooth(wanted, rows, moving, memory, rate):  # type: ignore[no-untyped-def]
    """Let the reduction follow `wanted [n]` in its attack and release, in place; negative, as a gain in dB."""
    reduction = memory[0]
    last_attack, last_release, attack, release = -1.0, -1.0, 1.0, 1.0
    for i in range(wanted.shape[0]):
        j = i if moving else 0
        if rows[_ATTACK, j] != last_attack:
            last_attack = rows[_ATTACK, j]
            attack = smoothing(last_attack, rate)
        if rows[_RELEASE, j] != last_release:
            last_release = rows[_RELEASE, j]
            release = smoothing(last_release, rate)
        reduction += (wanted[i] - reduction) * (attack if wanted[i] > reduction else release)
        if reduction < 1e-9:
            reduction = 0.0
        wanted[i] = rows[_GAIN, j] - reduction
    memory[0] = reduction


def compressor_gains(
    levels: NDArray[np.float64], rows: Rows, moving: bool, memory: NDArray[np.float64], rate: float
) -> None:
    """Turn `levels [n]` (power) into the factor at each sample, in place; rows in the order of the constants above."""
    powers_to_db(levels, levels)
    _wanted(levels, rows, moving)
    _smooth(levels, rows, moving, memory, rate)
    db_to_factors(levels, levels)


_WITHOUT_RANGE: Final = -1e9


class Compressor(Processor):
    """One band. `latency` is its look-ahead."""

    PARAMETERS = ("threshold_db", "ratio", "knee_db", "attack_ms", "release_ms", "makeup_db")

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._rms = setting.text("detector") == "rms"
        self._step = float(smoothing(RMS_SECONDS * 1_000.0, self._rate))
        self.latency = setting.frames("lookahead_ms")
        # What is decided for a sound ahead is done to the one that goes out.
        self.lags = dict.fromkeys(self.PARAMETERS, self.latency)
        self._delay = Delay(self.latency)
        self.state = self._delay.state | {"power": np.zeros(1), "reduction": np.zeros(1)}
        self._delay.state = self.state

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Compress the next block by the level of `key`."""
        gains = np.empty(audio.shape[1])
        if self._rms:
            rms_levels(key, self.state["power"], self._step, gains)
        else:
            peak_levels(key, gains)
        moves = bool(moving.any())
        used = rows if moves else rows[:, :1]
        computed = np.concatenate((used, np.full((1, used.shape[1]), _WITHOUT_RANGE)))
        compressor_gains(gains, computed, moves, self.state["reduction"], self._rate)
        np.multiply(self._delay.process(audio), gains, out=audio)


@njit(cache=True, nogil=True)
def _split(audio, rows, state, rate, low, mid, high):  # type: ignore[no-untyped-def]
    """Linkwitz–Riley bands of fourth order; the low band passes the all-pass that the upper crossover is."""
    last_low, last_high = -1.0, -1.0
    a1 = a2 = a3 = k = b1 = b2 = b3 = 0.0
    for i in range(audio.shape[1]):
        if rows[0, i] != last_low:
            last_low = rows[0, i]
            a1, a2, a3, _, _, _ = coefficients(_HIGH_CUT, last_low, 0.0, BUTTERWORTH_Q, rate)
            k = 1.0 / BUTTERWORTH_Q
        if rows[1, i] != last_high:
            last_high = rows[1, i]
            b1, b2, b3, _, _, _ = coefficients(_HIGH_CUT, last_high, 0.0, BUTTERWORTH_Q, rate)
        for c in range(2):
            s = state[c]
            x = audio[c, i]
            # Section 0 splits, 1 and 2 make it fourth order.
            v1, v2 = _section(x, s, 0, a1, a2, a3)
            _, bottom = _section(v2, s, 1, a1, a2, a3)
            upper = x - k * v1 - v2
            v1, v2 = _section(upper, s, 2, a1, a2, a3)
            upper = upper - k * v1 - v2
            v1, v2 = _section(upper, s, 3, b1, b2, b3)
            _, middle = _section(v2, s, 4, b1, b2, b3)
            top = upper - k * v1 - v2
            v1, v2 = _section(top, s, 5, b1, b2, b3)
            v3, _ = _section(bottom, s, 6, b1, b2, b3)
            low[c, i] = bottom - 2.0 * k * v3
            mid[c, i] = middle
            high[c, i] = top - k * v1 - v2


@njit(cache=True, nogil=True)
def _section(x, s, n, a1, a2, a3):  # type: ignore[no-untyped-def]
    one, two = s[n, 0], s[n, 1]
    v3 = x - two
    v1 = a1 * one + a2 * v3
    v2 = two + a2 * one + a3 * v3
    s[n, 0], s[n, 1] = 2.0 * v1 - one, 2.0 * v2 - two
    return v1, v2


class MultibandCompressor(Processor):
    """Three bands, each compressed by itself; at rest their sum has a flat response."""

    PARAMETERS = (
        "low_crossover_hz",
        "high_crossover_hz",
        *(
            f"{name}_{what}"
            for name in MULTIBAND_NAMES
            for what in ("threshold_db", "ratio", "attack_ms", "release_ms", "gain_db")
        ),
    )
    _KNEE_DB = 6.0

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self.state = {"sections": np.zeros((2, 7, 2)), "reduction": np.zeros((3, 1))}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Compress the next block."""
        frames = audio.shape[1]
        bands = np.empty((3, 2, frames))
        _split(audio, rows, self.state["sections"], self._rate, bands[0], bands[1], bands[2])
        knee, wide = np.full(frames, self._KNEE_DB), np.full(frames, _WITHOUT_RANGE)
        gains = np.empty(frames)
        audio[:] = 0.0
        for number in range(3):
            threshold, ratio, attack, release, gain = rows[2 + 5 * number : 7 + 5 * number]
            peak_levels(bands[number], gains)
            computed = np.stack((threshold, ratio, knee, attack, release, gain, wide))
            compressor_gains(gains, computed, True, self.state["reduction"][number], self._rate)
            audio += bands[number] * gains


@njit(cache=True, nogil=True)
def _sibilance(audio, hz, state, rate, high, found):  # type: ignore[no-untyped-def]
    """`high`: what is turned down, split off at 6 dB an octave, so that all adds up; `found`: the detector's."""
    last, g = -1.0, 0.0
    a1 = a2 = a3 = 0.0
    k = 1.0 / BUTTERWORTH_Q
    for i in range(audio.shape[1]):
        if hz[i] != last:
            last = hz[i]
            a1, a2, a3, _, _, _ = coefficients(_HIGH_CUT, last, 0.0, BUTTERWORTH_Q, rate)
            # An octave lower: a gentle slope lets much through around its corner.
            g = math.tan(0.5 * math.pi * min(last / rate, 0.49))
            g = g / (1.0 + g)
        for c in range(2):
            s = state[c]
            x = audio[c, i]
            v = (x - s[1, 0]) * g
            lower = v + s[1, 0]
            s[1, 0] = lower + v
            high[c, i] = x - lower
            v1, v2 = _section(x, s, 0, a1, a2, a3)
            found[c, i] = x - k * v1 - v2


class DeEsser(Processor):
    """Turns the highs down while they are louder than the threshold."""

    PARAMETERS = ("frequency_hz", "threshold_db", "ratio", "range_db", "attack_ms", "release_ms")
    _KNEE_DB = 4.0

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._keep = math.exp(-1.0 / (FALL_SECONDS * self._rate))
        self.state = {"sections": np.zeros((2, 2, 2)), "power": np.zeros(1), "reduction": np.zeros(1)}

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Soften the next block."""
        frames = audio.shape[1]
        high, found = np.empty((2, frames)), np.empty((2, frames))
        _sibilance(audio, rows[0], self.state["sections"], self._rate, high, found)
        gains: NDArray[np.float64] = np.empty(frames)
        held_levels(found, self.state["power"], self._keep, gains)
        flat = np.zeros(frames)
        computed = np.stack((rows[1], rows[2], flat + self._KNEE_DB, rows[4], rows[5], flat, rows[3]))
        compressor_gains(gains, computed, True, self.state["reduction"], self._rate)
        audio -= (1.0 - gains) * high
