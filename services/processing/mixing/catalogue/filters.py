"""Equaliser and filters: names, ranges and defaults."""

from __future__ import annotations

from typing import Final

from services.processing.mixing.catalogue.parameter import (
    EffectType,
    Parameter,
    choice,
    decibels,
    hertz,
    mix,
)

BANDS: Final = 6
BAND_SHAPES: Final = ("off", "bell", "low_shelf", "high_shelf", "notch", "low_cut", "high_cut")
SLOPES: Final = ("12", "24", "48")

_BAND_HZ: Final = (80.0, 200.0, 600.0, 1_800.0, 5_000.0, 10_000.0)


def _q(name: str, default: float = 0.7071) -> Parameter:
    return Parameter(name, "Q", default, 0.1, 24.0, "", "log")


def _band(number: int) -> tuple[Parameter, ...]:
    shape = {1: "low_shelf", BANDS: "high_shelf"}.get(number, "bell")
    return (
        choice(f"band{number}_shape", f"Band {number} shape", BAND_SHAPES, shape),
        hertz(f"band{number}_frequency_hz", f"Band {number} frequency", _BAND_HZ[number - 1]),
        decibels(f"band{number}_gain_db", f"Band {number} gain", 0.0, -24.0, 24.0),
        _q(f"band{number}_q"),
    )


def _cut(effect: str, title: str, description: str, default_hz: float) -> EffectType:
    return EffectType(
        effect,
        title,
        "filter",
        description,
        (hertz("frequency_hz", "Cutoff", default_hz), _q("q"), choice("slope", "Slope (dB/oct)", SLOPES, "12"), mix()),
    )


FILTERS: Final = (
    EffectType(
        "equalizer",
        "Parametric equaliser",
        "filter",
        "Six bands in series: bells, shelves, notches and cuts.",
        (*(parameter for number in range(1, BANDS + 1) for parameter in _band(number)), mix()),
    ),
    _cut("high_pass", "High-pass filter", "Takes away what lies below the cutoff.", 80.0),
    _cut("low_pass", "Low-pass filter", "Takes away what lies above the cutoff.", 8_000.0),
)
