"""A pull as a job: its name, its queue, and what its request says."""

from __future__ import annotations

from typing import Any

import orjson

from services.shared.errors import AppError, ErrorCode

KIND = "pull_model"
QUEUE = "models"


def encode(model_id: str, source_licence: str) -> str:
    """The job's `request_json`."""
    return orjson.dumps({"model": model_id, "licence": source_licence}).decode()


def decode(request_json: str) -> str:
    """The model that is wanted. Raises INTERNAL for what `encode` did not write."""
    try:
        document: Any = orjson.loads(request_json)
        return str(document["model"])
    except (ValueError, KeyError, TypeError) as error:
        raise AppError(ErrorCode.INTERNAL, "The job's request cannot be read.") from error
