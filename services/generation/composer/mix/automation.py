"""Gain over the song's time: lines between points, the same however the song is cut into blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_DUCK_ATTACK_SECONDS = 0.004
_DUCK_POINTS = 24
_NEPERS_PER_DB = math.log(10.0) / 20.0


class GainLine:
    """A gain in dB that moves in straight lines between points `(frame, dB)` and stands still outside them.

    The block that was asked for last is kept: all stems, or all ducked parts, ask for the same one in turn.
    """

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self._frames = np.asarray([point[0] for point in points], np.float64)
        self._levels = np.asarray([point[1] for point in points], np.float64)
        self._flat = bool((self._levels == 0.0).all())
        self._last: tuple[int, int, Float32 | None] = (0, 0, None)

    def block(self, start: int, frames: int) -> Float32 | None:
        """The linear gain of frames `[start, start + frames)`, not to be written to; None stands for no change anywhere
        in the block."""
        if self._flat:
            return None
        known_start, known_frames, known = self._last
        if (known_start, known_frames) == (start, frames):
            return known
        gain = self._compute(start, frames)
        # One assignment: threads that ask at the same time at worst compute it twice.
        self._last = (start, frames, gain)
        return gain

    def _compute(self, start: int, frames: int) -> Float32 | None:
        low = int(np.searchsorted(self._frames, start, side="right"))
        high = int(np.searchsorted(self._frames, start + frames, side="left"))
        around = self._levels[max(low - 1, 0) : high + 1]
        if around.size and (around == around[0]).all():
            level = float(around[0])
            return np.full(frames, math.exp(level * _NEPERS_PER_DB), np.float32) if level else None
        levels = np.interp(np.arange(start, start + frames, dtype=np.float64), self._frames, self._levels)
        return np.exp(levels * _NEPERS_PER_DB).astype(np.float32)


def ducking_line(kicks: Sequence[int], depth_db: float, release_seconds: float, rate_hz: int) -> GainLine:
    """A dip of `depth_db` at each kick that swells back within the release: the pump of house and its relatives.

    It follows the score and not the sound, so it starts on the beat and costs no lookahead.
    """
    attack, release = _DUCK_ATTACK_SECONDS * rate_hz, max(release_seconds, 0.02) * rate_hz
    shape = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, _DUCK_POINTS))
    points: list[tuple[float, float]] = [(-1.0, 0.0)]
    for index, kick in enumerate(kicks):
        following = kicks[index + 1] if index + 1 < len(kicks) else np.inf
        # A kick in the middle of a swell starts from where the swell is.
        points.append((float(kick), points[-1][1]))
        for place, part in zip(np.linspace(0.0, release, _DUCK_POINTS), shape, strict=True):
            frame = kick + attack + float(place)
            if frame >= following:
                break
            points.append((frame, -depth_db * float(part)))
    return GainLine(points)


def stepped_line(steps: Sequence[tuple[int, int, float, float]], glide_frames: float) -> list[tuple[float, float]]:
    """Points of a line of steps `(start, end, level at the start, level at the end)`: it moves evenly within a step,
    and glides to the next one's level within the frames before it."""
    points: list[tuple[float, float]] = []
    for start, end, first, last in steps:
        points.append((float(start), first))
        points.append((max(end - glide_frames, float(start)), last))
    return points
