"""Compression as a gain curve: one curve for both channels, or for several stems at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CompressorSettings:
    """Levels in dBFS as the detector reads them; `detector_seconds` 0 reads peaks, else power over that time."""

    threshold_db: float
    ratio: float
    attack_seconds: float
    release_seconds: float
    knee_db: float = 6.0
    detector_seconds: float = 0.005


@njit(cache=True, nogil=True)
def _gain_curve(audio, curve, p, state):  # type: ignore[no-untyped-def]
    """Feed-forward compressor in the log domain with a soft knee (Giannoulis, Massberg and Reiss, JAES 2012)."""
    threshold, slope, attack, release, knee, detector = p[0], p[1], p[2], p[3], p[4], p[5]
    power, reduction = state[0], state[1]
    floor = 10.0 ** ((threshold - knee) / 10.0)
    for i in range(audio.shape[1]):
        left, right = np.float64(audio[0, i]), np.float64(audio[1, i])
        power += (max(left * left, right * right) - power) * detector
        wanted = 0.0
        # The logarithm is dear, and below the knee nothing happens.
        if power > floor:
            over = 10.0 * math.log10(power) - threshold
            if over >= knee:
                wanted = over * slope
            elif over > -knee:
                wanted = (over + knee) * (over + knee) / (4.0 * knee) * slope
        reduction += (wanted - reduction) * (attack if wanted > reduction else release)
        curve[i] = math.exp(-0.11512925464970229 * reduction) if reduction > 1e-6 else 1.0
    state[0], state[1] = power, reduction


class Compressor:
    """A compressor that answers its gain instead of applying it."""

    def __init__(self, settings: CompressorSettings, rate_hz: int) -> None:
        def coefficient(seconds: float) -> float:
            return 1.0 if seconds <= 0.0 else 1.0 - math.exp(-1.0 / (seconds * rate_hz))

        self._parameters = np.array(
            [
                settings.threshold_db,
                1.0 - 1.0 / settings.ratio,
                coefficient(settings.attack_seconds),
                coefficient(settings.release_seconds),
                max(settings.knee_db / 2.0, 1e-3),
                coefficient(settings.detector_seconds),
            ]
        )
        self._state = np.zeros(2)

    def curve(self, audio: Float32) -> Float32:
        """The linear gain for the next block `[2, n]`: `[n]`, at most 1."""
        curve = np.empty(audio.shape[1], np.float32)
        _gain_curve(audio, curve, self._parameters, self._state)
        return curve
