"""Which part of a track a style is heard in, and which tracks are too short for one. Light: no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.generation.musicgen.configuration import StyleConfiguration
from services.shared.errors import AppError

SHORTEST_STYLE_SECONDS = 1.5
"""Excerpts of 1.5 to 4.5 s are what the style conditioner was trained on."""


def too_short_for_a_style(seconds: float) -> str:
    """Why a track of so many seconds is refused."""
    return (
        f"The track is {seconds:.1f} seconds long, and a style takes {SHORTEST_STYLE_SECONDS:g}. Choose a longer one."
    )


def style_excerpt(wave: NDArray[np.float32], style: StyleConfiguration) -> NDArray[np.float32]:
    """The middle of a mono wave `[n]` at the encoder's sample rate, where a song is most like itself.

    As long as the conditioner usually hears, or all of what is shorter. Raises VALIDATION for what is too short.
    """
    seconds = len(wave) / style.encoder.sample_rate
    if seconds < SHORTEST_STYLE_SECONDS:
        raise AppError.field("/style_id", too_short_for_a_style(seconds))
    begin = max(0, len(wave) - style.excerpt_samples) // 2
    return np.ascontiguousarray(wave[begin : begin + style.excerpt_samples])
