"""A song of the composer as the beginning of another: what it was made from, and what may be asked beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import orjson

from protos.generation.v1.generation_pb2 import GenerateRequest
from protos.users.v1 import tracks_pb2
from services.generation.backends.protocol import GenerationRequest, ModelDescription
from services.generation.composer.recipe import request_from
from services.generation.submission import LONGEST_TITLE
from services.shared.errors import AppError, ErrorCode, FieldViolation

_API_NAMES = {"duration_seconds": "duration", "spec_json": "spec"}


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """The request that made a song, and its `spec`."""

    request: GenerationRequest
    spec: Mapping[str, Any]

    @classmethod
    def of(cls, content: tracks_pb2.TrackContent, model: ModelDescription, pointer: str) -> Self:
        """What a track was made from. Raises VALIDATION at `pointer` for one that does not say it."""
        spec = _spec(content)
        try:
            return cls(request_from(spec["recipe"], model.id), spec)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AppError.field(
                pointer, "This track does not say what it was made from. Make it anew first."
            ) from error

    @classmethod
    def exactly(cls, content: tracks_pb2.TrackContent, model: ModelDescription, pointer: str) -> Self:
        """The same for what promises to keep every note. Raises VALIDATION also for songs of an earlier composer."""
        if content.model_revision != model.revision:
            detail = (
                f"This song is one of {content.model_revision or 'an earlier composer'}; {model.revision} would play "
                "other notes. Make it anew first."
            )
            raise AppError.field(pointer, detail)
        return cls.of(content, model, pointer)


def refuse_others(wire: GenerateRequest, allowed: frozenset[str], sentence: str) -> None:
    """Raise VALIDATION with everything of a request that does not go with its origin."""
    wrong = [
        FieldViolation(f"/{_API_NAMES.get(field.name, field.name)}", sentence)
        for field, _ in wire.ListFields()
        if field.name not in allowed
    ]
    if wire.HasField("seed") and wire.seed < 0:
        wrong.append(FieldViolation("/seed", f"The seed must lie between 0 and {2**63 - 1}."))
    if len(wire.title) > LONGEST_TITLE:
        wrong.append(FieldViolation("/title", f"The title is longer than {LONGEST_TITLE} characters. Shorten it."))
    if wrong:
        raise AppError(ErrorCode.VALIDATION, wrong[0].detail, violations=wrong)


def named(request: GenerationRequest, wire: GenerateRequest, title: str) -> GenerationRequest:
    """The request under the title that was asked for, else this one, and as public as was asked."""
    return dataclasses.replace(request, title=wire.title.strip() or title[:LONGEST_TITLE], public=wire.public)


def _spec(content: tracks_pb2.TrackContent) -> dict[str, Any]:
    try:
        spec = orjson.loads(content.spec_json or "{}")
    except orjson.JSONDecodeError:
        spec = {}
    return spec if isinstance(spec, dict) else {}
