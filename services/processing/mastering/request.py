"""What a master is asked for, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from services.processing.jobs.parsing import refused, validated
from services.processing.mastering.presets import DEFAULT, PRESETS, Preset, PresetName
from services.shared.errors import FieldViolation

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

    @property
    def chosen(self) -> Preset:
        """The preset that was asked for, or the default."""
        return PRESETS[self.preset or DEFAULT]

    @property
    def ceiling_dbtp(self) -> float:
        """The highest true peak that the master may have."""
        return self.true_peak_dbtp if self.true_peak_dbtp is not None else self.chosen.ceiling_dbtp


def parse(body: Mapping[str, Any]) -> MasterRequest:
    """The checked request. Raises VALIDATION with every field that has to change."""
    request = validated(MasterRequest, body)
    wrong = list(_violations(request))
    if wrong:
        raise refused(wrong)
    return request


def _violations(request: MasterRequest) -> Iterator[FieldViolation]:
    if request.reference_track_id == request.track_id:
        yield FieldViolation(
            "/reference_track_id", "The reference has to be another track than the one that is mastered."
        )
    if request.target_lufs is not None and request.target_lufs > request.ceiling_dbtp - _CLOSEST_LU:
        yield FieldViolation(
            "/target_lufs",
            f"A target of {request.target_lufs:g} LUFS cannot be met below {request.ceiling_dbtp:g} dBTP: "
            f"leave at least {_CLOSEST_LU:g} dB between them.",
        )
