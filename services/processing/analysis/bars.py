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
    shifts = (1.0 / 3.0, 2.0 / 3.0) if found.meter.compound else (0.5,)
    best = (*_first(marks(frames, beats), found.meter.beats), beats)
    own = best[0]
    for shift in shifts:
        grid = beats[:-1] + shift * np.diff(beats)
        score, first, confidence = _first(marks(frames, grid), found.meter.beats)
        # The tracker's own beats have the onsets on their side: the others have to be clearly better.
        if score > max(_CLEARLY * own, best[0], 0.0):
            best = (score, first, confidence, grid)
    score, first, confidence, grid = best
    return Bars(grid, found.meter, first, confidence if score > 0.0 else 0.0, found.confidence)


def _first(marked: Float64, group: int) -> tuple[float, int, float]:
    """The first beat of each `group` that stands out most: how much, which, how sure."""
    scores = [standing_out(marked, group, first) for first in range(group)]
    second, best = sorted(scores)[-2:]
    confidence = 0.0 if best <= 0.0 else min(1.0, max(0.0, 1.0 - max(0.0, second) / best))
    return best, int(np.argmax(scores)), confidence
