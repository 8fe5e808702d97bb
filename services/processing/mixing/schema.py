"""What the API serves about the mixer: effects, channel and clip parameters, curves and limits, as JSON."""

from __future__ import annotations

from typing import Any

from services.processing.mixing import limits
from services.processing.mixing.catalogue.channel import CHANNEL, CLIP, PAN_LAWS
from services.processing.mixing.catalogue.effects import EFFECTS
from services.processing.mixing.session import AUTOMATION_CURVES, FADE_CURVES


def effect_schema() -> dict[str, Any]:
    """Effects with their parameters (name, title, unit, min, max, default, scale), and what surrounds them.

    Requests are checked against the same data, so what is described here is what is accepted.
    """
    return {
        "version": 1,
        "effects": [effect.schema() for effect in EFFECTS.values()],
        "channel": [parameter.schema() for parameter in CHANNEL.values()],
        "clip": [parameter.schema() for parameter in CLIP.values()],
        "pan_laws": list(PAN_LAWS),
        "automation_curves": list(AUTOMATION_CURVES),
        "fade_curves": list(FADE_CURVES),
        "limits": {
            "tracks": limits.TRACKS,
            "buses": limits.BUSES,
            "effects": limits.EFFECTS,
            "sends": limits.SENDS,
            "clips": limits.CLIPS,
            "automation_lanes": limits.LANES,
            "automation_points": limits.POINTS,
            "duration_seconds": limits.LONGEST_SECONDS,
        },
    }
