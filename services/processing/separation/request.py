"""What a separation is asked for, checked. Imports nothing heavy: the gRPC server reads requests too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.processing.jobs.parsing import refused, validated
from services.processing.separation.catalogue import DEFAULT_MODEL, HYBRID, SEPARATORS
from services.processing.separation.plan import ResidualPolicy, plan_karaoke, plan_outputs
from services.shared.errors import AppError, FieldViolation

_Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class SeparateRequest(BaseModel):
    """The body of a separation.

    `stems` None asks for all that the model has. `residual` says what becomes of sound that no stem holds: "fold" adds
    it to the accompaniment (or "other"), so that the stems sum to the mix; "stem" makes a track of it; "drop" leaves
    the stems as the model gives them. `preset` "karaoke" makes one track without the vocals, or with them at
    `guide_vocals_db`. `weights` are the hybrid's: how much each member counts for a stem.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    track_id: Annotated[str, Field(min_length=1, max_length=64)]
    model: Annotated[str, Field(min_length=1, max_length=80)] = DEFAULT_MODEL
    stems: Annotated[tuple[str, ...] | None, Field(min_length=1, max_length=16)] = None
    preset: Literal["karaoke"] | None = None
    residual: ResidualPolicy = "fold"
    guide_vocals_db: Annotated[float | None, Field(ge=-60, le=0, allow_inf_nan=False)] = None
    weights: Mapping[str, Mapping[str, _Weight]] | None = None

    @property
    def guide_gain(self) -> float:
        """The linear gain of the vocals in a karaoke track."""
        return 0.0 if self.guide_vocals_db is None else float(10.0 ** (self.guide_vocals_db / 20.0))


def parse(body: Mapping[str, Any]) -> SeparateRequest:
    """The checked request. Raises VALIDATION with every field that has to change."""
    request = validated(SeparateRequest, body)
    wrong = _violations(request)
    if wrong:
        raise refused(wrong)
    return request


def track_count(request: SeparateRequest) -> int:
    """How many tracks it will make, the residual among them."""
    if request.preset == "karaoke":
        return 1
    info = SEPARATORS[request.model]
    return len(plan_outputs(info.stems, info.rest, request.stems, request.residual))


def _violations(request: SeparateRequest) -> list[FieldViolation]:
    wrong = []
    if request.model not in SEPARATORS:
        return [FieldViolation("/model", f"Choose one of {', '.join(SEPARATORS)}.")]
    if request.stems is not None and len(set(request.stems)) < len(request.stems):
        wrong.append(FieldViolation("/stems", "Name each stem once."))
    if request.preset == "karaoke" and request.stems is not None:
        wrong.append(FieldViolation("/stems", "The karaoke preset chooses the stems itself; leave this out."))
    if request.guide_vocals_db is not None and request.preset != "karaoke":
        wrong.append(FieldViolation("/guide_vocals_db", "This belongs to the karaoke preset."))
    wrong += _weight_violations(request)
    info = SEPARATORS[request.model]
    if not wrong:
        try:
            if request.preset == "karaoke":
                plan_karaoke(info.stems, request.guide_gain)
            else:
                plan_outputs(info.stems, info.rest, request.stems, request.residual)
        except AppError as error:
            wrong += error.violations
    return wrong


def _weight_violations(request: SeparateRequest) -> list[FieldViolation]:
    if request.weights is None:
        return []
    if request.model != HYBRID:
        return [FieldViolation("/weights", "Only the hybrid has weights.")]
    members = (*SEPARATORS[HYBRID].members, *SEPARATORS[HYBRID].guests)
    wrong = []
    for stem, by_member in request.weights.items():
        pointer = f"/weights/{stem}"
        if stem not in SEPARATORS[HYBRID].stems:
            wrong.append(FieldViolation(pointer, f"Choose stems from {', '.join(SEPARATORS[HYBRID].stems)}."))
        elif not by_member or not set(by_member) <= set(members):
            wrong.append(FieldViolation(pointer, f"Give weights to some of {', '.join(members)}."))
        elif sum(by_member.values()) <= 0:
            wrong.append(FieldViolation(pointer, "One weight has to be above 0."))
        elif not any(by_member.get(member, 0) > 0 and stem in SEPARATORS[member].stems for member in members):
            able = " or ".join(member for member in members if stem in SEPARATORS[member].stems)
            wrong.append(FieldViolation(pointer, f"Only {able} know this stem; give one a weight above 0."))
    return wrong
