"""From a song of the composer to a request that makes it longer."""

from __future__ import annotations

import dataclasses
import math
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from protos.generation.v1.generation_pb2 import GenerateRequest
from protos.users.v1 import tracks_pb2
from services.generation.backends.protocol import Extension, GenerationRequest, ModelDescription, Section
from services.generation.catalogue import ModelCatalogue
from services.generation.origins import Origin, named, refuse_others
from services.generation.sources import TrackSources
from services.generation.submission import DRAWN_SEEDS, LONGEST_ID, asked_addition, require_installed
from services.shared.errors import AppError

MOST_EXTENSIONS = 16
_POINTER = "/continue_from_id"
# Everything else of a request is the song's own.
_GO_WITH_IT = frozenset(
    {
        "continue_from_id",
        "continue_at",
        "duration_seconds",
        "prompt",
        "structure",
        "seed",
        "webhook_url",
        "title",
        "public",
        "model",
    }
)


class Extensions:
    """Checks requests to go on with a song of the composer. `draw_seed` gives a seed to those that name none."""

    def __init__(
        self,
        catalogue: ModelCatalogue,
        sources: TrackSources,
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(DRAWN_SEEDS),
    ) -> None:
        self._catalogue = catalogue
        self._sources = sources
        self._draw_seed = draw_seed

    def takes(self, wire: GenerateRequest) -> bool:
        """Whether a request is one of these: the model that it asks for goes on from notes, not from sound."""
        model = self._catalogue.find(wire.model)
        return bool(wire.continue_from_id) and model is not None and model.continues_from == "notes"

    async def check(self, wire: GenerateRequest, token: str) -> tuple[GenerationRequest, ModelDescription]:
        """The request of the longer song, and its model.

        Raises VALIDATION with the fields that have to change, and for a track that is none of the caller's, not the
        composer's or has no recipe; MODEL_NOT_INSTALLED.
        """
        refuse_others(wire, _GO_WITH_IT, "A song that goes on keeps what it has. Leave this out.")
        model = self._catalogue.find(wire.model)
        if model is None:
            raise AssertionError("Only requests that `takes` has seen come here.")
        require_installed(model)
        content = await self._sources.content(_POINTER, wire.continue_from_id[: LONGEST_ID + 1], token)
        if content.model != model.id:
            listeners = [other.id for other in self._catalogue if other.continues_from == "sound"]
            instead = f", or a model that goes on from any sound: {', '.join(listeners)}" if listeners else ""
            raise AppError.field(_POINTER, f"The {model.id} goes on from its own songs. Choose one of those{instead}.")
        origin = Origin.exactly(content, model, _POINTER)
        if len(origin.request.extensions) >= MOST_EXTENSIONS:
            raise AppError.field(_POINTER, f"This song was made longer {MOST_EXTENSIONS} times: enough.")
        extension, seconds = _extension(wire, content, origin, model, self._draw_seed)
        longer = dataclasses.replace(
            origin.request,
            duration_seconds=seconds,
            extensions=(*origin.request.extensions, extension),
            continue_from_id=wire.continue_from_id,
            continue_at=wire.continue_at if wire.HasField("continue_at") else None,
        )
        return named(longer, wire, f"{content.title} (extended)"), model


def _extension(
    wire: GenerateRequest,
    content: tracks_pb2.TrackContent,
    origin: Origin,
    model: ModelDescription,
    draw_seed: Callable[[], int],
) -> tuple[Extension, float]:
    """What is added, and how long the song is then."""
    from services.generation.composer.continuation import joining_bar, least_seconds, seconds_per_bar
    from services.generation.composer.genres.catalogue import GENRES
    from services.generation.composer.prompt import asked_of

    if wire.HasField("continue_at"):
        if not math.isfinite(wire.continue_at) or wire.continue_at < 0.0:
            raise AppError.field("/continue_at", "This must be a second of the track, 0 or more.")
        if wire.continue_at > content.duration_seconds:
            detail = f"The track is {content.duration_seconds:.1f} seconds long. Choose an earlier second."
            raise AppError.field("/continue_at", detail)
    prompt, structure = asked_addition(wire)
    genre, meter, bpm, bars = _form(origin.spec)
    bar_seconds = seconds_per_bar(meter, bpm)
    at = wire.continue_at if wire.HasField("continue_at") else None
    bar = joining_bar(bars, bar_seconds, at)
    extension = Extension(
        bar=bar,
        from_seconds=origin.request.duration_seconds,
        seed=wire.seed if wire.HasField("seed") else draw_seed(),
        prompt=prompt,
        structure=structure,
    )
    asked_of(extension)
    least = least_seconds(GENRES[genre], meter, bpm, bar)
    return extension, _length(wire, model, structure, bar_seconds, bar, least)


def _form(spec: Mapping[str, Any]) -> tuple[str, str, float, list[tuple[str, int]]]:
    """Genre, meter, tempo and the sections' names and bars, as the song's own spec has them."""
    try:
        bars = [(str(section["section"]), int(section["bars"])) for section in spec["structure"]]
        form = str(spec["genre"]), str(spec["meter"]), float(spec["bpm"]), bars
    except (KeyError, TypeError, ValueError) as error:
        raise AppError.field(_POINTER, "This track does not say what its form is. Make it anew first.") from error
    if not bars:
        raise AppError.field(_POINTER, "This track has no form to go on with. Make it anew first.")
    return form


def _length(
    wire: GenerateRequest,
    model: ModelDescription,
    structure: tuple[Section, ...],
    bar_seconds: float,
    bar: int,
    least: float,
) -> float:
    """Seconds of the whole song: as asked, else what the added form takes, else the model's usual length more."""
    join = bar * bar_seconds
    pointer = "/duration"
    ring = least - join - 2 * bar_seconds
    if wire.HasField("duration_seconds"):
        seconds = wire.duration_seconds
    elif structure:
        pointer = "/structure"
        seconds = join + ring + sum((part.bars or 0) * bar_seconds + (part.seconds or 0.0) for part in structure)
    else:
        seconds = min(max(join + model.default_duration_seconds, least), model.max_duration_seconds)
    if not math.isfinite(seconds) or not least <= seconds <= model.max_duration_seconds:
        if least > model.max_duration_seconds:
            detail = (
                f"The song would go on from {join:.1f} s, and {model.max_duration_seconds:g} seconds is the most that "
                f"{model.id} makes. Choose an earlier second."
            )
            raise AppError.field("/continue_at", detail)
        detail = (
            f"The song goes on from {join:.1f} s. Its whole length must be between {math.ceil(least)} and "
            f"{model.max_duration_seconds:g} seconds."
        )
        raise AppError.field(pointer, detail)
    return seconds
