"""Tracks of the library."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field

from protos.processing.v1 import processing_pb2
from protos.users.v1 import tracks_pb2
from services.gateway.schemas.body import Body, Line
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.tokens.links import Links


class Owner(BaseModel):
    """Whose track it is."""

    id: str
    username: Annotated[str, Field(examples=["ada"])]


class Licence(BaseModel):
    """Who may do what with a track."""

    name: Annotated[str, Field(description="SPDX id or a plain name.", examples=["MIT"])]
    commercial_use: Annotated[bool, Field(description="Whether the track may be sold.")]
    attributions: Annotated[list[str], Field(description="Names that have to be given with it.")]


class Track(BaseModel):
    """A finished piece of music, and how it came to be."""

    id: str
    owner: Owner
    title: Annotated[str, Field(examples=["Warm lo-fi"])]
    prompt: str
    model: Annotated[str, Field(examples=["composer"])]
    seed: Annotated[int, Field(examples=[7])]
    duration: Annotated[float, Field(description="Seconds.", examples=[30.0])]
    sample_rate: Annotated[int, Field(description="Hertz.", examples=[44100])]
    channels: Annotated[int, Field(examples=[2])]
    loudness_lufs: Annotated[float, Field(description="Integrated loudness (ITU-R BS.1770).", examples=[-14.0])]
    true_peak_dbtp: Annotated[float, Field(description="Highest true peak.", examples=[-1.0])]
    mastering_gain_db: Annotated[
        float, Field(description="Gain from the live audio to the file, in dB.", examples=[2.1])
    ]
    bpm: Annotated[float | None, Field(description="Beats a minute.", examples=[84.0])]
    key: Annotated[str | None, Field(examples=["D minor"])]
    tags: list[str]
    public: bool
    stems: Annotated[list[str], Field(description="Names for `…/stems/{name}/audio`.", examples=[["drums", "bass"]])]
    has_midi: bool
    parent_id: Annotated[str | None, Field(description="The track that this one was made from.")]
    job_id: Annotated[str | None, Field(description="The job that made it.")]
    licence: Licence
    model_revision: str
    engine_version: str
    runtime: Annotated[str, Field(examples=["numpy"])]
    precision: Annotated[str, Field(examples=["float32"])]
    spec: Annotated[dict[str, Any] | None, Field(description="What was understood of the prompt.")]
    created_at: datetime
    deleted_at: Annotated[datetime | None, Field(description="Since when it lies in the trash.")] = None
    hidden_at: Annotated[
        datetime | None, Field(description="Since when moderators keep it from everybody but its owner.")
    ] = None
    likes: Annotated[int, Field(description="How many people like it.", examples=[12])] = 0
    comments: Annotated[int, Field(description="How many comments it has.", examples=[3])] = 0
    liked: Annotated[bool, Field(description="Whether you like it.")] = False
    links: Annotated[
        dict[str, str],
        Field(
            description="Where to go on. `audio` and `midi` are signed: they work without a header, until they expire; "
            "append `&format=mp3` for another format.",
            examples=[{"self": "/api/v1/tracks/…", "audio": "/api/v1/tracks/…/audio?expires=…&signature=…"}],
        ),
    ]

    @classmethod
    def from_message(cls, message: tracks_pb2.Track, links: Links) -> Self:
        """From the wire, with links for the listener."""
        content = message.content
        return cls(
            id=message.id,
            owner=Owner(id=message.owner_id, username=message.owner_username),
            title=content.title,
            prompt=content.prompt,
            model=content.model,
            seed=content.seed,
            duration=content.duration_seconds,
            sample_rate=content.sample_rate_hz,
            channels=content.channels,
            loudness_lufs=content.loudness_lufs,
            true_peak_dbtp=content.true_peak_dbtp,
            mastering_gain_db=content.mastering_gain_db,
            bpm=content.bpm or None,
            key=content.key or None,
            tags=list(content.tags),
            public=content.public,
            stems=[stem.name for stem in content.stems],
            has_midi=bool(content.midi_object_key),
            parent_id=content.parent_id or None,
            job_id=message.job_id or None,
            licence=Licence(
                name=content.licence.name,
                commercial_use=content.licence.commercial_use,
                attributions=list(content.licence.attributions),
            ),
            model_revision=content.model_revision,
            engine_version=content.engine_version,
            runtime=content.runtime,
            precision=content.precision,
            spec=orjson.loads(content.spec_json) if content.spec_json else None,
            created_at=to_datetime(message.created_at),
            deleted_at=optional_datetime(message, "deleted_at"),
            hidden_at=optional_datetime(message, "hidden_at"),
            likes=message.likes,
            comments=message.comments,
            liked=message.liked,
            links=_links_of(message, links),
        )


class TrackList(BaseModel):
    """One page of tracks, newest first."""

    items: list[Track]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class TrackPatch(Body):
    """What to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Rain on tin", "tags": ["lo-fi"], "public": True}]}
    )

    title: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    tags: Annotated[list[Annotated[Line, Field(min_length=1, max_length=50)]], Field(max_length=30)] | None = None
    public: bool | None = None


class Stem(BaseModel):
    """One part of a track."""

    name: Annotated[str, Field(examples=["drums"])]
    links: Annotated[dict[str, str], Field(description="`audio` is signed.")]


class StemList(BaseModel):
    """The parts of a track; they sum to it."""

    items: list[Stem]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None

    @classmethod
    def from_message(cls, message: tracks_pb2.Track, links: Links) -> Self:
        """From the wire, with links for the listener."""
        path = f"/api/v1/tracks/{message.id}/stems"
        return cls(
            items=[
                Stem(name=stem.name, links={"audio": links.link(f"{path}/{stem.name}/audio")})
                for stem in message.content.stems
            ]
        )


class Waveform(BaseModel):
    """The lowest and highest sample of each of `points` equal parts, over all channels."""

    duration: Annotated[float, Field(description="Seconds.")]
    points: int
    minima: Annotated[list[float], Field(description="−1 to 0 mostly.")]
    maxima: Annotated[list[float], Field(description="0 to 1 mostly.")]

    @classmethod
    def from_message(cls, message: processing_pb2.GetWaveformResponse) -> Self:
        """From the wire."""
        # Four decimals are finer than any screen; they halve the answer.
        return cls(
            duration=message.duration_seconds,
            points=len(message.minima),
            minima=[round(value, 4) for value in message.minima],
            maxima=[round(value, 4) for value in message.maxima],
        )


def _links_of(message: tracks_pb2.Track, links: Links) -> dict[str, str]:
    path = f"/api/v1/tracks/{message.id}"
    found = {
        "self": path,
        "audio": links.link(f"{path}/audio"),
        "waveform": f"{path}/waveform",
        "spectrogram": links.link(f"{path}/spectrogram.png"),
        "stems": f"{path}/stems",
    }
    if message.content.midi_object_key:
        found["midi"] = links.link(f"{path}/midi")
    if message.job_id:
        found["job"] = f"/api/v1/jobs/{message.job_id}"
    return found
