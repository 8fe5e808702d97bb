"""What a meter is: how many beats make a bar, and whether they divide into halves or thirds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Meter:
    """`beats` a bar, quarters or, where it is `compound`, dotted quarters."""

    beats: int
    compound: bool = False

    @property
    def numerator(self) -> int:
        """The upper number of the time signature."""
        return 3 * self.beats if self.compound else self.beats

    @property
    def denominator(self) -> int:
        """The lower one."""
        return 8 if self.compound else 4

    @property
    def name(self) -> str:
        """The time signature, "6/8"."""
        return f"{self.numerator}/{self.denominator}"

    @property
    def quarters_per_beat(self) -> float:
        """How long a beat is."""
        return 1.5 if self.compound else 1.0


COMMON: Final = Meter(4)
METERS: Final = (COMMON, Meter(3), Meter(2, compound=True), Meter(4, compound=True))
