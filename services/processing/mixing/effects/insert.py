"""An effect in its place: its parameters follow their curves, its dry sound waits, and what it mixes is blended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from services.processing.mixing.block import BLOCK_FRAMES, Audio
from services.processing.mixing.effects.processor import Delay, Processor, State
from services.processing.mixing.timeline.curve import Curve

_MIX: Final = "mix"


def footprint(processor: Processor, parameters: int) -> int:
    """Bytes that a processor with so many parameters holds in its place: its own, a row for each of them, and the dry
    sound that waits as long as its latency."""
    row = BLOCK_FRAMES * np.dtype(np.float64).itemsize
    return processor.footprint() + parameters * row + 2 * processor.latency * np.dtype(np.float64).itemsize


class Insert:
    """A processor with a curve for each of its parameters. `behind` is the latency of what enters it."""

    def __init__(self, processor: Processor, curves: Mapping[str, Curve], behind: int) -> None:
        self._processor = processor
        self._curves = [curves[name] for name in processor.PARAMETERS]
        self._lags = [processor.lags.get(name, 0) for name in processor.PARAMETERS]
        self._mix = curves.get(_MIX, Curve.constant(1.0))
        self._blends = self._mix.moves or self._mix.first != 1.0
        self._dry = Delay(processor.latency if self._blends else 0)
        self._behind = behind
        self._rows = np.empty((len(self._curves), 0))
        self._moving = np.array([curve.moves for curve in self._curves], np.bool_)
        self.latency: Final = processor.latency

    def process(self, audio: Audio, clock: int, key: Audio | None) -> None:
        """The block that begins at sample `clock` of the graph, in place."""
        start = clock - self._behind
        if start >= 0:
            self._run(audio, start, audio if key is None else key)
            return
        # Nothing of the song has come yet: the effect's own clock starts with it.
        lead = min(-start, audio.shape[1])
        if lead < audio.shape[1]:
            late = np.ascontiguousarray(audio[:, lead:])
            self._run(late, 0, late if key is None else np.ascontiguousarray(key[:, lead:]))
            audio[:, lead:] = late

    def _run(self, audio: Audio, start: int, key: Audio) -> None:
        frames = audio.shape[1]
        self._trace(start, frames)
        dry = self._dry.process(audio.copy()) if self._blends else audio
        self._processor.process(audio, self._rows, self._moving, key)
        if self._blends:
            # The dry sound of a processor with latency is that old as well, and so is the value that it is mixed by.
            mix = self._mix.at(start - self.latency, frames)
            audio -= dry
            audio *= mix
            audio += dry

    def _trace(self, start: int, frames: int) -> None:
        fresh = self._rows.shape[1] != frames
        if fresh:
            self._rows = np.empty((len(self._curves), frames))
        for row, curve, lag in zip(self._rows, self._curves, self._lags, strict=True):
            if fresh or curve.moves:
                # As old as the sound is where the parameter meets it.
                curve.trace(row, start - lag)

    def states(self) -> list[State]:
        """Everything that it remembers, to be kept or put back."""
        return [self._processor.state, self._dry.state]
