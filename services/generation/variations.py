"""From a track of the composer to a request that varies it, or plays one of its sections anew."""

from __future__ import annotations

import dataclasses
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from protos.generation.v1.generation_pb2 import GenerateRequest
from protos.users.v1 import tracks_pb2
from services.generation.backends.protocol import GenerationRequest, ModelDescription, Retake
from services.generation.catalogue import ModelCatalogue
from services.generation.composer.recipe import request_from
from services.generation.sources import TrackSources
from services.generation.submission import DRAWN_SEEDS, LONGEST_ID, LONGEST_TITLE
from services.shared.errors import AppError, ErrorCode, FieldViolation

MOST_RETAKES = 64
_POINTER = "/variation_of"
# Everything else of a request is the track's own.
_GO_WITH_IT = frozenset({"variation_of_id", "regenerate", "seed", "title", "public", "model"})
_API_NAMES = {"duration_seconds": "duration", "spec_json": "spec"}


class Variations:
    """Checks requests for variations. `draw_seed` gives a seed to those that name none."""

    def __init__(
        self,
        catalogue: ModelCatalogue,
        sources: TrackSources,
        draw_seed: Callable[[], int] = lambda: secrets.randbelow(DRAWN_SEEDS),
    ) -> None:
        self._catalogue = catalogue
        self._sources = sources
        self._draw_seed = draw_seed

    async def check(self, wire: GenerateRequest, token: str) -> tuple[GenerationRequest, ModelDescription]:
        """The request of the variation, and its model.

        Raises VALIDATION with the fields that have to change, and for a track that is none of the caller's or has no
        recipe; MODEL_NOT_INSTALLED.
        """
        _refuse_others(wire)
        content = await self._sources.content(_POINTER, wire.variation_of_id[: LONGEST_ID + 1], token)
        spec = _spec(content)
        model = self._catalogue.find(content.model)
        if model is None or "variation_of" not in model.parameters:
            raise AppError.field(_POINTER, "Only songs of the composer can be varied. Choose one of those.")
        if wire.model not in ("", model.id):
            raise AppError.field("/model", f"The track is one of the model {model.id}. Leave this out.")
        try:
            base = request_from(spec["recipe"], model.id)
        except (KeyError, TypeError, ValueError) as error:
            raise AppError.field(
                _POINTER, "This track does not say what it was made from. Make it anew first."
            ) from error
        seed = wire.seed if wire.HasField("seed") else self._draw_seed()
        if wire.HasField("regenerate"):
            return self._retaken(wire, content, base, spec, seed), model
        frame = base.seed if base.frame_seed is None else base.frame_seed
        varied = dataclasses.replace(base, seed=seed, frame_seed=frame, retakes=())
        return _named(varied, wire, f"{content.title} (variation)"), model

    @staticmethod
    def _retaken(
        wire: GenerateRequest,
        content: tracks_pb2.TrackContent,
        base: GenerationRequest,
        spec: Mapping[str, Any],
        seed: int,
    ) -> GenerationRequest:
        name, occurrence = wire.regenerate.section.strip(), wire.regenerate.occurrence
        known = Counter(str(section.get("section", "")).lower() for section in spec.get("structure", ()))
        if name.lower() not in known:
            names = ", ".join(sorted(known)) or "none that have a name"
            raise AppError.field("/regenerate/section", f"The track has no such section; its sections are {names}.")
        if not 0 <= occurrence <= known[name.lower()]:
            detail = f"The track has {known[name.lower()]} of these: choose one from 1 on, or leave this out for each."
            raise AppError.field("/regenerate/occurrence", detail)
        if len(base.retakes) >= MOST_RETAKES:
            raise AppError.field(
                "/regenerate", f"Sections of this track were played anew {MOST_RETAKES} times: enough."
            )
        retakes = (*base.retakes, Retake(name, seed, occurrence))
        return _named(dataclasses.replace(base, retakes=retakes), wire, f"{content.title} (new {name})")


def _refuse_others(wire: GenerateRequest) -> None:
    wrong = [
        FieldViolation(
            f"/{_API_NAMES.get(field.name, field.name)}", "A variation keeps what its track has. Leave this out."
        )
        for field, _ in wire.ListFields()
        if field.name not in _GO_WITH_IT
    ]
    if wire.HasField("seed") and wire.seed < 0:
        wrong.append(FieldViolation("/seed", f"The seed must lie between 0 and {2**63 - 1}."))
    if len(wire.title) > LONGEST_TITLE:
        wrong.append(FieldViolation("/title", f"The title is longer than {LONGEST_TITLE} characters. Shorten it."))
    if wrong:
        raise AppError(ErrorCode.VALIDATION, wrong[0].detail, violations=wrong)


def _spec(content: tracks_pb2.TrackContent) -> dict[str, Any]:
    try:
        spec = orjson.loads(content.spec_json or "{}")
    except orjson.JSONDecodeError:
        spec = {}
    return spec if isinstance(spec, dict) else {}


def _named(request: GenerationRequest, wire: GenerateRequest, title: str) -> GenerationRequest:
    return dataclasses.replace(
        request,
        title=wire.title.strip() or title[:LONGEST_TITLE],
        public=wire.public,
        variation_of_id=wire.variation_of_id,
    )
