"""Checks a request against its model, and says of everything that is wrong where it stands and what to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.shared import findings
from services.shared.errors import AppError, ErrorCode, FieldViolation

ModelT = TypeVar("ModelT", bound=BaseModel)


def validated(model: type[ModelT], body: Mapping[str, Any]) -> ModelT:
    """`body` as a `model`. Raises VALIDATION with one violation for each wrong field, by JSON pointer (RFC 6901)."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise refused([_violation(item) for item in error.errors(include_url=False)]) from None


def refused(violations: Iterable[FieldViolation]) -> AppError:
    """The error for a request whose fields have to change."""
    found = tuple(violations)
    return AppError(
        ErrorCode.VALIDATION,
        found[0].detail if len(found) == 1 else f"{len(found)} values of the request have to change.",
        violations=found,
    )


def _violation(item: Mapping[str, Any]) -> FieldViolation:
    return FieldViolation(findings.json_pointer(item["loc"]), findings.sentence_of(item))
