"""How much new sound begins in each frame: SuperFlux (Böck and Widmer, DAFx-13), which vibrato does not fool.

The rise of each band over what it and its neighbours were two frames ago; bands are a quarter tone wide, levels
logarithmic. Frames are those of Basic Pitch: 256 samples at 22.05 kHz apart.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

RATE_HZ: Final = 22_050
HOP: Final = 256
_SIZE: Final = 1024
_LAG: Final = 2
_LOWEST_HZ: Final = 30.0
_HIGHEST_HZ: Final = 10_000.0
_BANDS_PER_OCTAVE: Final = 24

Matrix = NDArray[np.float32]


def filterbank(
    size: int = _SIZE, rate_hz: int = RATE_HZ, low_hz: float = _LOWEST_HZ, high_hz: float = _HIGHEST_HZ
) -> Matrix:
    """Triangles a quarter tone apart `[bins, bands]`; bands that would hold no bin of their own are left out."""
    steps = int(np.log2(high_hz / low_hz) * _BANDS_PER_OCTAVE)
    hertz = low_hz * 2.0 ** (np.arange(steps + 1) / _BANDS_PER_OCTAVE)
    edges = np.unique(np.round(hertz * size / rate_hz).astype(int))
    bins = np.arange(size // 2 + 1)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    bank: Matrix = np.maximum(triangles, 0.0).astype(np.float32)
    return bank


class Flux:
    """Fed with consecutive mono blocks at 22.05 kHz, answers one value a frame. Memory is a few bytes a frame."""

    def __init__(self) -> None:
        # Frames are centred: the first one looks half a window back, into silence.
        self._held = np.zeros(_SIZE // 2, np.float32)
        self._window = np.hanning(_SIZE + 1)[:-1].astype(np.float32)
        self._filters = filterbank()
        self._before = np.zeros((_LAG, self._filters.shape[1]), np.float32)
        self._values: list[Matrix] = []

    def add(self, block: Matrix) -> None:
        """The next samples `[frames]`."""
        self._held = np.concatenate((self._held, block))
        count = (len(self._held) - _SIZE) // HOP + 1
        if count <= 0:
            return
        frames = np.lib.stride_tricks.sliding_window_view(self._held, _SIZE)[::HOP][:count]
        spectrum = np.abs(np.fft.rfft(frames * self._window, axis=1)).astype(np.float32)
        bands = np.log10(1.0 + spectrum @ self._filters)
        history = np.concatenate((self._before, bands))
        widened = maximum_filter1d(history[:-_LAG], 3, axis=1)
        self._values.append(np.maximum(bands - widened, 0.0).mean(axis=1))
        self._before = history[-_LAG:]
        self._held = self._held[count * HOP :]

    def result(self, frames: int) -> Matrix:
        """The flux of the first `frames` frames; silence is added at the end."""
        self.add(np.zeros(_SIZE, np.float32))
        values = np.concatenate(self._values) if self._values else np.zeros(0, np.float32)
        return np.pad(values[:frames], (0, max(0, frames - len(values)))).astype(np.float32)
