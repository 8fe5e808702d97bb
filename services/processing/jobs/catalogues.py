"""What jobs can be asked to use, as the kinds that know it describe it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final

import orjson

from protos.processing.v1 import processing_pb2
from services.shared.errors import AppError, ErrorCode


def _effects() -> dict[str, Any]:
    found: dict[str, Any] = import_module("services.processing.mixing.schema").effect_schema()
    return found


def _presets() -> dict[str, Any]:
    found: list[dict[str, Any]] = import_module("services.processing.mastering.presets").preset_list()
    return {"items": found}


_MAKERS: Final[dict[int, Callable[[], dict[str, Any]]]] = {
    processing_pb2.CATALOGUE_EFFECTS: _effects,
    processing_pb2.CATALOGUE_PRESETS: _presets,
}


@cache
def document(catalogue: processing_pb2.Catalogue.ValueType) -> str:
    """A catalogue as a JSON object. Raises VALIDATION for an unknown one, NOT_FOUND for one that is not installed."""
    maker = _MAKERS.get(catalogue)
    if maker is None:
        raise AppError.field("/catalogue", "There is no such catalogue.")
    try:
        return orjson.dumps(maker(), option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except ModuleNotFoundError as error:
        raise AppError(ErrorCode.NOT_FOUND, "This server does not offer it.") from error
