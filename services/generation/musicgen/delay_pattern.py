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

    @classmethod
    def interleaved(cls, codebooks: int, channels: int) -> DelayPattern:
        """That of `channels` channels whose codebooks alternate: 0, 0, 1, 1, … for stereo."""
        return cls(tuple(codebook // channels for codebook in range(codebooks)))

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

    def undo(self, steps: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
        """Steps `[T + longest, K]` back to frames `[T, K]`."""
        return [
            tuple(steps[frame + delay][codebook] for codebook, delay in enumerate(self.delays))
            for frame in range(len(steps) - self.longest)
        ]

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
