"""About how much a job will store: held of its owner's room until it ends, when what it really stored takes its place.

High rather than low: what was held too much comes back within minutes, what was held too little fills somebody's disk.
"""

from __future__ import annotations

from typing import Final, Protocol

from services.processing.media.formats import Target, output_rate_hz

# FLAC of music takes 0.5 to 0.7 of its samples.
_FLAC_SHARE: Final = 2.0 / 3.0
_MASTER_BYTES: Final = 3
# Formats whose audio is no larger as FLAC than it was sent; of the others a second becomes about a tenth to a fifth.
_LOSSLESS_ENDINGS: Final = (".wav", ".wave", ".aif", ".aiff", ".aifc", ".flac", ".rf64", ".w64")
_LOSSY_GROWTH: Final = 8
# Notes, tables and pictures.
PAPER_BYTES: Final = 1 << 20
PICTURE_BYTES: Final = 4 << 20


class Sound(Protocol):
    """How long and how fine a source is."""

    @property
    def duration_seconds(self) -> float:
        """Length."""

    @property
    def sample_rate_hz(self) -> int:
        """Frames of a second."""

    @property
    def channels(self) -> int:
        """Samples of a frame."""


def master_bytes(seconds: float, rate_hz: int, channels: int) -> int:
    """A lossless master (FLAC of 24 bit) of so much sound."""
    return round(max(0.0, seconds) * rate_hz * channels * _MASTER_BYTES * _FLAC_SHARE)


def version_bytes(sound: Sound) -> int:
    """Another lossless version of a source."""
    return master_bytes(sound.duration_seconds, sound.sample_rate_hz, sound.channels)


def converted_bytes(sound: Sound, target: Target) -> int:
    """A source in another format."""
    rate_hz = output_rate_hz(target, sound.sample_rate_hz)
    if not target.format.lossless:
        return round(sound.duration_seconds * (target.bitrate or 320_000) / 8)
    samples = sound.duration_seconds * rate_hz * sound.channels
    share = 1.0 if target.format.name == "wav" else _FLAC_SHARE
    return round(samples * (target.bit_depth or 24) / 8 * share)


def imported_bytes(filename: str, size_bytes: int) -> int:
    """The master of a file that somebody sent."""
    return size_bytes * (1 if filename.lower().endswith(_LOSSLESS_ENDINGS) else _LOSSY_GROWTH)
