"""The one protocol of everything that takes a mix apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

# Every separator that we know of works at this rate, on two channels.
RATE_HZ: Final = 44_100

Check = Callable[[], None]
# `[frames, 2]` float32 at 44.1 kHz.
Stereo = NDArray[np.float32]
# `[stems, frames, 2]` float32 at 44.1 kHz, in the order of `Separator.stems`.
Stems = NDArray[np.float32]


class MixSource(Protocol):
    """A mix that can be read more than once."""

    # Length at 44.1 kHz.
    frames: int

    def blocks(self, check: Check) -> Iterator[Stereo]:
        """The samples in order, in blocks of any size; `check` runs before each and may raise."""


class Separator(Protocol):
    """A loaded network (or several). Holds nothing of a song; one song at a time."""

    stems: tuple[str, ...]
    # Kept on each track that is made.
    revision: str
    runtime: str
    precision: str

    def separate(self, mix: MixSource, check: Check) -> Iterator[Stems]:
        """The stems, piece after piece from the first sample to the last, `mix.frames` in all.

        Memory does not grow with the song. `check` runs between two pieces of work of half a second or less.
        """
