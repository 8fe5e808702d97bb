"""Convolution reverb: partitions of the impulse response in the frequency domain, on a grid of the input.

Uniformly partitioned overlap-save (Gardner, "Efficient convolution without input-output delay", JAES 43, 1995); here
the delay of one partition is allowed, because the graph makes up for it. The grid does not move with the blocks.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.processing.mixing.block import Audio, Rows
from services.processing.mixing.effects.delay import one_pole
from services.processing.mixing.effects.impulse import impulse
from services.processing.mixing.effects.processor import Delay, Processor, Setting, Switches

PARTITION: Final = 4_096
"""Samples of a partition, and the latency."""

_BINS: Final = PARTITION + 1
_KEPT_RESPONSES: Final = 8


@lru_cache(maxsize=_KEPT_RESPONSES)
def _response(space: str, decay_seconds: float, rate_hz: int) -> NDArray[np.complex128]:
    """Spectra of the partitions of a response, `[2, partitions, bins]`."""
    made = impulse(space, decay_seconds, rate_hz)
    count = -(-made.shape[1] // PARTITION)
    padded = np.zeros((2, count * PARTITION))
    padded[:, : made.shape[1]] = made
    spectra: NDArray[np.complex128] = np.fft.rfft(padded.reshape(2, count, PARTITION), 2 * PARTITION)
    return spectra


@njit(cache=True, nogil=True)
def _accumulate(history, response, newest, out):  # type: ignore[no-untyped-def]
    count = response.shape[1]
    for c in range(2):
        for b in range(out.shape[1]):
            out[c, b] = 0.0
        for p in range(count):
            row = (newest - p) % count
            for b in range(out.shape[1]):
                out[c, b] += history[c, row, b] * response[c, p, b]


@njit(cache=True, nogil=True)
def _trim(audio, low_hz, high_hz, memory, rate):  # type: ignore[no-untyped-def]
    last_low, last_high, low, high = -1.0, -1.0, 0.0, 1.0
    for i in range(audio.shape[1]):
        if low_hz[i] != last_low:
            last_low = low_hz[i]
            low = one_pole(last_low, rate)
        if high_hz[i] != last_high:
            last_high = high_hz[i]
            high = one_pole(last_high, rate)
        for c in range(2):
            memory[c, 0] += (audio[c, i] - memory[c, 0]) * high
            memory[c, 1] += (memory[c, 0] - memory[c, 1]) * low
            audio[c, i] = memory[c, 0] - memory[c, 1]


class Convolution(Processor):
    """The space's answer, without the dry sound; `latency` is one partition."""

    PARAMETERS = ("low_cut_hz", "high_cut_hz")
    latency = PARTITION
    lags = MappingProxyType({"low_cut_hz": PARTITION, "high_cut_hz": PARTITION})

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self._rate = float(setting.rate_hz)
        self._response = _response(setting.text("space"), setting.number("decay_seconds"), setting.rate_hz)
        self._predelay = Delay(setting.frames("predelay_ms"))
        self.state = self._predelay.state | {
            "history": np.zeros(self._response.shape, np.complex128),
            "newest": np.zeros(1, np.int64),
            # The last partition and the one that fills up; what goes out meanwhile.
            "entering": np.zeros((2, 2 * PARTITION)),
            "leaving": np.zeros((2, PARTITION)),
            "filled": np.zeros(1, np.int64),
            "trim": np.zeros((2, 2)),
        }
        self._predelay.state = self.state

    def footprint(self) -> int:
        """Bytes that it holds on to, the response among them."""
        return super().footprint() + self._response.nbytes

    def process(self, audio: Audio, rows: Rows, moving: Switches, key: Audio) -> None:
        """Replace the next block by its reverberation."""
        state, place = self.state, 0
        audio[:] = self._predelay.process(audio)
        while place < audio.shape[1]:
            filled = int(state["filled"][0])
            count = min(PARTITION - filled, audio.shape[1] - place)
            state["entering"][:, PARTITION + filled : PARTITION + filled + count] = audio[:, place : place + count]
            audio[:, place : place + count] = state["leaving"][:, filled : filled + count]
            place += count
            state["filled"][0] = filled + count
            if filled + count == PARTITION:
                self._turn()
        _trim(audio, rows[0], rows[1], state["trim"], self._rate)

    def _turn(self) -> None:
        state = self.state
        newest = (int(state["newest"][0]) + 1) % self._response.shape[1]
        state["history"][:, newest] = np.fft.rfft(state["entering"])
        total = np.empty((2, _BINS), np.complex128)
        _accumulate(state["history"], self._response, newest, total)
        state["leaving"][:] = np.fft.irfft(total)[:, PARTITION:]
        state["entering"][:, :PARTITION] = state["entering"][:, PARTITION:]
        state["newest"][0], state["filled"][0] = newest, 0
