"""What an analysis is asked for, checked."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

Feature = Literal[
    "tempo", "beats", "key", "chords", "sections", "loudness", "spectrum", "energy", "spectrogram", "waveform"
]
FEATURES: Final[tuple[Feature, ...]] = get_args(Feature)
# What needs to be listened to as music, frame by frame.
MUSICAL: Final[frozenset[Feature]] = frozenset({"tempo", "beats", "key", "chords", "sections"})


class AnalyzeRequest(BaseModel):
    """The body of an analysis. Without `features` everything is looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    track_id: Annotated[str, Field(min_length=1, max_length=64)]
    features: tuple[Feature, ...] = FEATURES

    @field_validator("features")
    @classmethod
    def _each_once(cls, features: tuple[Feature, ...]) -> tuple[Feature, ...]:
        if not features:
            raise ValueError("Name at least one feature, or leave the field out for all of them.")
        if len(set(features)) < len(features):
            raise ValueError("Name each feature once.")
        return features

    @property
    def wanted(self) -> frozenset[Feature]:
        """The features that were asked for."""
        return frozenset(self.features)
