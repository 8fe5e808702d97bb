"""What moves while notes sound: pitch bend, modulation wheel, volume, pan, expression, sustain pedal and tape drift.

Every curve is a function of the song's time alone, so it does not matter where a block begins.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.generation.composer.sampler.kernel import MAX_BEND_CENTS, TICK

Vector = NDArray[np.float64]
Float32 = NDArray[np.float32]

MODULATION = 1
VOLUME = 7
PAN = 10
EXPRESSION = 11
SUSTAIN = 64
_PEDAL_DOWN = 64
_PAN_MIDDLE, _PAN_REACH = 64.0, 63.0
# A controller moves to its next value within this time, so that no step is heard.
_GLIDE_SECONDS = 0.01
# Slow wow and faster flutter of a worn tape, and their shares.
_WOW_HZ, _FLUTTER_HZ, _FLUTTER_SHARE = 0.45, 3.1, 0.25


@dataclass(frozen=True, slots=True)
class ControlEvent:
    """A new value from a frame on: semitones for bends, 0–127 for controllers."""

    frame: int
    value: float


class Curve:
    """Steps of a controller as a continuous line: held, then a short glide to the next value."""

    def __init__(self, events: Sequence[ControlEvent], resting: float, glide_frames: float) -> None:
        times: list[float] = [-1.0]
        levels = [resting]
        ordered = sorted(events, key=lambda event: event.frame)
        for index, event in enumerate(ordered):
            following = ordered[index + 1].frame if index + 1 < len(ordered) else math.inf
            glide = min(glide_frames, max(following - event.frame, 0.0))
            if event.frame <= 0:
                levels[0] = event.value
                continue
            times += [float(event.frame), event.frame + glide]
            levels += [levels[-1], event.value]
        self._times = np.asarray(times)
        self._levels = np.asarray(levels)

    def at(self, frames: Vector) -> Vector:
        """The curve at some frames."""
        levels: Vector = np.interp(frames, self._times, self._levels)
        return levels


@dataclass(frozen=True, slots=True)
class Automation:
    """The channel's controls at each tick of a block, both ends included (see `kernel.render_voice`).

    `expression` is the amplitude that volume and expression leave.
    """

    bend_cents: Vector
    wheel: Vector
    expression: Vector


class Controls:
    """All controls of one part."""

    def __init__(
        self,
        rate_hz: int,
        *,
        bends: Sequence[ControlEvent] = (),
        modulation: Sequence[ControlEvent] = (),
        volume: Sequence[ControlEvent] = (),
        pan: Sequence[ControlEvent] = (),
        expression: Sequence[ControlEvent] = (),
        pedal: Sequence[ControlEvent] = (),
        wow_cents: float = 0.0,
    ) -> None:
        glide = _GLIDE_SECONDS * rate_hz
        self._rate = rate_hz
        self._bends = Curve(bends, 0.0, glide) if bends else None
        self._modulation = Curve(modulation, 0.0, glide) if modulation else None
        # Without an event a channel plays at its full level, in its middle.
        self._volume = Curve(volume, 127.0, glide) if volume else None
        self._pan = Curve(pan, _PAN_MIDDLE, glide) if pan else None
        self._expression = Curve(expression, 127.0, glide) if expression else None
        self._wow = wow_cents
        ordered = sorted(pedal, key=lambda event: event.frame)
        self._pedal_times = [event.frame for event in ordered]
        self._pedal_down = [event.value >= _PEDAL_DOWN for event in ordered]
        self._still: dict[int, Automation] = {}

    def released_at(self, frame: int) -> int:
        """When a note whose key goes up at `frame` starts to fade: then, or when the pedal is lifted."""
        index = bisect.bisect_right(self._pedal_times, frame) - 1
        if index < 0 or not self._pedal_down[index]:
            return frame
        for later in range(index + 1, len(self._pedal_times)):
            if not self._pedal_down[later]:
                return self._pedal_times[later]
        return frame

    def block(self, start: int, frames: int) -> Automation:
        """The controls of the block `[start, start + frames)`."""
        if not (self._bends or self._modulation or self._volume or self._expression or self._wow):
            return self._at_rest(frames)
        times = start + TICK * np.arange(frames // TICK + 1, dtype=np.float64)
        cents = self._bends.at(times) * 100.0 if self._bends else np.zeros(len(times))
        if self._wow:
            seconds = times / self._rate * (2.0 * math.pi)
            swing = np.sin(seconds * _WOW_HZ) * (1.0 - _FLUTTER_SHARE) + np.sin(seconds * _FLUTTER_HZ) * _FLUTTER_SHARE
            cents = cents + self._wow * swing
        wheel = self._modulation.at(times) / 127.0 if self._modulation else np.zeros(len(times))
        # Sections 8.4.4 and 8.4.6: volume and expression are concave attenuations, the squares of their values.
        expression = np.ones(len(times))
        for curve in (self._volume, self._expression):
            if curve:
                expression *= (curve.at(times) / 127.0) ** 2
        return Automation(np.clip(cents, -MAX_BEND_CENTS, MAX_BEND_CENTS), wheel, expression)

    def balance(self, start: int, frames: int) -> Float32 | None:
        """The gains of both channels `[2, frames]` where the channel is panned, with equal power and unity in the
        middle; None where it never is."""
        if not self._pan:
            return None
        place = (self._pan.at(np.arange(start, start + frames, dtype=np.float64)) - _PAN_MIDDLE) / _PAN_REACH
        angle = (np.clip(place, -1.0, 1.0) + 1.0) * (math.pi / 4.0)
        return (math.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)])).astype(np.float32)

    def _at_rest(self, frames: int) -> Automation:
        still = self._still.get(frames)
        if still is None:
            ticks = frames // TICK + 1
            still = Automation(np.zeros(ticks), np.zeros(ticks), np.ones(ticks))
            self._still[frames] = still
        return still
