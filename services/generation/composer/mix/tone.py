"""How each kind of part is treated before anybody asks: a mixing engineer's habits, as data.

Every part enters its strip at `REFERENCE_LUFS`, so thresholds mean the same for a whisper of a flute and a wall of
guitars.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.generation.composer.mix.dynamics import CompressorSettings

REFERENCE_LUFS = -20.0
"""Loudness to which each part is brought before its own `gain_db`."""


@dataclass(frozen=True, slots=True)
class Bell:
    """One band of the equaliser."""

    frequency_hz: float
    gain_db: float
    q: float = 1.0


@dataclass(frozen=True, slots=True)
class Tone:
    """Equaliser, compressor, drive and least width of a kind of part. `drive_db` below zero bends only peaks."""

    low_cut_hz: float
    bells: tuple[Bell, ...] = ()
    shelf_hz: float = 9_000.0
    shelf_db: float = 0.0
    width: float = 0.0
    compressor: CompressorSettings | None = None
    drive_db: float | None = None


PRESENCE = Bell(3_200.0, 0.0, 0.6)
"""The band that decides whether a sound is in front, lost or sharp; the sound check sets its gain for each part."""

TONES: dict[str, Tone] = {
    # Transients stay, what rings between them comes up; the drive rounds the tallest peaks. Sampled cymbals are
    # closer than on any record: the shelf moves them back.
    "drums": Tone(
        low_cut_hz=28.0,
        bells=(Bell(65.0, 2.5, 0.9), Bell(380.0, -2.0, 0.9)),
        shelf_hz=6_000.0,
        shelf_db=-4.5,
        compressor=CompressorSettings(-12.0, 2.5, 0.012, 0.12),
        drive_db=-3.0,
        width=0.3,
    ),
    # Even from note to note, with a little growl that small speakers can play.
    "bass": Tone(
        low_cut_hz=32.0,
        bells=(Bell(250.0, -2.0, 0.8), Bell(900.0, 1.5, 0.8)),
        compressor=CompressorSettings(-18.0, 3.0, 0.02, 0.15, detector_seconds=0.01),
        drive_db=-2.0,
    ),
    # Out of the way of bass and voice.
    "chords": Tone(
        low_cut_hz=90.0,
        bells=(Bell(320.0, -2.0, 0.9),),
        shelf_db=1.5,
        compressor=CompressorSettings(-14.0, 1.8, 0.025, 0.2),
        width=0.6,
    ),
    "melody": Tone(
        low_cut_hz=110.0,
        shelf_db=1.5,
        compressor=CompressorSettings(-16.0, 2.2, 0.015, 0.15),
        width=0.25,
    ),
    "other": Tone(low_cut_hz=90.0, shelf_db=2.0, compressor=CompressorSettings(-14.0, 1.8, 0.02, 0.2), width=0.6),
}
"""Treatment by stem."""
