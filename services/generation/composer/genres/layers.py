"""Short ways to write a genre's layers: each function fills in what that kind of part usually wants."""

from __future__ import annotations

from typing import Any

from services.generation.composer.genres.profile import BASS_GAIN_DB, Layer

Levels = tuple[tuple[str, ...], ...]


def bass(program: int | tuple[int, ...], patterns: Levels, **changes: Any) -> Layer:
    """A bass line: E1 to E3, dry, in the middle."""
    settings: dict[str, Any] = {
        "low": 28,
        "high": 47,
        "velocity": 92,
        "enters": 0.3,
        "gain_db": BASS_GAIN_DB,
        "reverb_db": -36.0,
        "low_cut_hz": 30.0,
        "high_cut_hz": 6_000.0,
        "gate": 0.94,
        "timing_ms": 5.0,
        "velocity_sd": 5.0,
    }
    return Layer("bass", "bass", "bass", _programs(program), patterns, **{**settings, **changes})


def chords(name: str, program: int | tuple[int, ...], patterns: Levels, **changes: Any) -> Layer:
    """A chordal instrument around middle C."""
    return Layer(name, "chords", "chords", _programs(program), patterns, **{"low": 50, "high": 74, **changes})


def pad(name: str, program: int | tuple[int, ...], **changes: Any) -> Layer:
    """Held chords behind everything."""
    settings: dict[str, Any] = {
        "low": 48,
        "high": 76,
        "velocity": 62,
        "enters": 0.45,
        "gain_db": -9.0,
        "reverb_db": -10.0,
        "low_cut_hz": 180.0,
        "timing_ms": 4.0,
        "velocity_sd": 3.0,
        "style": "open",
    }
    return Layer(name, "other", "pad", _programs(program), **{**settings, **changes})


def melody(program: int | tuple[int, ...], **changes: Any) -> Layer:
    """The tune."""
    settings: dict[str, Any] = {
        "low": 60,
        "high": 81,
        "velocity": 90,
        "gain_db": -1.5,
        "reverb_db": -14.0,
        "delay_db": -22.0,
        "low_cut_hz": 160.0,
        "timing_ms": 8.0,
        "velocity_sd": 6.0,
    }
    return Layer("melody", "melody", "melody", _programs(program), **{**settings, **changes})


def double(program: int | tuple[int, ...], **changes: Any) -> Layer:
    """The tune again, a third below or an octave away, in loud sections."""
    settings: dict[str, Any] = {
        "low": 52,
        "high": 86,
        "velocity": 76,
        "enters": 0.78,
        "only": frozenset({"chorus", "drop", "climax", "theme", "head", "solo"}),
        "gain_db": -8.0,
        "pan": 0.3,
        "reverb_db": -12.0,
        "low_cut_hz": 160.0,
    }
    return Layer("double", "melody", "double", _programs(program), **{**settings, **changes})


def counter(program: int | tuple[int, ...], **changes: Any) -> Layer:
    """A slow second voice of guide tones."""
    settings: dict[str, Any] = {
        "low": 55,
        "high": 76,
        "velocity": 70,
        "enters": 0.62,
        "gain_db": -8.5,
        "pan": -0.3,
        "reverb_db": -10.0,
        "low_cut_hz": 160.0,
        "gate": 0.97,
    }
    return Layer("counter", "other", "counter", _programs(program), **{**settings, **changes})


def riser(program: int = 119, **changes: Any) -> Layer:
    """A reversed cymbal (or another swell) into louder sections."""
    settings: dict[str, Any] = {
        "low": 60,
        "high": 60,
        "velocity": 84,
        "enters": 0.6,
        "gain_db": -12.0,
        "reverb_db": -12.0,
    }
    return Layer("riser", "other", "riser", _programs(program), **{**settings, **changes})


def _programs(program: int | tuple[int, ...]) -> tuple[int, ...]:
    return program if isinstance(program, tuple) else (program,)
