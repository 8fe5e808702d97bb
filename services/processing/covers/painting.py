"""A cover for a track that was given none: its waveform bent into a ring, in colours that its sound chooses.

The same peaks always make the same picture: colours and turns come from a digest of them, and nothing from chance.
"""

from __future__ import annotations

import colorsys
import hashlib
import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.processing.covers.sizes import JPEG_QUALITY

Float32 = NDArray[np.float32]

# So many parts of the song go once around.
POINTS: Final = 360

# Of half a side: where the ring lies, how thin it is in silence, and how far full scale reaches to either side.
_RADIUS: Final = 0.56
_THINNEST: Final = 0.012
_REACH: Final = 0.30
_SMOOTHING: Final = np.array((1.0, 2.0, 3.0, 2.0, 1.0)) / 9.0


def painted(minima: Float32, maxima: Float32, side: int) -> bytes:
    """The picture as JPEG of `side` × `side` pixels; `minima` and `maxima` are `[POINTS]`, −1 to 1."""
    from PIL import Image

    pixels = drawn(minima, maxima, side)
    out = io.BytesIO()
    Image.fromarray(pixels, "RGB").save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()


def drawn(minima: Float32, maxima: Float32, side: int) -> NDArray[np.uint8]:
    """The pixels, `[side, side, 3]`."""
    low, high = (np.nan_to_num(np.clip(values, -1.0, 1.0)).astype(np.float64) for values in (minima, maxima))
    digest = _digest(low, high)
    ground, edge, inner, outer = _colours(digest)
    turn = digest[8] / 256.0

    place = (np.arange(side, dtype=np.float32) + 0.5) / side * 2.0 - 1.0
    x, y = place[None, :], place[:, None]
    radius = np.hypot(x, y)
    angle = (np.arctan2(x, -y) / np.float32(2.0 * np.pi) + np.float32(turn)) % np.float32(1.0)

    up, down = _around(np.maximum(high, 0.0), angle), _around(np.maximum(-low, 0.0), angle)
    pixel = 2.0 / side
    outside = radius - (_RADIUS + _THINNEST / 2 + _REACH * up)
    inside = (_RADIUS - _THINNEST / 2 - _REACH * down) - radius
    # Distance to the ring's nearer edge, in pixels: a soft edge of one pixel.
    cover = np.clip(0.5 - np.maximum(outside, inside) / pixel, 0.0, 1.0)[..., None]

    depth = np.clip((x + y + 2.0) / 4.0 + 0.15 * (radius - 0.7), 0.0, 1.0)[..., None]
    under = ground + (edge - ground) * depth
    share = np.clip((radius - (_RADIUS - _REACH)) / (2.0 * _REACH), 0.0, 1.0)[..., None]
    ring = inner + (outer - inner) * share
    return np.asarray(np.rint(under + (ring - under) * cover), dtype=np.uint8)


def _digest(low: NDArray[np.float64], high: NDArray[np.float64]) -> bytes:
    # Coarse: rounding differs by machine, the picture shall not.
    return hashlib.sha256(np.rint(np.concatenate([low, high]) * 100.0).astype("<i2").tobytes()).digest()


def _colours(digest: bytes) -> tuple[Float32, ...]:
    """Ground, its far corner, the ring's inside and outside, 0 to 255."""
    hue = int.from_bytes(digest[:2], "big") / 65_536.0
    away = (0.08 + 0.42 * digest[2] / 255.0) * (1.0 if digest[3] & 1 else -1.0)
    wanted = (
        (hue, 0.55, 0.10 + 0.06 * digest[4] / 255.0),
        (hue + away / 2.0, 0.60, 0.26 + 0.10 * digest[5] / 255.0),
        (hue + away, 0.70, 0.95),
        (hue + away * 1.6, 0.35 + 0.3 * digest[6] / 255.0, 1.0),
    )
    return tuple(
        np.array(colorsys.hsv_to_rgb(tone % 1.0, depth, light), dtype=np.float32) * np.float32(255.0)
        for tone, depth, light in wanted
    )


def _around(values: NDArray[np.float64], angle: NDArray[Any]) -> Float32:
    """Values of equal parts of a circle, smoothed and read at each angle (0 to 1); the end meets the beginning."""
    count, ends = len(values), len(_SMOOTHING) // 2
    closed = np.concatenate([values[-ends:], values, values[:ends]])
    smooth = np.clip(np.convolve(closed, _SMOOTHING, mode="valid"), 0.0, 1.0)
    found = np.interp(angle * count, np.arange(count + 1), np.append(smooth, smooth[0]))
    return np.asarray(found, dtype=np.float32)
