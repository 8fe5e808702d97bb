"""What a transcription is asked for, checked. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.processing.analysis.meter import Meter
from services.processing.jobs.parsing import validated
from services.processing.transcription.quantize import COMPOUND_GRIDS, GRIDS, Quantizer

Grid = Literal["1/4", "1/8", "1/16", "1/32", "1/4T", "1/8T", "1/16T"]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Quantize(BaseModel):
    """How notes are moved onto the grid. `strength` and `swing` are 0–1; `ends` moves the ends of notes as well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grid: Grid = "1/16"
    strength: _Share = 1.0
    swing: _Share = 0.0
    triplets: bool = False
    ends: bool = False

    def quantizer(self, meter: Meter) -> Quantizer:
        """The object that does it. Beats that are dotted quarters divide by three already: there grids of triplets are
        the plain ones, and nothing swings."""
        if meter.compound:
            return Quantizer(COMPOUND_GRIDS[self.grid.removesuffix("T")], self.strength, ends=self.ends)
        return Quantizer(GRIDS[self.grid], self.strength, self.swing, self.triplets, self.ends)


class TranscribeRequest(BaseModel):
    """The body of a transcription.

    `stem` names one stem, the track's own or one that was separated from it; without it every stem becomes a track of
    the MIDI file, or the whole track when there are none. `instrument` says what is heard: "auto" takes stems called
    drums as drums and everything else as pitched. `bpm` overrides the tempo that is found. `bends` False leaves pitch
    bends out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    track_id: Annotated[str, Field(min_length=1, max_length=64)]
    stem: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    instrument: Literal["auto", "pitched", "drums"] = "auto"
    quantize: Quantize | None = None
    bpm: Annotated[float | None, Field(ge=20, le=400, allow_inf_nan=False)] = None
    bends: bool = True
    musicxml: bool = True


def parse(body: Mapping[str, Any]) -> TranscribeRequest:
    """The checked request. Raises VALIDATION with every field that has to change."""
    return validated(TranscribeRequest, body)
