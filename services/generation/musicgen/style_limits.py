"""What a style may be: which part of a track it is heard in, which are too short, how many codebooks. Pure Python."""

from __future__ import annotations

from services.shared.errors import AppError

SHORTEST_STYLE_SECONDS = 1.5
"""Excerpts of 1.5 to 4.5 s are what the style conditioner was trained on."""


def style_excerpt(seconds: float, longest_seconds: float) -> tuple[float, float]:
    """From which second to which a track is heard: its middle, where a song is most like itself, or all of a short one.

    Raises VALIDATION for what is too short.
    """
    require_long_enough(seconds)
    length = min(seconds, longest_seconds)
    begin = (seconds - length) / 2
    return begin, begin + length


def require_long_enough(seconds: float) -> None:
    """Raise VALIDATION for a track of so many seconds when it is too short for a style."""
    if seconds < SHORTEST_STYLE_SECONDS:
        raise AppError.field(
            "/style_id",
            f"The track is {seconds:.1f} seconds long, and a style takes {SHORTEST_STYLE_SECONDS:g}. "
            "Choose a longer one.",
        )


def fewer_codebooks(held: int) -> str:
    """Why a style through more codebooks than the model holds is refused."""
    return f"This model hears a style through at most {held} codebooks. Ask for 1 to {held}."
