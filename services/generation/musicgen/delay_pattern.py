"""The delay pattern: codebook k of frame t is predicted at step t + k (Copet et al., 2023, section 2.2). Pure Python.

A step predicts one token for each codebook, each of another frame; where a codebook has not begun yet or is over, the
model sees and gives the pad token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DelayPattern:
    """Delays of the codebooks, in steps; one for each."""

    delays: tuple[int, ...]

    @classmethod
    def staircase(cls, codebooks: int) -> DelayPattern:
        """MusicGen's own: 0, 1, 2, …"""
        return cls(tuple(range(codebooks)))

    @property
    def longest(self) -> int:
        """The largest delay: so many steps after its own, a frame is whole."""
        return max(self.delays)

    def steps(self, frames: int) -> int:
        """How many steps `frames` frames take."""
        return frames + self.longest

    def live(self, step: int, frames: int) -> tuple[bool, ...]:
        """Which codebooks of a step carry a token, `[K]`."""
        return tuple(delay <= step < delay + frames for delay in self.delays)

    def apply(self, frames: Sequence[Sequence[int]], pad: int) -> list[tuple[int, ...]]:
        """Frames `[T, K]` as the steps that predict them, `[T + longest, K]`."""
        count = len(frames)
        return [
            tuple(
                frames[step - delay][codebook] if live else pad
                for codebook, (delay, live) in enumerate(zip(self.delays, self.live(step, count), strict=True))
            )
            for step in range(self.steps(count))
        ]


class DelayUndo:
    """Turns steps back into frames, one at a time: a frame comes out as soon as its last codebook is there."""

    def __init__(self, pattern: DelayPattern) -> None:
        self._pattern = pattern
        self._steps: list[tuple[int, ...]] = []

    def push(self, tokens: Sequence[int]) -> tuple[int, ...] | None:
        """Take one step's tokens `[K]`; answer the frame that it completes, `[K]`, if it completes one."""
        self._steps.append(tuple(tokens))
        if len(self._steps) <= self._pattern.longest:
            return None
        # The window holds exactly the steps from the frame's own on: codebook k lies `delays[k]` steps into it.
        frame = tuple(self._steps[delay][codebook] for codebook, delay in enumerate(self._pattern.delays))
        del self._steps[0]
        return frame
