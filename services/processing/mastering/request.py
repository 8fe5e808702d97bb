"""What a master is asked for, checked."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.processing.mastering.presets import DEFAULT, PRESETS, Preset, PresetName

LOWEST_LUFS: Final = -36.0
HIGHEST_LUFS: Final = -5.0
LOWEST_DBTP: Final = -12.0
HIGHEST_DBTP: Final = 0.0

# Below this distance from its ceiling no music can be as loud as that; a sine's loudness is 3 LU below its peak.
_CLOSEST_LU: Final = 3.0

TrackId = Annotated[str, Field(min_length=1, max_length=64)]


class MasterRequest(BaseModel):
    """The body of a master. Levels that are left out are the preset's, or with a reference the reference's.

    `target_lufs` −36 to −5, `true_peak_dbtp` −12 to 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    track_id: TrackId
    target_lufs: Annotated[float | None, Field(ge=LOWEST_LUFS, le=HIGHEST_LUFS, allow_inf_nan=False, strict=True)] = (
        None
    )
    true_peak_dbtp: Annotated[
        float | None, Field(ge=LOWEST_DBTP, le=HIGHEST_DBTP, allow_inf_nan=False, strict=True)
    ] = None
    reference_track_id: TrackId | None = None
    preset: PresetName | None = None

    @model_validator(mode="after")
    def _consistent(self) -> MasterRequest:
        if self.reference_track_id == self.track_id:
            raise ValueError("The reference has to be another track than the one that is mastered.")
        if self.target_lufs is not None and self.target_lufs > self.ceiling_dbtp - _CLOSEST_LU:
            raise ValueError(
                f"A target of {self.target_lufs:g} LUFS cannot be met below {self.ceiling_dbtp:g} dBTP: "
                f"leave at least {_CLOSEST_LU:g} dB between them."
            )
        return self

    @property
    def chosen(self) -> Preset:
        """The preset that was asked for, or the default."""
        return PRESETS[self.preset or DEFAULT]

    @property
    def ceiling_dbtp(self) -> float:
        """The highest true peak that the master may have."""
        return self.true_peak_dbtp if self.true_peak_dbtp is not None else self.chosen.ceiling_dbtp
