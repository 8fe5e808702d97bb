"""Bodies of processing calls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from services.gateway.schemas.body import Body

ConvertFormat = Literal["wav", "flac", "mp3", "ogg", "opus"]


class ConvertRequest(Body):
    """A track in another form, as a file of its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "track_id": "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11",
                    "format": "wav",
                    "sample_rate": 48000,
                    "bit_depth": 24,
                }
            ]
        }
    )

    track_id: Annotated[str, Field(min_length=1, max_length=64)]
    format: ConvertFormat
    sample_rate: Annotated[int | None, Field(ge=8_000, le=192_000, description="Hertz.")] = None
    bit_depth: Annotated[Literal[16, 24, 32] | None, Field(description="For wav and flac.")] = None
    bitrate: Annotated[int | None, Field(ge=8_000, le=510_000, description="Bits a second, for mp3, ogg and opus.")] = (
        None
    )
