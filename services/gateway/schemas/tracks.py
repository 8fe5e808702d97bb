"""Tracks of the library."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field

from protos.processing.v1 import processing_pb2
from protos.users.v1 import tracks_pb2
from services.gateway.problems import kind_of
from services.gateway.schemas.body import Body, Line
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.tokens.links import Links

Relation = Literal["remix", "variation", "continuation", "melody", "style", "stem", "mix", "master"]

_RELATIONS: Mapping[str, Relation] = {name: name for name in get_args(Relation)}
_VERSION_DIGITS = 16


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
    has_cover: Annotated[
        bool, Field(description="Whether its owner gave it a picture; otherwise one is drawn from its sound.")
    ] = False
    cover_version: Annotated[
        str,
        Field(
            description="Another one whenever the picture is: send it as `version` with `cover`, to have it cached.",
            examples=["5f1d7a84db00d2fc"],
        ),
    ]
    parent_id: Annotated[str | None, Field(description="The track that this one was made from.")]
    relation: Annotated[
        Relation | None, Field(description="How: `remix` is a song after somebody else's.", examples=["variation"])
    ]
    project_id: Annotated[str | None, Field(description="The project of yours that it lies in.")]
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
            has_cover=bool(message.cover_object_key),
            cover_version=cover_version(message),
            parent_id=content.parent_id or None,
            relation=_RELATIONS.get(message.relation),
            project_id=message.project_id or None,
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


LARGEST_BULK = 200
Tag = Annotated[Line, Field(min_length=1, max_length=50)]


class TrackPatch(Body):
    """What to change; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "Rain on tin", "tags": ["lo-fi"], "public": True}]}
    )

    title: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    tags: Annotated[list[Tag], Field(max_length=30)] | None = None
    public: bool | None = None
    project_id: Annotated[
        Line | None, Field(min_length=1, max_length=64, description="Where it is to lie; null: in no project.")
    ] = None

    def to_message(self, track_id: str) -> tracks_pb2.UpdateTrackRequest:
        """For the wire."""
        request = tracks_pb2.UpdateTrackRequest(
            track_id=track_id,
            title=self.title,
            public=self.public,
            tags=self.tags or (),
            set_tags=self.tags is not None,
        )
        if "project_id" in self.model_fields_set:
            request.project_id = self.project_id or ""
        return request


class TrackChanges(Body):
    """What is to become of several tracks at once; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"track_ids": ["0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"], "add_tags": ["album"], "public": True}]
        }
    )

    track_ids: Annotated[
        list[Annotated[Line, Field(min_length=1, max_length=64)]],
        Field(min_length=1, max_length=LARGEST_BULK, description="Your tracks."),
    ]
    add_tags: Annotated[list[Tag], Field(default_factory=list, max_length=20)]
    remove_tags: Annotated[list[Tag], Field(default_factory=list, max_length=20)]
    project_id: Annotated[
        Line | None, Field(min_length=1, max_length=64, description="Where they are to lie; null: in no project.")
    ] = None
    public: Annotated[bool | None, Field(description="Publish or withdraw them.")] = None
    trashed: Annotated[bool | None, Field(description="Into the trash, or out of it.")] = None

    def to_message(self) -> tracks_pb2.ChangeTracksRequest:
        """For the wire."""
        request = tracks_pb2.ChangeTracksRequest(
            track_ids=self.track_ids,
            add_tags=self.add_tags,
            remove_tags=self.remove_tags,
            public=self.public,
            trashed=self.trashed,
        )
        if "project_id" in self.model_fields_set:
            request.project_id = self.project_id or ""
        return request


class ChangedTrack(BaseModel):
    """What became of one track."""

    track_id: str
    done: Annotated[bool, Field(description="Whether it is as it was asked to be.", examples=[True])]
    type: Annotated[
        str | None, Field(description="What kind of problem it was, where it is not.", examples=["/problems/not-found"])
    ]
    detail: Annotated[str | None, Field(description="The problem in words.", examples=["There is no such track."])]


class ChangedTracks(BaseModel):
    """What became of each track, in the order of the request; each is told of once."""

    items: list[ChangedTrack]

    @classmethod
    def from_message(cls, message: tracks_pb2.ChangeTracksResponse) -> Self:
        """From the wire."""
        return cls(
            items=[
                ChangedTrack(
                    track_id=item.track_id,
                    done=item.done,
                    type=kind_of(item.code).type if item.code else None,
                    detail=item.detail or None,
                )
                for item in message.tracks
            ]
        )


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


def cover_version(message: tracks_pb2.Track) -> str:
    """What tells a track's pictures apart: the one that it was given, or the sound that one is drawn from."""
    source = message.cover_object_key or message.content.master_object_key
    return hashlib.sha256(source.encode()).hexdigest()[:_VERSION_DIGITS]


def _links_of(message: tracks_pb2.Track, links: Links) -> dict[str, str]:
    path = f"/api/v1/tracks/{message.id}"
    found = {
        "self": path,
        "audio": links.link(f"{path}/audio"),
        "waveform": f"{path}/waveform",
        "spectrogram": links.link(f"{path}/spectrogram.png"),
        "cover": links.link(f"{path}/cover"),
        "stems": f"{path}/stems",
    }
    if message.content.midi_object_key:
        found["midi"] = links.link(f"{path}/midi")
    if message.job_id:
        found["job"] = f"/api/v1/jobs/{message.job_id}"
    return found
