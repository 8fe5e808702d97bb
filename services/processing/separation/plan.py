"""From a model's stems to the tracks that were asked for: each is a weighted sum of the mix and the stems. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.processing.separation.catalogue import ACCOMPANIMENT, RESIDUAL, VOCALS
from services.shared.errors import AppError

ResidualPolicy = Literal["fold", "stem", "drop"]


@dataclass(frozen=True, slots=True)
class Output:
    """One track to write: `mix_gain` × mix + Σ `stem_gains[i]` × stem i (linear gains, the model's stem order)."""

    name: str
    mix_gain: float
    stem_gains: tuple[float, ...]


def plan_outputs(
    stems: Sequence[str], rest: str, wanted: Sequence[str] | None, residual: ResidualPolicy
) -> tuple[Output, ...]:
    """What to write. `rest` is the stem that takes the residual ("" for none), `wanted` None stands for all stems.

    With "fold" and all stems, and with "stem" always, the outputs of all stems (and the residual) sum to the mix.
    Raises VALIDATION for a stem that the model does not yield.
    """
    offered = tuple(stems) + ((ACCOMPANIMENT,) if VOCALS in stems and ACCOMPANIMENT not in stems else ())
    for index, name in enumerate(wanted or ()):
        if name not in offered:
            raise AppError.field(
                f"/stems/{index}", f"This model has no stem {name!r}. Choose from {', '.join(offered)}."
            )
    outputs = [_output(stems, name, fold=residual == "fold" and name == rest) for name in wanted or stems]
    # A model without a stem for the rest cannot fold: what is left over gets a track of its own, or would be lost.
    if residual == "stem" or (residual == "fold" and not rest and wanted is None):
        outputs.append(Output(RESIDUAL, 1.0, (-1.0,) * len(stems)))
    return tuple(outputs)


def plan_karaoke(stems: Sequence[str], guide_gain: float) -> tuple[Output, ...]:
    """The mix with its vocals at `guide_gain` (linear; 0: gone). Raises VALIDATION for a model without vocals."""
    if VOCALS not in stems:
        raise AppError.field("/model", "Karaoke needs a model that finds vocals.")
    return (Output("karaoke", 1.0, tuple(guide_gain - 1.0 if stem == VOCALS else 0.0 for stem in stems)),)


def _output(stems: Sequence[str], name: str, *, fold: bool) -> Output:
    if name == ACCOMPANIMENT and name not in stems:
        return Output(name, 1.0, tuple(-1.0 if stem == VOCALS else 0.0 for stem in stems))
    if fold:
        return Output(name, 1.0, tuple(0.0 if stem == name else -1.0 for stem in stems))
    return Output(name, 0.0, tuple(1.0 if stem == name else 0.0 for stem in stems))
