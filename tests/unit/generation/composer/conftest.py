"""Songs on demand, and what they are measured by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from services.generation.backends.protocol import GenerationRequest, Section
from services.generation.composer.arrangement import arrange
from services.generation.composer.cast import choose_cast
from services.generation.composer.compose import compose, make_plan
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.melody import MelodyWriter
from services.generation.composer.performance import Event
from services.generation.composer.plan import Plan
from services.generation.composer.prompt import read_request
from services.generation.composer.score import Score


@dataclass(frozen=True)
class Tune:
    """A melody on the straight grid, before a player touches it, with the plan that it belongs to."""

    plan: Plan
    events: list[Event]

    def bars(self) -> list[tuple[tuple[int, int], ...]]:
        """Onset and pitch of every note, by bar; silent bars are left out."""
        found: dict[int, list[tuple[int, int]]] = {}
        for event in self.events:
            bar, place = divmod(event.start, self.plan.meter.bar_ticks)
            found.setdefault(bar, []).append((place, event.pitch))
        return [tuple(notes) for notes in found.values()]


@pytest.fixture(scope="session")
def song() -> Callable[..., Score]:
    def make(prompt: str = "", seconds: float = 30.0, seed: int = 1, **fields: Any) -> Score:
        if "structure" in fields:
            fields["structure"] = tuple(Section(**section) for section in fields["structure"])
        return compose(GenerationRequest(prompt, seconds, "composer", seed, **fields))

    return make


@pytest.fixture(scope="session")
def tune() -> Callable[[str, int, float], Tune]:
    def make(genre: str, seed: int, seconds: float = 60.0) -> Tune:
        request = GenerationRequest("", seconds, "composer", seed, spec={"genre": genre})
        plan = make_plan(GENRES[genre], read_request(request), seconds, seed)
        cast = choose_cast(plan.genre, plan.spec, plan.stream("cast"))
        arrangement = arrange(plan, cast)
        layer = next(layer for layer in cast.layers if layer.role == "melody")
        events = MelodyWriter(plan, layer, plan.genre.melody).write(list(arrangement.bars[layer.name]))
        return Tune(plan, [event for event in events if not event.offset])

    return make
