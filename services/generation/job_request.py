"""A request as the job ledger keeps it: JSON with the API's field names, and the trace that it belongs to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson

from services.generation.backends.protocol import GenerationRequest, Retake, Section
from services.generation.composer.recipe import extensions_as_json, extensions_from_json, guess_from_json
from services.shared.errors import AppError, ErrorCode

# Where generations wait in the ledger, and what they are there.
QUEUE = "generation"
KIND = "generate"

# Keys that begin with an underscore are the platform's own and no part of what the caller asked for.
TRACE_KEY = "_trace"
SOURCES_KEY = "_sources"


@dataclasses.dataclass(frozen=True, slots=True)
class SourceTrack:
    """A track that a request starts from: where its lossless master lies (empty: its sound is not needed), and what may
    be done with what it becomes.
    """

    object_key: str
    licence: str
    commercial_use: bool
    attributions: tuple[str, ...] = ()


def encode(
    request: GenerationRequest, trace: Mapping[str, str], sources: Mapping[str, SourceTrack] | None = None
) -> str:
    """The JSON of a request; only what was asked for or decided. Raises VALIDATION for numbers beyond 64 bits.

    `sources` are the tracks that it names, by their ids.
    """
    body: dict[str, Any] = {
        "prompt": request.prompt,
        "duration": request.duration_seconds,
        "model": request.model,
        "seed": request.seed,
    }
    texts = ("negative_prompt", "lyrics", "key", "title", "public", "spec")
    for name in (*texts, "melody_id", "style_id", "continue_from_id", "variation_of_id"):
        if value := getattr(request, name):
            body[name] = value
    numbers = ("guidance_scale", "temperature", "top_k", "top_p", "bpm", "continue_at", "frame_seed")
    for name in (*numbers, "guidance_beta", "style_codebooks"):
        if (number := getattr(request, name)) is not None:
            body[name] = number
    if request.structure:
        body["structure"] = [
            {key: value for key, value in dataclasses.asdict(section).items() if value not in (None, "")}
            for section in request.structure
        ]
    if request.retakes:
        body["retakes"] = [dataclasses.asdict(retake) for retake in request.retakes]
    if request.extensions:
        body["extensions"] = extensions_as_json(request.extensions)
    if request.guess:
        body["guess"] = dataclasses.asdict(request.guess)
    if trace:
        body[TRACE_KEY] = dict(trace)
    if sources:
        body[SOURCES_KEY] = {track_id: dataclasses.asdict(source) for track_id, source in sources.items()}
    return orjson.dumps(body).decode()


def decode(text: str) -> tuple[GenerationRequest, dict[str, str]]:
    """The request and the trace carrier of a job. Raises INTERNAL for what `encode` never wrote."""
    try:
        body = orjson.loads(text)
        trace = body.pop(TRACE_KEY, {})
        body.pop(SOURCES_KEY, None)
        request = GenerationRequest(
            duration_seconds=body.pop("duration"),
            structure=tuple(Section(**section) for section in body.pop("structure", ())),
            retakes=tuple(Retake(**retake) for retake in body.pop("retakes", ())),
            extensions=extensions_from_json(body.pop("extensions", ())),
            guess=guess_from_json(body.pop("guess", None)),
            **body,
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise AppError(ErrorCode.INTERNAL, "The job's request cannot be read by this version of the engine.") from error
    return request, trace


def sources(text: str) -> dict[str, SourceTrack]:
    """The tracks that a job's request names, by their ids. Raises INTERNAL for what `encode` never wrote."""
    try:
        found = orjson.loads(text).get(SOURCES_KEY, {})
        return {
            track_id: SourceTrack(**{**values, "attributions": tuple(values["attributions"])})
            for track_id, values in found.items()
        }
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
        raise AppError(ErrorCode.INTERNAL, "The job's request cannot be read by this version of the engine.") from error
