"""One song inside the engine: what was asked of it and how far it is. Pure Python."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from services.generation.engine.timeline import Timeline

LEAST_TEMPERATURE = 1e-6
"""Scores are divided by temperatures from here on only: the quotients stay finite in float32."""


class RequestState(Enum):
    """Where a request stands. `FINISHED`, `CANCELLED` and `EXPIRED` are final."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How tokens are drawn. `top_k` 0 and `top_p` 0 or 1 are off; `temperature` 0 takes the likeliest token.

    `guidance_scale` is how far a draw is led from no condition to all of them. `guidance_beta` is, before that, how far
    from the style to style and words (style models; 1 is as far as the words themselves lead).

    ValueError for what is not a number: in a batch it would be everybody's.
    """

    seed: int
    guidance_scale: float = 3.0
    temperature: float = 1.0
    top_k: int = 250
    top_p: float = 0.0
    guidance_beta: float = 1.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.guidance_scale, self.temperature, self.top_p, self.guidance_beta))):
            raise ValueError("Sampling parameters are finite numbers.")

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken: below the temperature at which any difference of scores decides."""
        return self.temperature < LEAST_TEMPERATURE


class Condition(Protocol):
    """What a slot is conditioned on; made by the request's own thread, opaque to everything but the runner."""

    @property
    def prefix_length(self) -> int:
        """Decoder positions in front of the song's own; 0 for models that read their conditioning by attention."""


@dataclass(frozen=True, slots=True)
class Cue:
    """From `frame` of the song on, `condition` holds. All conditions of a song have the same prefix length."""

    frame: int
    condition: Condition


@dataclass(slots=True)
class EngineRequest:
    """One request: the song of `timeline`, conditioned by `cues` (the first at frame 0, in order).

    `deadline` is a time of the engine's clock in seconds: who still waits then is refused. The fields below it belong
    to the scheduler and the engine: `prefix_filled` counts the prefix positions in the cache, `cue` is the index of the
    condition that the slot holds (−1: none yet).
    """

    id: str
    timeline: Timeline
    cues: Sequence[Cue]
    sampling: SamplingParameters
    deadline: float | None = None
    state: RequestState = RequestState.WAITING
    slot: int | None = None
    prefix_filled: int = 0
    cue: int = -1
    _frames: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._frames = [cue.frame for cue in self.cues]
        if not self._frames or self._frames[0] != 0 or self._frames != sorted(self._frames):
            raise ValueError("The first cue stands at frame 0, and the others follow in order.")
        if len({cue.condition.prefix_length for cue in self.cues}) != 1:
            raise ValueError("All conditions of a song have the same prefix length.")

    @property
    def prefix_length(self) -> int:
        """Positions of the prefix."""
        return self.cues[0].condition.prefix_length

    @property
    def positions(self) -> int:
        """Cache positions that it needs at most, of each of its rows."""
        return self.prefix_length + self.timeline.positions

    @property
    def wanted_cue(self) -> int:
        """Index of the cue that holds for the next token."""
        return bisect_right(self._frames, self.timeline.next_frame) - 1

    @property
    def gap(self) -> int:
        """Positions that have to be filled before its next token can be drawn."""
        return self.prefix_length - self.prefix_filled + self.timeline.gap
