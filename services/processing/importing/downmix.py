"""Surround to stereo: ITU-R BS.775-4, annex 4 (centre and surrounds at −3 dB, no low-frequency channel)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

_HALF: Final = math.sqrt(0.5)

# Left and right weight of a loudspeaker.
_WEIGHTS: Final = {
    "L": (1.0, 0.0),
    "R": (0.0, 1.0),
    "C": (_HALF, _HALF),
    "l": (_HALF, 0.0),  # surround or back, left
    "r": (0.0, _HALF),
    "b": (0.5, 0.5),  # a single back loudspeaker
    "-": (0.0, 0.0),  # low frequencies
}

# WAVE (dwChannelMask's order), AIFF and FLAC; Vorbis I §4.3.9 and RFC 7845 §5.1.1.2.
_WAVE: Final = {3: "LRC", 4: "LRlr", 5: "LRClr", 6: "LRC-lr", 7: "LRC-blr", 8: "LRC-lrlr"}
_OGG: Final = {3: "LCR", 4: "LRlr", 5: "LCRlr", 6: "LCRlr-", 7: "LCRlrb-", 8: "LCRlrlr-"}


def matrix(channels: int, container: str) -> NDArray[np.float32] | None:
    """`[channels, 2]` to multiply `[frames, channels]` with; None for mono and stereo, which stay as they are."""
    if channels <= 2:
        return None
    places = (_OGG if container == "OGG" else _WAVE)[channels]
    return np.array([_WEIGHTS[place] for place in places], dtype=np.float32)
