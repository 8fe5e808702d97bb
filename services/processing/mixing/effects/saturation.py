"""Saturation at four times the sample rate, so that what the curve adds above the spectrum does not fold back."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.catalogue.colour import CURVES
from services.processing.mixing.effects.processor import Processor, Setting, Switches

_FACTOR: Final = 4
# Odd, so that both filters together are a whole number of samples late.
_TAPS: Final = 96 * _FACTOR // 4 + 1
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
    """The curves; all have slope one at zero."""
    if curve == _SOFT:
        return math.tanh(x)
    if curve == _TAPE:
        return x / math.sqrt(1.0 + x * x)
    if curve == _TUBE:
        y = x + _TUBE_BIAS
        offset = _TUBE_BIAS / math.sqrt(1.0 + _TUBE_BIAS * _TUBE_BIAS)
        return (y / math.sqrt(1.0 + y * y) - offset) * (1.0 + _TUBE_BIAS * _TUBE_BIAS) ** 1.5
    return min(max(x, -1.0), 1.0)


@njit(cache=True, nogil=True)
def _saturate(audio, rows, curve, fir, past, bent, filters, rate):  # type: ignore[no-untyped-def]
    """past: the last input samples; bent: the last samples at the higher rate; filters: DC blocker and tone."""
    frames, short, long = audio.shape[1], past.shape[1], bent.shape[1]
    last_drive, last_out, last_tone = 0.0, 0.0, -1.0
    drive, out, tone = 1.0, 1.0, 1.0
    keep = math.exp(-2.0 * math.pi * _DC_HZ / rate)
    dry = np.empty(short + frames)
    up = np.empty(long + frames * _FACTOR)
    for c in range(2):
        for i in range(short):
            dry[i] = past[c, i]
        for i in range(long):
            up[i] = bent[c, i]
        for i in range(frames):
            dry[short + i] = audio[c, i]
        before, after, low = filters[c, 0], filters[c, 1], filters[c, 2]
        for i in range(frames):
            if rows[0, i] != last_drive:
                last_drive = rows[0, i]
                drive = math.exp(_NEPERS * last_drive)
            if rows[2, i] != last_out:
                last_out = rows[2, i]
                out = math.exp(_NEPERS * last_out)
            if rows[1, i] != last_tone:
                last_tone = rows[1, i]
                tone = 1.0 if last_tone >= _OPEN_HZ else 1.0 - math.exp(-2.0 * math.pi * last_tone / rate)
            for phase in range(_FACTOR):
                total = 0.0
                for k in range(phase, fir.shape[0], _FACTOR):
                    total += fir[k] * dry[short + i - k // _FACTOR]
                up[long + i * _FACTOR + phase] = bend(curve, drive * total * _FACTOR)
            total = 0.0
            at = long + i * _FACTOR
            for k in range(fir.shape[0]):
                total += fir[k] * up[at - k]
            # The asymmetric curve makes a direct current, which is taken out again.
            if curve == _TUBE:
                after = total - before + keep * after
                before, total = total, after
            low += (total - low) * tone
            audio[c, i] = low * out
        filters[c, 0], filters[c, 1], filters[c, 2] = before, after, low
        for i in range(short):
            past[c, i] = dry[frames + i]
        for i in range(long):
            bent[c, i] = up[frames * _FACTOR + i]


class Saturation(Processor):
    """Bends the waveform; `latency` is that of both filters."""

    PARAMETERS = ("drive_db", "tone_hz", "output_db")
    latency = (_TAPS - 1) // _FACTOR

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._curve = CURVES.index(setting.text("curve"))
        self.state = {
            "past": np.zeros((2, _TAPS // _FACTOR + 1)),
            "bent": np.zeros((2, _TAPS + _FACTOR)),
            "filters": np.zeros((2, 3)),
        }

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Bend the next block."""
        state = self.state
        _saturate(audio, rows, self._curve, _FILTER, state["past"], state["bent"], state["filters"], self._rate)
