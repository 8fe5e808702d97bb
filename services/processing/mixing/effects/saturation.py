"""Saturation at four times the sample rate, so that what the curve adds above the spectrum does not fold back."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.colour import CURVES
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_FACTOR: Final = 4
# Odd, so that both filters together are a whole number of samples late.
_TAPS: Final = 24 * _FACTOR + 1
_KAISER: Final = 8.0
_NEPERS: Final = math.log(10.0) / 20.0
_SOFT: Final = CURVES.index("soft")
_TAPE: Final = CURVES.index("tape")
_TUBE: Final = CURVES.index("tube")
_TUBE_BIAS: Final = 0.25
_DC_HZ: Final = 5.0
_OPEN_HZ: Final = 20_000.0


def _half_band() -> NDArray[np.float64]:
    """A low-pass at the original half sample rate; unity at rest."""
    x = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(x / _FACTOR * 0.94) * np.kaiser(_TAPS, _KAISER)
    filtered: NDArray[np.float64] = taps / taps.sum()
    return filtered


_FILTER: Final = _half_band()


@njit(cache=True, nogil=True)
def bend(curve, x):  # type: ignore[no-untyped-def]
    """The curves; all have slope one at zero. `soft` is the rational approximation of tanh that reaches 1 at 3."""
    if curve == _SOFT:
        x = min(max(x, -3.0), 3.0)
        return x * (27.0 + x * x) / (27.0 + 9.0 * x * x)
    if curve == _TAPE:
        return x / math.sqrt(1.0 + x * x)
    if curve == _TUBE:
        y = x + _TUBE_BIAS
        offset = _TUBE_BIAS / math.sqrt(1.0 + _TUBE_BIAS * _TUBE_BIAS)
        return (y / math.sqrt(1.0 + y * y) - offset) * (1.0 + _TUBE_BIAS * _TUBE_BIAS) ** 1.5
    return min(max(x, -1.0), 1.0)


@njit(cache=True, nogil=True)
def _saturate(audio, drives, curve, fir, past, bent):  # type: ignore[no-untyped-def]
    """past `[2, taps]`: the last input samples; bent `[2, 4, taps]`: the last ones at the higher rate, by phase."""
    frames, kept = audio.shape[1], past.shape[1]
    dry = np.empty(kept + frames)
    up = np.empty((_FACTOR, kept + frames))
    out = np.empty(frames)
    for c in range(2):
        dry[:kept] = past[c]
        dry[kept:] = audio[c]
        for phase in range(_FACTOR):
            line = up[phase]
            line[:kept] = bent[c, phase]
            line[kept:] = 0.0
            # Each tap over the whole block, so that the inner loop has no dependencies.
            for k in range((fir.shape[0] - phase + _FACTOR - 1) // _FACTOR):
                tap = fir[phase + _FACTOR * k] * _FACTOR
                for i in range(frames):
                    line[kept + i] += tap * dry[kept + i - k]
            for i in range(frames):
                line[kept + i] = bend(curve, drives[i] * line[kept + i])
        out[:] = 0.0
        for j in range(fir.shape[0]):
            # Sample 4·i − j of the higher rate, as phase and place.
            phase, behind = (-j) % _FACTOR, (j + _FACTOR - 1) // _FACTOR
            line, tap = up[phase], fir[j]
            for i in range(frames):
                out[i] += tap * line[kept + i - behind]
        audio[c] = out
        past[c] = dry[frames:]
        for phase in range(_FACTOR):
            bent[c, phase] = up[phase, frames:]


@njit(cache=True, nogil=True)
def _finish(audio, tones, gains, block_dc, filters, rate):  # type: ignore[no-untyped-def]
    """filters `[2, 3]`: DC blocker and tone."""
    keep = math.exp(-2.0 * math.pi * _DC_HZ / rate)
    last_tone, tone = -1.0, 1.0
    for i in range(audio.shape[1]):
        if tones[i] != last_tone:
            last_tone = tones[i]
            tone = 1.0 if last_tone >= _OPEN_HZ else 1.0 - math.exp(-2.0 * math.pi * last_tone / rate)
        for c in range(2):
            x = audio[c, i]
            # An asymmetric curve makes a direct current, which is taken out again.
            if block_dc:
                filters[c, 1] = x - filters[c, 0] + keep * filters[c, 1]
                filters[c, 0] = x
                x = filters[c, 1]
            filters[c, 2] += (x - filters[c, 2]) * tone
            audio[c, i] = filters[c, 2] * gains[i]


class Saturation(Processor):
    """Bends the waveform; `latency` is that of both filters."""

    PARAMETERS = ("drive_db", "tone_hz", "output_db")
    latency = (_TAPS - 1) // _FACTOR
    # The curve lies between the two filters, everything else behind both.
    lags = MappingProxyType({"drive_db": latency // 2, "tone_hz": latency, "output_db": latency})

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._curve = CURVES.index(setting.text("curve"))
        kept = _TAPS // _FACTOR + 1
        self.state = {
            "past": np.zeros((2, kept)),
            "bent": np.zeros((2, _FACTOR, kept)),
            "filters": np.zeros((2, 3)),
        }

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Bend the next block."""
        state = self.state
        _saturate(audio, np.exp(_NEPERS * rows[0]), self._curve, _FILTER, state["past"], state["bent"])
        blocks = self._curve == _TUBE
        _finish(audio, rows[1], np.exp(_NEPERS * rows[2]), blocks, state["filters"], self._rate)
