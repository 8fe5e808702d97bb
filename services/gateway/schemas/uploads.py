"""Files that people send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.gateway.schemas.body import Body, Line
from services.gateway.schemas.file_form import file_form


class UploadFields(Body):
    """What a form may say beside the file."""

    title: Annotated[Line, Field(min_length=1, max_length=200)] | None = None


class Upload(UploadFields):
    """What of an upload makes it the same as another: its bytes, by their digest, and what is said of it."""

    filename: str
    size_bytes: int
    sha256: str


UPLOAD_FORM = file_form(
    "WAV, FLAC, AIFF, MP3, Ogg, Opus or (where the server has it) M4A audio: "
    "up to 2 GiB, 3 hours, 8 channels and 192 kHz.",
    fields={
        "title": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "The track's title; the file's name if not said.",
        }
    },
    example={"title": "Rain on tin"},
)
