"""From a track of the composer to a request that varies it, or plays one of its sections anew."""

from __future__ import annotations

import dataclasses
import secrets
from collections import Counter
from collections.abc import Callable

from protos.generation.v1.generation_pb2 import GenerateRequest
from protos.users.v1 import tracks_pb2
from services.generation.backends.protocol import GenerationRequest, ModelDescription, Retake
from services.generation.catalogue import ModelCatalogue
from services.generation.origins import Origin, named, refuse_others
from services.generation.sources import TrackSources
from services.generation.submission import DRAWN_SEEDS, LONGEST_ID, require_installed
from services.shared.errors import AppError

MOST_RETAKES = 64
_POINTER = "/variation_of"
# Everything else of a request is the track's own.
_GO_WITH_IT = frozenset({"variation_of_id", "regenerate", "seed", "title", "public", "model", "webhook_url"})


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
        refuse_others(wire, _GO_WITH_IT, "A variation keeps what its track has. Leave this out.")
        content = await self._sources.content(_POINTER, wire.variation_of_id[: LONGEST_ID + 1], token)
        model = self._catalogue.find(content.model)
        if model is None or "variation_of" not in model.parameters:
            raise AppError.field(_POINTER, "Only songs of the composer can be varied. Choose one of those.")
        if wire.model not in ("", model.id):
            raise AppError.field("/model", f"The track is one of the model {model.id}. Leave this out.")
        require_installed(model)
        seed = wire.seed if wire.HasField("seed") else self._draw_seed()
        if wire.HasField("regenerate"):
            return self._retaken(wire, content, Origin.exactly(content, model, _POINTER), seed), model
        base = Origin.of(content, model, _POINTER).request
        frame = base.seed if base.frame_seed is None else base.frame_seed
        varied = dataclasses.replace(base, seed=seed, frame_seed=frame, retakes=())
        return _variation(varied, wire, f"{content.title} (variation)"), model

    @staticmethod
    def _retaken(
        wire: GenerateRequest, content: tracks_pb2.TrackContent, origin: Origin, seed: int
    ) -> GenerationRequest:
        base, spec = origin.request, origin.spec
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
        retakes = (*base.retakes, Retake(name, seed, occurrence, after=len(base.extensions)))
        return _variation(dataclasses.replace(base, retakes=retakes), wire, f"{content.title} (new {name})")


def _variation(request: GenerationRequest, wire: GenerateRequest, title: str) -> GenerationRequest:
    return dataclasses.replace(named(request, wire, title), variation_of_id=wire.variation_of_id)
