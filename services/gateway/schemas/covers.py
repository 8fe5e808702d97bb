"""Pictures that people send."""

from __future__ import annotations

from typing import Any

# For the OpenAPI document: the framework cannot know what is read from the stream.
COVER_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "PNG, JPEG or WebP: up to 10 MiB and 40 million pixels, at least 64 × 64.",
                        }
                    },
                },
                "example": {"file": "(bytes)"},
            }
        },
    }
}
