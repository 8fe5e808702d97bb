"""Compression as a gain curve: one curve for both channels, or for several stems at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.shared.kernels import kernel

Float32 = NDArray[np.float32]

_PIECE = 512
# Places in a compressor's parameters.
_RELEASE, _DETECTOR = 3, 5


@dataclass(frozen=True, slots=True)
class CompressorSettings:
    """Levels in dBFS as the detector reads them; `detector_seconds` 0 reads peaks, else power over that time."""

    threshold_db: float
    ratio: float
    attack_seconds: float
    release_seconds: float
    knee_db: float = 6.0
    detector_seconds: float = 0.005


# Polynomials over one octave: of log2 on 1…2 and of 2^x on 0…1, lowest power first; errors below 1e-8.
_LOG2 = np.polynomial.Chebyshev.interpolate(np.log2, 9, (1.0, 2.0)).convert(kind=np.polynomial.Polynomial).coef
_EXP2 = np.polynomial.Chebyshev.interpolate(np.exp2, 6, (0.0, 1.0)).convert(kind=np.polynomial.Polynomial).coef
_LOG2_0, _LOG2_1, _LOG2_2, _LOG2_3, _LOG2_4, _LOG2_5, _LOG2_6, _LOG2_7, _LOG2_8, _LOG2_9 = map(float, _LOG2)
_EXP2_0, _EXP2_1, _EXP2_2, _EXP2_3, _EXP2_4, _EXP2_5, _EXP2_6 = map(float, _EXP2)
_DB_PER_OCTAVE_OF_POWER = 10.0 * math.log10(2.0)
_OCTAVES_PER_DB = math.log2(10.0) / 20.0
_MANTISSA, _ONE = (1 << 52) - 1, 1023 << 52
_EXPONENT_SHIFT, _EXPONENT_BIAS = 52, 1023
_DEEPEST_OCTAVES = 60
_HALVES = 0.5 ** np.arange(_DEEPEST_OCTAVES + 1)
# Less is no reduction at all.
_LEAST_DB = 1e-6


@kernel
def _powers(left, right, powers, power, detector):  # type: ignore[no-untyped-def]
    """The detector: the power of the louder channel, smoothed; answers the last one."""
    for i in range(powers.shape[0]):
        x, y = np.float64(left[i]), np.float64(right[i])
        power += (max(x * x, y * y) - power) * detector
        powers[i] = power
    return power


@kernel
def _mantissas(bits, mantissa_bits):  # type: ignore[no-untyped-def]
    """Of 64-bit floating point numbers, in 1…2."""
    for i in range(bits.shape[0]):
        mantissa_bits[i] = (bits[i] & _MANTISSA) | _ONE


@kernel(error_model="numpy")
def _wish(bits, mantissas, wanted, threshold, slope, knee):  # type: ignore[no-untyped-def]
    """From power to the reduction in dB that it asks for."""
    bend = slope / (4.0 * knee)
    for i in range(wanted.shape[0]):
        m = mantissas[i]
        log = _LOG2_5 + m * (_LOG2_6 + m * (_LOG2_7 + m * (_LOG2_8 + m * _LOG2_9)))
        log = _LOG2_0 + m * (_LOG2_1 + m * (_LOG2_2 + m * (_LOG2_3 + m * (_LOG2_4 + m * log))))
        octaves = np.float64((bits[i] >> _EXPONENT_SHIFT) - _EXPONENT_BIAS) + log
        over = octaves * _DB_PER_OCTAVE_OF_POWER - threshold
        inside = max(over + knee, 0.0)
        wanted[i] = over * slope if over >= knee else inside * inside * bend


@kernel
def _glide(level, reduction, attack, release):  # type: ignore[no-untyped-def]
    """The reduction follows what is wanted, in place; answers the last one."""
    for i in range(level.shape[0]):
        wanted = level[i]
        reduction += (wanted - reduction) * (attack if wanted > reduction else release)
        level[i] = reduction
    return reduction


@kernel
def _amplitudes(reductions, halves, curve):  # type: ignore[no-untyped-def]
    """From dB of reduction to linear gain."""
    for i in range(curve.shape[0]):
        octaves = min(reductions[i] * _OCTAVES_PER_DB, _DEEPEST_OCTAVES - 1.0)
        whole = int(octaves) + 1
        x = np.float64(whole) - octaves
        power = _EXP2_0 + x * (_EXP2_1 + x * (_EXP2_2 + x * (_EXP2_3 + x * (_EXP2_4 + x * (_EXP2_5 + x * _EXP2_6)))))
        curve[i] = power * halves[whole] if reductions[i] > _LEAST_DB else 1.0


@kernel
def _gain_curve(audio, curve, p, state, halves):  # type: ignore[no-untyped-def]
    """Feed-forward compressor in the log domain with a soft knee (Giannoulis, Massberg and Reiss, JAES 2012).

    In passes over short pieces: some depend on the frame before, the others are done for several frames at once.
    """
    threshold, slope, attack, release, knee, detector = p[0], p[1], p[2], p[3], p[4], p[5]
    power, reduction = state[0], state[1]
    powers, mantissas, reductions = np.empty(_PIECE), np.empty(_PIECE), np.empty(_PIECE)
    bits, mantissa_bits = powers.view(np.int64), mantissas.view(np.int64)
    for start in range(0, audio.shape[1], _PIECE):
        end = min(start + _PIECE, audio.shape[1])
        n = end - start
        power = _powers(audio[0, start:end], audio[1, start:end], powers[:n], power, detector)
        _mantissas(bits[:n], mantissa_bits[:n])
        _wish(bits[:n], mantissas[:n], reductions[:n], threshold, slope, knee)
        reduction = _glide(reductions[:n], reduction, attack, release)
        _amplitudes(reductions[:n], halves, curve[start:end])
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
        _gain_curve(audio, curve, self._parameters, self._state, _HALVES)
        return curve

    def rest(self, frames: int) -> None:
        """Let time pass in silence."""
        self._state *= (1.0 - self._parameters[[_DETECTOR, _RELEASE]]) ** frames
