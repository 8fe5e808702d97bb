"""What the catalogue says about the composer. Light: the server reads it without the sampler or the genres."""

from __future__ import annotations

from services.generation.backends.protocol import ModelDescription

MODEL_ID = "composer"
"""Id of the one model of this family."""

REVISION = "composer-8"
"""Changes whenever the same request and seed would give other notes or another sound."""

MAX_SECONDS = 600.0
"""Longest song."""

SOUNDFONT_BYTES = 40_000_000
"""About what the instruments take on disk."""

DESCRIPTION = ModelDescription(
    id=MODEL_ID,
    family="composer",
    title="Composer",
    description=(
        "Writes and plays a song in one of 28 styles: form, harmony, bass, drums and melody from music theory, played "
        "by sampled instruments. Works offline on any computer, in a few seconds, with editable stems and MIDI. "
        "Instrumental only."
    ),
    licence="Free to use and sell (instruments: MuseScore_General, MIT)",
    commercial_use=True,
    size_bytes=SOUNDFONT_BYTES,
    sample_rate_hz=44_100,
    channels=2,
    max_duration_seconds=MAX_SECONDS,
    default_duration_seconds=30.0,
    conditioning=("text", "structure"),
    outputs=("audio", "stems", "midi"),
    parameters=("bpm", "key", "structure", "spec", "variation_of", "regenerate", "continue_from_id", "continue_at"),
    revision=REVISION,
    continues_from="notes",
    attributions=(
        "MuseScore_General SoundFont by S. Christian Collins and others, MIT licence "
        "(based on FluidR3 by Frank Wen, MIT licence)",
    ),
)
"""The composer as the catalogue shows it."""
