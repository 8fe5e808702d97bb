"""The bars: on which beat they begin.

Harmony changes on the one, and so do bass and kick. Each beat is given marks for that; the first beats are those that
stand out most. The same marks tell beats from off-beats where a tracker took hats for the beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.processing.analysis.frames import Frames
from services.processing.analysis.marks import marks, standing_out
from services.processing.analysis.meter import Meter
from services.processing.analysis.meter_finding import FoundMeter

Float64 = NDArray[np.float64]

_CLEARLY: Final = 1.7


@dataclass(frozen=True, slots=True)
class Bars:
    """`beats` in seconds, their `meter`, the index of the `first` beat that begins a bar, and how sure (0–1).

    `confidence` is that of where bars begin, `meter_confidence` that of the meter.
    """

    beats: Float64
    meter: Meter
    first: int
    confidence: float
    meter_confidence: float

    @property
    def downbeats(self) -> Float64:
        """Times at which bars begin."""
        return self.beats[self.first :: self.meter.beats]


def find_bars(frames: Frames, found: FoundMeter) -> Bars:
    """The bars over the beats of a meter, or over the places between them where these carry the song."""
    beats = found.beats
    own = _first(marks(frames, beats), found.meter.beats)
    between = (beats[:-1] + beats[1:]) / 2.0
    other = _first(marks(frames, between), found.meter.beats)
    # The tracker's own beats have the onsets on their side: the others have to be clearly better. Those of a compound
    # meter were chosen by what lies between them.
    clearly = not found.meter.compound and other[0] > max(0.0, _CLEARLY * own[0])
    score, first, confidence = other if clearly else own
    grid = between if clearly else beats
    return Bars(grid, found.meter, first, confidence if score > 0.0 else 0.0, found.confidence)


def _first(marked: Float64, group: int) -> tuple[float, int, float]:
    """The first beat of each `group` that stands out most: how much, which, how sure."""
    scores = [standing_out(marked, group, first) for first in range(group)]
    second, best = sorted(scores)[-2:]
    confidence = 0.0 if best <= 0.0 else min(1.0, max(0.0, 1.0 - max(0.0, second) / best))
    return best, int(np.argmax(scores)), confidence
