"""What an analysis is asked for, checked."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from services.processing.analysis.colours import DEFAULT, SCHEMES

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
    # Colours of the pictures.
    scheme: Annotated[str, Field(max_length=32)] = DEFAULT

    @field_validator("scheme")
    @classmethod
    def _known(cls, scheme: str) -> str:
        if scheme not in SCHEMES:
            raise ValueError(f"Choose one of {', '.join(SCHEMES)}.")
        return scheme

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
