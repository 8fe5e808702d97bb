"""What calls answer beside their JSON, for the OpenAPI document: bytes, events, and the statuses of their own."""

from __future__ import annotations

from typing import Any

from services.gateway.media.formats import WIRE_FORMATS

Responses = dict[int | str, dict[str, Any]]

_BINARY = {"type": "string", "format": "binary"}


def also(*statuses: int) -> Responses:
    """Statuses that a call answers beside those of its whole family; the OpenAPI document describes them."""
    return {status: {} for status in statuses}


def binary(*media_types: str) -> Responses:
    """Bytes with ranges and validators."""
    content = {media_type: {"schema": _BINARY} for media_type in media_types}
    return {
        200: {"description": "The whole", "content": content},
        206: {"description": "The asked part", "content": content},
        **also(304, 416),
    }


AUDIO = binary(*(wire.media_type for wire in WIRE_FORMATS.values()))
ANY_FILE = binary(
    *(wire.media_type for wire in WIRE_FORMATS.values()), "audio/midi", "image/png", "application/json", "*/*"
)
LIVE_AUDIO = {**binary(*(WIRE_FORMATS[name].media_type for name in ("wav", "mp3", "opus"))), **also(409)}

EVENTS: Responses = {
    200: {
        "description": "Events until the job's end",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": "id: 1763719200000-0\nevent: progress\n"
                'data: {"progress":0.4,"stage":"making the bass","eta_seconds":2.5}\n\n',
            }
        },
    },
    **also(204),
}
