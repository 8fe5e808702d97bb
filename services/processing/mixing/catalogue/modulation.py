"""Effects that an oscillator moves: names, ranges and defaults."""

from __future__ import annotations

from typing import Final

from services.processing.mixing.catalogue.parameter import (
    EffectType,
    Parameter,
    choice,
    fraction,
    hertz,
    milliseconds,
    mix,
)
from services.processing.mixing.catalogue.space import SYNC_CHOICES

SHAPES: Final = ("sine", "triangle", "square", "saw")
STAGES: Final = ("4", "6", "8", "12")


def _rate(default: float) -> Parameter:
    return Parameter("rate_hz", "Rate", default, 0.01, 20.0, "Hz", "log")


def _stereo(default: float) -> Parameter:
    return Parameter("stereo_degrees", "Stereo phase", default, 0.0, 180.0, "°")


MODULATION: Final = (
    EffectType(
        "chorus",
        "Chorus",
        "modulation",
        "Copies of the sound, slightly late and slightly out of tune.",
        (
            _rate(0.6),
            milliseconds("delay_ms", "Delay", 12.0, 1.0, 40.0),
            milliseconds("depth_ms", "Depth", 3.0, 0.0, 20.0),
            fraction("feedback", "Feedback", 0.0, -0.9, 0.9),
            _stereo(90.0),
            mix(0.5),
        ),
    ),
    EffectType(
        "flanger",
        "Flanger",
        "modulation",
        "A comb filter that moves: a very short delay with feedback.",
        (
            _rate(0.25),
            milliseconds("delay_ms", "Delay", 1.5, 0.1, 10.0),
            milliseconds("depth_ms", "Depth", 1.2, 0.0, 8.0),
            fraction("feedback", "Feedback", 0.5, -0.95, 0.95),
            _stereo(90.0),
            mix(0.5),
        ),
    ),
    EffectType(
        "phaser",
        "Phaser",
        "modulation",
        "All-pass filters that move notches through the spectrum.",
        (
            _rate(0.4),
            choice("stages", "Stages", STAGES, "6"),
            hertz("frequency_hz", "Centre", 800.0, 100.0, 8_000.0),
            Parameter("depth_octaves", "Depth", 1.5, 0.0, 4.0, "octaves"),
            fraction("feedback", "Feedback", 0.3, -0.9, 0.9),
            _stereo(60.0),
            mix(0.5),
        ),
    ),
    EffectType(
        "tremolo",
        "Tremolo and auto-pan",
        "modulation",
        "Moves the level; with a stereo phase of 180° it moves the sound from side to side.",
        (
            _rate(5.0),
            choice("sync", "Note", SYNC_CHOICES, "off"),
            fraction("depth", "Depth", 0.6),
            choice("shape", "Shape", SHAPES, "sine"),
            _stereo(0.0),
            mix(),
        ),
    ),
)
