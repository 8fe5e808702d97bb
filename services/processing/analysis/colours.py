"""Colour schemes of pictures: a gradient from nothing to full for spectrograms, and the parts of a waveform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.shared.errors import AppError

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Scheme:
    """8-bit RGB. `gradient` runs from silence to full level, in even steps; a waveform has a body and a denser core."""

    name: str
    gradient: tuple[Colour, ...]
    background: Colour
    wave: Colour
    core: Colour

    def palette(self) -> NDArray[np.uint8]:
        """The gradient as `[256, 3]`, interpolated in linear steps."""
        stops = np.array(self.gradient, dtype=np.float64)
        places = np.linspace(0.0, len(stops) - 1.0, 256)
        channels = [np.interp(places, np.arange(len(stops)), stops[:, index]) for index in range(3)]
        return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


# Every gradient rises in lightness all the way (or falls, on paper), so that it reads the same in grey and for people
# who see colours differently.
SCHEMES: Final[dict[str, Scheme]] = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            "ember",
            ((8, 7, 16), (52, 17, 80), (126, 30, 98), (196, 58, 72), (240, 122, 50), (253, 196, 92), (255, 250, 220)),
            (8, 7, 16),
            (240, 122, 50),
            (253, 196, 92),
        ),
        Scheme(
            "ocean",
            (
                (4, 10, 24),
                (10, 38, 78),
                (14, 76, 124),
                (24, 122, 152),
                (70, 170, 172),
                (152, 214, 196),
                (240, 252, 236),
            ),
            (4, 10, 24),
            (70, 170, 172),
            (152, 214, 196),
        ),
        Scheme("grey", ((0, 0, 0), (255, 255, 255)), (0, 0, 0), (150, 150, 150), (225, 225, 225)),
        Scheme(
            "paper",
            ((255, 255, 255), (206, 218, 232), (120, 150, 196), (52, 84, 150), (14, 24, 62)),
            (255, 255, 255),
            (120, 150, 196),
            (52, 84, 150),
        ),
    )
}
DEFAULT: Final = "ember"


def scheme_named(name: str) -> Scheme:
    """The scheme of that name. Raises VALIDATION at `/scheme` for another one."""
    found = SCHEMES.get(name)
    if found is None:
        raise AppError.field("/scheme", f"Must be one of {', '.join(SCHEMES)}.")
    return found


def as_hex(colour: Colour) -> str:
    """A colour as CSS takes it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
