"""One song inside the engine: what was asked of it and how far it is. Pure Python."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class RequestState(Enum):
    """Where a request stands. `FINISHED` and `CANCELLED` are final."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How tokens are drawn. `top_k` 0 and `top_p` 0 or 1 are off; `temperature` 0 takes the likeliest token."""

    seed: int
    guidance_scale: float = 3.0
    temperature: float = 1.0
    top_k: int = 250
    top_p: float = 0.0


@dataclass(slots=True)
class EngineRequest:
    """One request: `steps` decoder steps for `prompt`, guided away from `negative_prompt`.

    `state`, `slot` and `step` belong to the scheduler.
    """

    id: str
    prompt: str
    steps: int
    sampling: SamplingParameters
    negative_prompt: str = ""
    state: RequestState = RequestState.WAITING
    slot: int | None = None
    step: int = 0
