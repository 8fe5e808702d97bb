"""The parameters that every channel, send and clip has: the other half of what automation can move."""

from __future__ import annotations

from typing import Final

from services.processing.mixing.catalogue.parameter import SILENCE_DB, Parameter, decibels, fraction

PAN_LAWS: Final = ("balance", "constant_power", "-4.5", "linear")

GAIN: Final = decibels("gain_db", "Gain", 0.0, SILENCE_DB, 24.0)
PAN: Final = fraction("pan", "Pan", 0.0, -1.0, 1.0)
WIDTH: Final = fraction("width", "Width", 1.0, 0.0, 2.0)

CHANNEL: Final[dict[str, Parameter]] = {item.name: item for item in (GAIN, PAN, WIDTH)}

STRETCH: Final = Parameter("stretch", "Time stretch", 1.0, 0.25, 4.0, "×", "log", automatable=False)
PITCH: Final = Parameter("pitch_semitones", "Pitch", 0.0, -24.0, 24.0, "semitones", automatable=False)

CLIP: Final[dict[str, Parameter]] = {item.name: item for item in (STRETCH, PITCH)}
