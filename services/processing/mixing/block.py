"""The numbers that flow through the mixer: stereo blocks of float64, `[2, n]`, left before right."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float64]
"""One block `[2, n]`, C-contiguous; full scale is ±1."""

Rows = NDArray[np.float64]
"""Parameters of one block, a row each: `[parameters, n]`."""

BLOCK_FRAMES = 8_192
"""Frames of a block; the result does not depend on it."""


def amplitude(level_db: float) -> float:
    """Decibels as a factor."""
    return math.pow(10.0, level_db / 20.0)


def silence(frames: int) -> Audio:
    """A block of nothing."""
    return np.zeros((2, frames))
