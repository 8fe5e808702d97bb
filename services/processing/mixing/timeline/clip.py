"""A piece of a source at a place in the song: offset, length, loop, gain and fades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.processing.mixing.block import Audio, amplitude
from services.processing.mixing.session import FadeCurve
from services.processing.mixing.timeline.fade import fade_gain
from services.processing.mixing.timeline.source import Source


@dataclass(frozen=True, slots=True)
class FadeFrames:
    """A fade's length in samples and its curve."""

    frames: float
    curve: FadeCurve


class PlacedClip:
    """A clip as the renderer reads it. All times in samples of the session; `loop` is the length of what repeats."""

    def __init__(
        self,
        source: Source,
        *,
        start: int,
        offset: int,
        length: int,
        loop: int = 0,
        gain_db: float = 0.0,
        fade_in: FadeFrames | None = None,
        fade_out: FadeFrames | None = None,
    ) -> None:
        self._source = source
        self._offset = offset
        self._loop = loop
        self._gain = amplitude(gain_db)
        self._fade_in = fade_in
        self._fade_out = fade_out
        self.start: Final = start
        self.end: Final = start + length

    def add_to(self, out: Audio, at: int) -> None:
        """Add what sounds from sample `at` of the song on to `out [2, n]`."""
        first, last = max(at, self.start), min(at + out.shape[1], self.end)
        if first >= last:
            if at >= self.end:
                self._source.close()
            return
        audio = self._read(first - self.start, last - first)
        places = np.arange(first, last, dtype=np.float64)
        if self._fade_in is not None and first < self.start + self._fade_in.frames:
            audio *= fade_gain(places - self.start, self._fade_in.frames, self._fade_in.curve)
        if self._fade_out is not None and last > self.end - self._fade_out.frames:
            audio *= fade_gain(self.end - places, self._fade_out.frames, self._fade_out.curve)
        if self._gain != 1.0:
            audio *= self._gain
        out[:, first - at : last - at] += audio

    def _read(self, place: int, frames: int) -> Audio:
        if not self._loop:
            return self._source.read(self._offset + place, frames)
        within = place % self._loop
        if within + frames <= self._loop:
            return self._source.read(self._offset + within, frames)
        if frames >= self._loop:
            # However often it repeats in a block, it is read once.
            whole = self._source.read(self._offset, self._loop)
            return np.take(whole, np.arange(within, within + frames) % self._loop, axis=1)
        first = self._source.read(self._offset + within, self._loop - within)
        return np.concatenate((first, self._source.read(self._offset, frames - first.shape[1])), axis=1)

    @property
    def held_bytes(self) -> int:
        """What its source holds in memory while it sounds."""
        return self._source.held_bytes

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()
