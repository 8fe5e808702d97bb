"""Checks a request against its model, and says of everything that is wrong where it stands and what to change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from services.shared.errors import AppError, ErrorCode, FieldViolation

ModelT = TypeVar("ModelT", bound=BaseModel)

_SENTENCES: Final = {
    "missing": "This value is required: add it.",
    "extra_forbidden": "This field is not known; leave it out.",
}


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
    pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in item["loc"])
    kind = str(item["type"])
    if kind == "literal_error":
        return FieldViolation(pointer, f"Must be one of {item['ctx']['expected']}.")
    if kind == "value_error":
        return FieldViolation(pointer, str(item["msg"]).removeprefix("Value error, "))
    return FieldViolation(pointer, _SENTENCES.get(kind, f"{item['msg']}."))
