"""How loud a sound is at each sample, for effects that follow the level. Both sides count as one."""

from __future__ import annotations

import math
from typing import Final

from numba import njit

RMS_SECONDS: Final = 0.010
FALL_SECONDS: Final = 0.010
FLOOR_DB: Final = -120.0


@njit(cache=True, nogil=True)
def smoothing(milliseconds, rate):  # type: ignore[no-untyped-def]
    """What a one-pole filter moves in one sample: 63 % of a step in that time (Giannoulis et al., JAES 60, 2012)."""
    return 1.0 - math.exp(-1_000.0 / (milliseconds * rate)) if milliseconds > 0.0 else 1.0


@njit(cache=True, nogil=True)
def peak_levels(audio, out):  # type: ignore[no-untyped-def]
    """The louder side's power, sample by sample."""
    for i in range(audio.shape[1]):
        left, right = audio[0, i], audio[1, i]
        out[i] = max(left * left, right * right)


@njit(cache=True, nogil=True)
def rms_levels(audio, memory, step, out):  # type: ignore[no-untyped-def]
    """The mean power of both sides over about the RMS time."""
    power = memory[0]
    for i in range(audio.shape[1]):
        left, right = audio[0, i], audio[1, i]
        power += (0.5 * (left * left + right * right) - power) * step
        out[i] = power
    memory[0] = power


@njit(cache=True, nogil=True)
def held_levels(audio, memory, keep, out):  # type: ignore[no-untyped-def]
    """The louder side's power, falling slowly between the peaks of a wave."""
    power = memory[0]
    for i in range(audio.shape[1]):
        left, right = audio[0, i], audio[1, i]
        power = max(left * left, right * right, power * keep)
        out[i] = power
    memory[0] = power


@njit(cache=True, nogil=True)
def decibels_of(power):  # type: ignore[no-untyped-def]
    """A power as a level."""
    return 10.0 * math.log10(power) if power > 1e-12 else FLOOR_DB
