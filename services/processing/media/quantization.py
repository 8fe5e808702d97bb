"""Turns float samples into the integers of a file: exact where the file has the bits, dithered where it has not.

libsndfile's own conversion scales by one less than a power of two, so that a copy would differ from its master.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# Any fixed number: the same master always makes the same file, so that its entity tag stays true.
_SEED: Final = 0x6D67

Floats = NDArray[np.float32]


def to_int16(block: Floats) -> NDArray[np.int16]:
    """float32 in −1…1 as 16-bit steps; exact for samples that had no more."""
    steps: NDArray[np.int16] = np.clip(np.rint(block * np.float32(32_768.0)), -32_768, 32_767).astype(np.int16)
    return steps


def to_int24(block: Floats) -> NDArray[np.int32]:
    """float32 in −1…1 as 24-bit steps in the upper bits of an int32, as libsndfile takes them; exact."""
    steps: NDArray[np.int32] = np.clip(np.rint(block * np.float32(8_388_608.0)), -8_388_608, 8_388_607).astype(np.int32)
    return steps << 8


class Dither16:
    """Reduces float32 blocks `[frames, channels]`, one after the other, to int16. Digital silence stays silent.

    Triangular dither of ±1 step: Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither", JAES 40 (1992).
    """

    def __init__(self) -> None:
        self._noise = np.random.Generator(np.random.Philox(_SEED))

    def convert(self, block: Floats) -> NDArray[np.int16]:
        """The next block."""
        if not block.any():
            return np.zeros(block.shape, dtype=np.int16)
        noise = self._noise.random(block.shape, dtype=np.float32)
        noise -= self._noise.random(block.shape, dtype=np.float32)
        return to_int16(block + noise / np.float32(32_768.0))
