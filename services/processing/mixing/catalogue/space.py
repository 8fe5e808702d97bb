"""Rooms and echoes: names, ranges and defaults."""

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
    switch,
)

SPACES: Final = ("room", "hall", "plate", "spring")

# Length in quarter notes; "d" is dotted, "t" a triplet.
NOTES: Final = {
    "1/1": 4.0,
    "1/2d": 3.0,
    "1/2": 2.0,
    "1/2t": 4.0 / 3.0,
    "1/4d": 1.5,
    "1/4": 1.0,
    "1/4t": 2.0 / 3.0,
    "1/8d": 0.75,
    "1/8": 0.5,
    "1/8t": 1.0 / 3.0,
    "1/16d": 0.375,
    "1/16": 0.25,
    "1/16t": 1.0 / 6.0,
    "1/32": 0.125,
}
SYNC_CHOICES: Final = ("off", *NOTES)
LONGEST_DELAY_MS: Final = 4_000.0


def note_seconds(note: str, tempo_bpm: float) -> float:
    """How long a note lasts."""
    return NOTES[note] * 60.0 / tempo_bpm


SPACE: Final = (
    EffectType(
        "reverb",
        "Reverb",
        "space",
        "An algorithmic room: a feedback delay network of eight lines.",
        (
            Parameter("decay_seconds", "Decay (T60)", 1.8, 0.1, 20.0, "s", "log"),
            Parameter("size", "Size", 1.0, 0.25, 2.0, automatable=False),
            milliseconds("predelay_ms", "Pre-delay", 15.0, 0.0, 250.0, fixed=True),
            hertz("damping_hz", "Damping", 6_000.0, 500.0, 20_000.0),
            hertz("low_cut_hz", "Low cut", 120.0, 20.0, 1_000.0),
            fraction("modulation", "Modulation", 0.5),
            fraction("width", "Width", 1.0),
            mix(0.3),
        ),
        tail=True,
    ),
    EffectType(
        "convolution_reverb",
        "Convolution reverb",
        "space",
        "The response of a room, hall, plate or spring, made by this program.",
        (
            choice("space", "Space", SPACES, "hall"),
            Parameter("decay_seconds", "Decay (T60)", 1.8, 0.2, 8.0, "s", "log", automatable=False),
            milliseconds("predelay_ms", "Pre-delay", 10.0, 0.0, 250.0, fixed=True),
            hertz("low_cut_hz", "Low cut", 100.0, 20.0, 1_000.0),
            hertz("high_cut_hz", "High cut", 12_000.0, 1_000.0, 20_000.0),
            mix(0.3),
        ),
        tail=True,
    ),
    EffectType(
        "delay",
        "Delay",
        "space",
        "Echoes, free or in time with the song; ping-pong sends them from side to side.",
        (
            milliseconds("time_ms", "Time", 375.0, 1.0, LONGEST_DELAY_MS),
            choice("sync", "Note", SYNC_CHOICES, "off"),
            fraction("feedback", "Feedback", 0.35, 0.0, 0.95),
            switch("ping_pong", "Ping-pong", default=False),
            hertz("low_cut_hz", "Low cut of repeats", 20.0, 20.0, 2_000.0),
            hertz("high_cut_hz", "High cut of repeats", 20_000.0, 500.0, 20_000.0),
            mix(0.3),
        ),
        tail=True,
    ),
)
