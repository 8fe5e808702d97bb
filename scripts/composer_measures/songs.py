"""The songs that are measured: one of the composer's by style, seed and length, with the plan behind it."""

from __future__ import annotations

from services.generation.backends.protocol import GenerationRequest
from services.generation.composer.compose import compose, make_plan
from services.generation.composer.genres.catalogue import GENRES
from services.generation.composer.plan import Plan
from services.generation.composer.prompt import read_request
from services.generation.composer.score import Score

Song = tuple[Plan, Score]


def song(genre: str, seed: int, seconds: float, bpm: float | None = None) -> Song:
    """A song of a genre with the plan that it was written from."""
    request = GenerationRequest("", seconds, "composer", seed, spec={"genre": genre}, bpm=bpm)
    return make_plan(GENRES[genre], read_request(request), seconds, seed), compose(request)
