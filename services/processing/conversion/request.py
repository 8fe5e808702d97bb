"""What a conversion is asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.processing.media.formats import DERIVATIVES, FORMATS, BitDepth, FormatName, Target


class ConvertRequest(BaseModel):
    """The body of a conversion. `sample_rate` in Hz, `bitrate` in bits a second; what is left out is chosen well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    track_id: Annotated[str, Field(min_length=1, max_length=64)]
    format: FormatName
    sample_rate: Annotated[int | None, Field(ge=8_000, le=192_000, strict=True)] = None
    bit_depth: BitDepth | None = None
    bitrate: Annotated[int | None, Field(ge=8_000, le=510_000, strict=True)] = None

    @property
    def asked(self) -> Target:
        """What was asked for, as it was."""
        return Target(FORMATS[self.format], self.sample_rate, self.bit_depth, self.bitrate)

    @property
    def target(self) -> Target:
        """What to write; depth and bit rate as the track itself is offered, unless asked for otherwise."""
        usual = DERIVATIVES[self.format]
        return Target(
            FORMATS[self.format],
            self.sample_rate,
            self.bit_depth if self.bit_depth is not None else usual.bit_depth,
            self.bitrate if self.bitrate is not None else usual.bitrate,
        )
