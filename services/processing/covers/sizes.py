"""In which sizes covers exist, and what pictures are taken for them. Pure data and rules."""

from __future__ import annotations

from typing import Final

from services.shared.errors import AppError

# Pixels of a side, smallest first: lists, cards, a page, and what is embedded into files.
SIZES: Final = (160, 320, 640, 1_280)
LARGEST: Final = SIZES[-1]
# Within files.
EMBEDDED: Final = 640
SMALLEST_ASKED: Final = 16

# What is taken. A picture of 40 million pixels is 160 MB once it is decoded.
MOST_BYTES: Final = 10 * 1024**2
MOST_PIXELS: Final = 40_000_000
LONGEST_SIDE: Final = 12_000
SHORTEST_SIDE: Final = 64
JPEG_QUALITY: Final = 88

MEDIA_TYPE: Final = "image/jpeg"


def size_for(wanted: int) -> int:
    """The smallest size that is large enough. Raises VALIDATION."""
    if not SMALLEST_ASKED <= wanted <= LARGEST:
        raise AppError.field("/size", f"A cover has {SMALLEST_ASKED} to {LARGEST:,} pixels a side.")
    return next(size for size in SIZES if size >= wanted)
