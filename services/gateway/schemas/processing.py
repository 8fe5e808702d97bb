"""Bodies of processing calls.

Only what every caller meets first is described here; the processing service checks each request in full and names
the fields that have to change, so that what its kinds learn can be asked for without a new gateway.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.schemas.body import Body

# m4a needs an encoder that not every server has; the processing service then says so.
ConvertFormat = Literal["wav", "flac", "mp3", "ogg", "opus", "m4a"]

_TRACK = "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"
TrackId = Annotated[str, Field(min_length=1, max_length=64, description="A track of yours, or a public one.")]


def _open(*examples: dict[str, Any]) -> ConfigDict:
    """Further fields are handed on: the service knows them, or refuses them by name."""
    return ConfigDict(extra="allow", json_schema_extra={"examples": list(examples)})


class ConvertRequest(Body):
    """A track in another form, as a file of its own."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"track_id": _TRACK, "format": "wav", "sample_rate": 48000, "bit_depth": 24}]}
    )

    track_id: TrackId
    format: ConvertFormat
    sample_rate: Annotated[int | None, Field(ge=8_000, le=192_000, description="Hertz.")] = None
    bit_depth: Annotated[
        Literal[16, 24, 32] | None, Field(description="For wav and flac. By default wav has the track's, flac 24.")
    ] = None
    bitrate: Annotated[
        int | None, Field(ge=8_000, le=510_000, description="Bits a second, for mp3, ogg, opus and m4a.")
    ] = None


class SeparateRequest(Body):
    """A track taken apart into stems; each becomes a track of your library."""

    model_config = _open({"track_id": _TRACK, "model": "spleeter-2stems"})

    track_id: TrackId
    model: Annotated[str | None, Field(max_length=128, description="A separator; one that is there, if not said.")] = (
        None
    )
    stems: Annotated[list[str] | None, Field(description="Only these; all if not said.", examples=[["vocals"]])] = None
    preset: Annotated[str | None, Field(description="`karaoke`: one track without the vocals.")] = None
    residual: Annotated[
        str | None,
        Field(description="What becomes of sound that no stem holds: `fold` (stems sum to the track), `stem`, `drop`."),
    ] = None
    guide_vocals_db: Annotated[float | None, Field(description="Vocals that stay in a karaoke track.")] = None
    weights: Annotated[dict[str, Any] | None, Field(description="Of the hybrid's members, for each stem.")] = None


class MixRequest(Body):
    """A session: channels with effects, automation and sends, buses and a master. `GET …/effects` describes it all."""

    model_config = _open(
        {
            "title": "Rhythm section",
            "tempo": 96.0,
            "tracks": [
                {"track_id": _TRACK, "stem": "drums", "gain_db": -2.0, "pan": 0.0},
                {
                    "track_id": _TRACK,
                    "stem": "bass",
                    "gain_db": -4.5,
                    "effects": [{"type": "compressor", "parameters": {"threshold_db": -18.0, "ratio": 3.0}}],
                },
            ],
        }
    )

    version: Annotated[int | None, Field(description="Of the session's form: 1.")] = None
    title: Annotated[str | None, Field(max_length=200)] = None
    tempo: Annotated[float | None, Field(description="Beats a minute, for what follows the tempo.")] = None
    sample_rate: Annotated[int | None, Field(description="Hertz: 44100 or 48000.")] = None
    track_id: Annotated[str | None, Field(max_length=64, description="The track that channels mean by a stem.")] = None
    tracks: Annotated[list[dict[str, Any]], Field(min_length=1, description="The channels.")]
    buses: Annotated[list[dict[str, Any]] | None, Field(description="What channels send to.")] = None
    master: Annotated[dict[str, Any] | None, Field(description="The last channel, with its ceiling.")] = None
    tail: Annotated[float | None, Field(description="Seconds of echo and reverb after the last channel.")] = None
    range: Annotated[dict[str, Any] | None, Field(description="Only this part: `start`, `end` in seconds.")] = None
    engine_revision: Annotated[
        str | None,
        Field(max_length=16, description="Of the mixer that rendered a kept session; another says so in its `notes`."),
    ] = None


class MasterRequest(Body):
    """A track at a stated loudness, below a stated true peak; it becomes a new track."""

    model_config = _open({"track_id": _TRACK, "preset": "streaming", "target_lufs": -14.0, "true_peak_dbtp": -1.0})

    track_id: TrackId
    preset: Annotated[str | None, Field(max_length=64, description="See `GET …/presets`.")] = None
    target_lufs: Annotated[float | None, Field(description="Integrated loudness (ITU-R BS.1770).")] = None
    true_peak_dbtp: Annotated[float | None, Field(description="The ceiling.")] = None
    reference_track_id: Annotated[str | None, Field(max_length=64, description="A track to sound like.")] = None


class TranscribeRequest(Body):
    """The notes of a track as MIDI and MusicXML."""

    model_config = _open({"track_id": _TRACK, "quantize": {"grid": "1/16", "strength": 1.0}})

    track_id: TrackId
    stem: Annotated[str | None, Field(max_length=200, description="Only this part of the track.")] = None
    instrument: Annotated[str | None, Field(description="`auto`, `pitched` or `drums`.")] = None
    quantize: Annotated[
        dict[str, Any] | None, Field(description="`grid`, `strength` 0 to 1, `swing` 0 to 1, `triplets`, `ends`.")
    ] = None
    bpm: Annotated[float | None, Field(description="The tempo, if you know it.")] = None
    bends: Annotated[bool | None, Field(description="Whether pitch bends are written.")] = None
    musicxml: Annotated[bool | None, Field(description="Whether a score is written too.")] = None


class AnalyzeRequest(Body):
    """Tempo, beats, key, chords, sections, loudness, spectrum and pictures of a track."""

    model_config = _open({"track_id": _TRACK, "features": ["tempo", "key", "loudness"]})

    track_id: TrackId
    features: Annotated[list[str] | None, Field(min_length=1, description="Only these; all if not said.")] = None
    scheme: Annotated[
        str | None, Field(pattern="^[a-z][a-z0-9_-]{0,31}$", description="Colours of the pictures: ember, ocean, …")
    ] = None


class Catalogue(BaseModel):
    """What jobs can be asked to use."""

    model_config = {"extra": "allow"}
