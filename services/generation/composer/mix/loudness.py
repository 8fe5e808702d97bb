"""Loudness of short stretches of audio, for setting levels before a song starts (ITU-R BS.1770-4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.generation.loudness import Loudness

Float32 = NDArray[np.float32]


def loudness_lufs(stretches: Sequence[Float32], rate_hz: int) -> float:
    """Gated loudness of some stretches `[2, n]` played one after the other; `SILENCE_LUFS` when nothing sounds."""
    meter = Loudness(rate_hz)
    for stretch in stretches:
        meter.add(np.ascontiguousarray(stretch, np.float32))
    return meter.result()
