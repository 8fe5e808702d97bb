"""What a song was made from, kept in its spec: enough to make it again, to vary it, or to play a section anew.

Light: the gRPC server reads recipes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from services.generation.backends.protocol import Extension, GenerationRequest, Retake, Section, StyleGuess

_FIELDS = ("prompt", "bpm", "key", "spec")


def recipe_of(request: GenerationRequest) -> dict[str, Any]:
    """The request as JSON, without what does not change a note."""
    recipe: dict[str, Any] = {"seconds": request.duration_seconds, "seed": request.seed}
    recipe |= {name: value for name in _FIELDS if (value := getattr(request, name))}
    if request.frame_seed is not None:
        recipe["frame_seed"] = request.frame_seed
    if request.structure:
        recipe["structure"] = [dataclasses.asdict(section) for section in request.structure]
    if request.retakes:
        recipe["retakes"] = [dataclasses.asdict(retake) for retake in request.retakes]
    if request.extensions:
        recipe["extensions"] = extensions_as_json(request.extensions)
    if request.guess:
        recipe["guess"] = dataclasses.asdict(request.guess)
    return recipe


def request_from(recipe: Mapping[str, Any], model: str) -> GenerationRequest:
    """The request of a recipe. Raises KeyError, TypeError for what `recipe_of` never wrote."""
    return GenerationRequest(
        duration_seconds=float(recipe["seconds"]),
        model=model,
        seed=int(recipe["seed"]),
        prompt=str(recipe.get("prompt", "")),
        bpm=recipe.get("bpm"),
        key=str(recipe.get("key", "")),
        spec=dict(recipe.get("spec", {})),
        structure=tuple(Section(**section) for section in recipe.get("structure", ())),
        frame_seed=recipe.get("frame_seed"),
        retakes=tuple(Retake(**retake) for retake in recipe.get("retakes", ())),
        extensions=extensions_from_json(recipe.get("extensions", ())),
        guess=guess_from_json(recipe.get("guess")),
    )


def extensions_as_json(extensions: Iterable[Extension]) -> list[dict[str, Any]]:
    """Extensions as JSON, without what is not set."""
    return [
        {name: value for name, value in dataclasses.asdict(extension).items() if value not in ("", ())}
        for extension in extensions
    ]


def extensions_from_json(items: Iterable[Mapping[str, Any]]) -> tuple[Extension, ...]:
    """The extensions of a recipe. Raises TypeError for what `extensions_as_json` never wrote."""
    return tuple(
        Extension(**{**item, "structure": tuple(Section(**section) for section in item.get("structure", ()))})
        for item in items
    )


def guess_from_json(item: Mapping[str, Any] | None) -> StyleGuess | None:
    """The guess of a recipe, None for a song without one. Raises KeyError, TypeError for what was never written."""
    return StyleGuess(item["genre"], float(item["likeness"]), tuple(item["words"])) if item else None
