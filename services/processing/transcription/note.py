"""A note as it was heard. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """`start` and `end` in seconds, `pitch` 0–127 (MIDI; General MIDI's drum map for drums), `velocity` 1–127.

    `bends` are semitones away from `pitch`, evenly spaced from start to end; empty when the pitch is steady.
    """

    start: float
    end: float
    pitch: int
    velocity: int
    bends: tuple[float, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds that it sounds."""
        return self.end - self.start
