"""Effects that follow the level: names, ranges and defaults."""

from __future__ import annotations

from typing import Final

from services.processing.mixing.catalogue.parameter import (
    EffectType,
    Parameter,
    choice,
    decibels,
    fraction,
    hertz,
    milliseconds,
    mix,
)

MULTIBAND_NAMES: Final = ("low", "mid", "high")


def _ratio(name: str, title: str, default: float) -> Parameter:
    return Parameter(name, title, default, 1.0, 100.0, ":1", "log")


def _times(attack: float, release: float, prefix: str = "") -> tuple[Parameter, Parameter]:
    return (
        milliseconds(f"{prefix}attack_ms", "Attack", attack, 0.05, 500.0),
        milliseconds(f"{prefix}release_ms", "Release", release, 1.0, 5_000.0),
    )


def _threshold(default: float) -> Parameter:
    return decibels("threshold_db", "Threshold", default, -80.0, 0.0)


def _band(name: str) -> tuple[Parameter, ...]:
    title = name.capitalize()
    return (
        decibels(f"{name}_threshold_db", f"{title} threshold", -24.0, -80.0, 0.0),
        _ratio(f"{name}_ratio", f"{title} ratio", 2.0),
        milliseconds(f"{name}_attack_ms", f"{title} attack", 10.0, 0.05, 500.0),
        milliseconds(f"{name}_release_ms", f"{title} release", 150.0, 1.0, 5_000.0),
        decibels(f"{name}_gain_db", f"{title} gain", 0.0, -24.0, 24.0),
    )


DYNAMICS: Final = (
    EffectType(
        "compressor",
        "Compressor",
        "dynamics",
        "Turns down what is above the threshold; feed-forward, both sides alike.",
        (
            _threshold(-18.0),
            _ratio("ratio", "Ratio", 4.0),
            decibels("knee_db", "Knee", 6.0, 0.0, 36.0),
            *_times(10.0, 120.0),
            decibels("makeup_db", "Make-up", 0.0, -24.0, 36.0),
            choice("detector", "Detector", ("peak", "rms"), "peak"),
            milliseconds("lookahead_ms", "Look-ahead", 0.0, 0.0, 20.0, fixed=True),
            mix(),
        ),
        sidechain=True,
    ),
    EffectType(
        "multiband_compressor",
        "Multiband compressor",
        "dynamics",
        "Three compressors, one for each part of the spectrum, split by Linkwitz–Riley crossovers.",
        (
            hertz("low_crossover_hz", "Low crossover", 160.0, 40.0, 1_000.0),
            hertz("high_crossover_hz", "High crossover", 3_200.0, 1_000.0, 16_000.0),
            *(parameter for name in MULTIBAND_NAMES for parameter in _band(name)),
            mix(),
        ),
    ),
    EffectType(
        "gate",
        "Gate",
        "dynamics",
        "Closes when the sound falls below the threshold, and stays open for the hold time.",
        (
            _threshold(-50.0),
            decibels("hysteresis_db", "Hysteresis", 4.0, 0.0, 24.0),
            decibels("range_db", "Range", -80.0, -96.0, 0.0),
            milliseconds("hold_ms", "Hold", 30.0, 0.0, 2_000.0),
            *_times(1.0, 120.0),
            mix(),
        ),
        sidechain=True,
    ),
    EffectType(
        "expander",
        "Expander",
        "dynamics",
        "Turns down what is below the threshold, the more the further below.",
        (
            _threshold(-40.0),
            _ratio("ratio", "Ratio", 2.0),
            decibels("knee_db", "Knee", 6.0, 0.0, 36.0),
            decibels("range_db", "Range", -40.0, -96.0, 0.0),
            *_times(5.0, 120.0),
            mix(),
        ),
        sidechain=True,
    ),
    EffectType(
        "de_esser",
        "De-esser",
        "dynamics",
        "Turns down the highs while they stand out: sharp sibilants of a voice.",
        (
            hertz("frequency_hz", "Frequency", 6_000.0, 1_000.0, 16_000.0),
            _threshold(-30.0),
            _ratio("ratio", "Ratio", 4.0),
            decibels("range_db", "Range", -18.0, -48.0, 0.0),
            *_times(0.5, 60.0),
            mix(),
        ),
    ),
    EffectType(
        "limiter",
        "True-peak limiter",
        "dynamics",
        "Holds the true peak at the ceiling; it looks 5 ms ahead.",
        (
            decibels("gain_db", "Input gain", 0.0, -24.0, 36.0),
            Parameter("ceiling_dbtp", "Ceiling", -1.0, -24.0, 0.0, "dBTP", "db"),
            milliseconds("release_ms", "Release", 80.0, 5.0, 2_000.0),
        ),
    ),
    EffectType(
        "transient_shaper",
        "Transient shaper",
        "dynamics",
        "Louder or softer beginnings and endings of each note, whatever its level.",
        (
            decibels("attack_db", "Attack", 0.0, -15.0, 15.0),
            decibels("sustain_db", "Sustain", 0.0, -15.0, 15.0),
            fraction("speed", "Speed", 1.0, 0.25, 4.0),
            mix(),
        ),
    ),
)
