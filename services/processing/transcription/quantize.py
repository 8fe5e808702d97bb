"""Moves notes onto a grid of beats. Pure: no files, no numpy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from services.processing.transcription.note import Note

# What a grid is called → its steps in a beat (a quarter note).
GRIDS: Final = {"1/4": 1, "1/8": 2, "1/16": 4, "1/32": 8, "1/4T": 1.5, "1/8T": 3, "1/16T": 6}
# The same where a beat is a dotted quarter; its "1/4" is the beat itself.
COMPOUND_GRIDS: Final = {"1/4": 1, "1/8": 3, "1/16": 6, "1/32": 12}


class BeatMap:
    """Seconds ↔ beats along beats that need not be evenly spaced; beyond them the nearest tempo goes on."""

    def __init__(self, beat_seconds: Sequence[float]) -> None:
        if len(beat_seconds) < 2 or any(second <= first for first, second in pairwise(beat_seconds)):
            raise ValueError("A beat map takes two beats or more, each later than the one before.")
        self._beats = tuple(beat_seconds)

    @classmethod
    def steady(cls, bpm: float, first_beat_seconds: float = 0.0) -> BeatMap:
        """A constant tempo."""
        return cls((first_beat_seconds, first_beat_seconds + 60.0 / bpm))

    @property
    def seconds(self) -> tuple[float, ...]:
        """Where the beats are."""
        return self._beats

    def beat_at(self, seconds: float) -> float:
        """The position in beats; 0 is the first beat of the map."""
        index = self._interval(self._beats, seconds)
        start, end = self._beats[index], self._beats[index + 1]
        return index + (seconds - start) / (end - start)

    def seconds_at(self, beat: float) -> float:
        """The time of a position in beats."""
        index = min(max(int(beat // 1), 0), len(self._beats) - 2)
        start, end = self._beats[index], self._beats[index + 1]
        return start + (beat - index) * (end - start)

    @staticmethod
    def _interval(beats: Sequence[float], seconds: float) -> int:
        low, high = 0, len(beats) - 2
        while low < high:
            middle = (low + high + 1) // 2
            if beats[middle] <= seconds:
                low = middle
            else:
                high = middle - 1
        return low


@dataclass(frozen=True, slots=True)
class Quantizer:
    """Snaps starts (and ends, with `ends`) to a grid.

    `steps` are grid lines a beat. `strength` 0 leaves notes alone, 1 puts them onto the line. `swing` (0–1) delays
    every second step by up to a third of two steps: 1 is a triplet feel. With `triplets`, a note goes to the line of
    the straight or of the triplet grid, whichever is nearer.
    """

    steps: float = 4
    strength: float = 1.0
    swing: float = 0.0
    triplets: bool = False
    ends: bool = False

    def __post_init__(self) -> None:
        if not (self.steps > 0 and 0 <= self.strength <= 1 and 0 <= self.swing <= 1):
            raise ValueError("A grid has steps above 0; strength and swing lie between 0 and 1.")

    def line(self, beat: float) -> float:
        """The grid line nearest to a position, in beats."""
        straight = self._nearest(beat)
        if not self.triplets:
            return straight
        size = 1.0 / (self.steps * 1.5)
        triplet = round(beat / size) * size
        return triplet if abs(triplet - beat) < abs(straight - beat) else straight

    def moved(self, beat: float) -> float:
        """Where a position goes."""
        return beat + self.strength * (self.line(beat) - beat)

    def apply(self, notes: Iterable[Note], beats: BeatMap) -> list[Note]:
        """The same notes on the grid, by time. None gets shorter than a quarter of a step or starts before 0."""
        if self.strength == 0:
            return sorted(notes)
        shortest = 0.25 / self.steps
        quantized = []
        for note in notes:
            start, end = beats.beat_at(note.start), beats.beat_at(note.end)
            new_start = self.moved(start)
            new_end = self.moved(end) if self.ends else end + (new_start - start)
            new_end = max(new_end, new_start + min(shortest, end - start))
            first = max(0.0, beats.seconds_at(new_start))
            last = max(first + min(1e-3, note.duration), beats.seconds_at(new_end))
            quantized.append(replace(note, start=first, end=last))
        return sorted(quantized)

    def _nearest(self, beat: float) -> float:
        # In pairs of steps, so that the swung one may lie anywhere between the straight ones.
        pair = 2.0 / self.steps
        index = beat // pair
        swung = 0.5 + self.swing / 6.0
        lines = ((index + offset) * pair for offset in (0.0, swung, 1.0))
        return min(lines, key=lambda each: abs(each - beat))
