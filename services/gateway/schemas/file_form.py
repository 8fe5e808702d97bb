"""How the OpenAPI document describes a form with a file: the framework cannot know what is read from the stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def file_form(
    description: str, fields: Mapping[str, Any] | None = None, example: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The `requestBody` of a form with the field `file`, of which `description` says what it may be.

    `fields` are the schemas of what it may say beside the file, and `example` shows them.
    """
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "additionalProperties": False,
                        "properties": {
                            "file": {"type": "string", "format": "binary", "description": description},
                            **(fields or {}),
                        },
                    },
                    "example": {"file": "(bytes)", **(example or {})},
                }
            },
        }
    }
