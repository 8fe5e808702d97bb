"""Effects that bend the waveform or its pitch: names, ranges and defaults."""

from __future__ import annotations

from typing import Final

from services.processing.mixing.catalogue.parameter import (
    EffectType,
    Parameter,
    choice,
    decibels,
    hertz,
    mix,
    switch,
)

CURVES: Final = ("soft", "tape", "tube", "hard")

COLOUR: Final = (
    EffectType(
        "saturation",
        "Saturation",
        "colour",
        "Warmth and grit: a curve bends loud samples, at four times the sample rate.",
        (
            decibels("drive_db", "Drive", 6.0, 0.0, 48.0),
            choice("curve", "Curve", CURVES, "soft"),
            hertz("tone_hz", "Tone", 20_000.0, 500.0, 20_000.0),
            decibels("output_db", "Output", 0.0, -36.0, 12.0),
            mix(),
        ),
    ),
    EffectType(
        "bitcrusher",
        "Bitcrusher",
        "colour",
        "Fewer bits and fewer samples, as old machines had them.",
        (
            Parameter("bits", "Bits", 8.0, 1.0, 24.0, "bit"),
            hertz("rate_hz", "Sample rate", 11_025.0, 200.0, 96_000.0),
            mix(),
        ),
    ),
    EffectType(
        "pitch_shift",
        "Pitch shift",
        "pitch",
        "Higher or lower without a change of speed; a phase vocoder with locked phases.",
        (
            Parameter("semitones", "Semitones", 0.0, -24.0, 24.0, "semitones"),
            switch("keep_attacks", "Keep attacks", default=True),
            mix(),
        ),
    ),
)
