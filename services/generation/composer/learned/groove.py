"""How a human drummer plays a pattern: accents and microtiming from `groove.safetensors` (see MODEL_CARD.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

STYLES: Final = ("rock", "funk", "jazz", "latin", "hiphop", "reggae")
_LANES: Final = ("kick", "snare", "rim", "hat", "open", "pedal", "ride", "bell", "crash", "tom")
_STEPS: Final = 16

# Hands on other instruments move like the limb that plays their part of the pattern.
_LIKE: Final = {
    "kick2": "kick", "snare2": "snare", "clap": "snare", "timbale": "snare", "timbale_low": "snare", "china": "crash",
    "splash": "crash", "cowbell": "bell", "agogo": "bell", "agogo_low": "bell", "triangle": "bell", "claves": "rim",
    "woodblock": "rim", "tom1": "tom", "tom2": "tom", "tom3": "tom", "tom4": "tom", "tom5": "tom", "bongo": "tom",
    "bongo_low": "tom", "conga": "tom", "conga_low": "tom", "conga_mute": "tom",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stroke:
    """What the tables say of one limb at one place: means and deviations, in MIDI velocity and milliseconds."""

    accent: float
    accent_sd: float
    offset_ms: float
    offset_sd_ms: float


class Groove:
    """The tables. `drift` is how much of the drummer's common error lasts until the next stroke, `common` and `own`
    are the factors of the common and of each limb's own error (their squares sum to one)."""

    def __init__(self, tables: dict[str, Any]) -> None:
        drift, share, _ = (int(value) / 1000.0 for value in tables["memory"])
        self.drift = drift
        self.fresh = math.sqrt(1.0 - drift * drift)
        self.common = math.sqrt(share)
        self.own = math.sqrt(1.0 - share)
        self._strokes = {
            (style, lane, step): Stroke(
                accent=int(tables["accent"][i, j, step]) / 16.0,
                accent_sd=int(tables["accent_sd"][i, j, step]) / 16.0,
                offset_ms=int(tables["offset"][i, j, step]) / 100.0,
                offset_sd_ms=int(tables["offset_sd"][i, j, step]) / 100.0,
            )
            for i, style in enumerate(STYLES)
            for j, lane in enumerate(_LANES)
            for step in range(_STEPS)
        }

    def stroke(self, style: str, lane: str, step: int) -> Stroke:
        """One limb at a sixteenth of the bar. KeyError for an unknown style; unknown lanes play like the hi-hat."""
        lane = _LIKE.get(lane, lane)
        return self._strokes[style, lane if lane in _LANES else "hat", step % _STEPS]


@cache
def learned_groove() -> Groove:
    """The tables of the package, read once."""
    # Here and not above: the gRPC server reads requests without numpy.
    from safetensors.numpy import load_file

    return Groove(load_file(Path(__file__).with_name("groove.safetensors")))
