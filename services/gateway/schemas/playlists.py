"""Playlists."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from protos.users.v1 import playlists_pb2
from services.gateway.schemas.body import Body, Line, Text
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.schemas.tracks import Owner, Track
from services.gateway.tokens.links import Links

PlaylistRole = Literal["owner", "member", "invited", "reader"]

_ROLES: dict[int, PlaylistRole] = {
    playlists_pb2.PLAYLIST_ROLE_OWNER: "owner",
    playlists_pb2.PLAYLIST_ROLE_MEMBER: "member",
    playlists_pb2.PLAYLIST_ROLE_INVITED: "invited",
}

_Title = Annotated[Line, Field(min_length=1, max_length=200)]
_Description = Annotated[Text, Field(max_length=2_000)]
_Public = Annotated[bool, Field(description="Whether everybody may read it.")]
_Collaborative = Annotated[bool, Field(description="Whether its members may add tracks.")]


class Playlist(BaseModel):
    """Tracks in an order."""

    id: str
    owner: Owner
    title: Annotated[str, Field(examples=["Sunday morning"])]
    description: str
    public: _Public
    collaborative: _Collaborative
    track_count: Annotated[
        int, Field(description="How many tracks it holds, those that you may not hear included.", examples=[12])
    ]
    role: Annotated[PlaylistRole, Field(description="What you are to it.", examples=["owner"])]
    created_at: datetime
    updated_at: Annotated[datetime, Field(description="When it or its order last changed.")]
    links: Annotated[dict[str, str], Field(examples=[{"self": "/api/v1/playlists/…"}])]

    @classmethod
    def from_message(cls, message: playlists_pb2.Playlist) -> Self:
        """From the wire."""
        path = f"/api/v1/playlists/{message.id}"
        return cls(
            id=message.id,
            owner=Owner(id=message.owner_id, username=message.owner_username),
            title=message.title,
            description=message.description,
            public=message.public,
            collaborative=message.collaborative,
            track_count=message.track_count,
            role=_ROLES.get(message.role, "reader"),
            created_at=to_datetime(message.created_at),
            updated_at=to_datetime(message.updated_at),
            links={"self": path, "tracks": f"{path}/tracks"},
        )


class PlaylistList(BaseModel):
    """One page of playlists, newest first."""

    items: list[Playlist]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class NewPlaylist(Body):
    """A playlist to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Sunday morning", "public": True}]})

    title: _Title
    description: _Description = ""
    public: _Public = False
    collaborative: _Collaborative = False


class PlaylistPatch(Body):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Monday morning", "collaborative": True}]})

    title: _Title | None = None
    description: _Description | None = None
    public: _Public | None = None
    collaborative: _Collaborative | None = None

    def to_message(self, playlist_id: str) -> playlists_pb2.UpdatePlaylistRequest:
        """For the wire."""
        return playlists_pb2.UpdatePlaylistRequest(playlist_id=playlist_id, **self.model_dump(exclude_none=True))


class PlaylistPlace(Body):
    """Where a track goes. Neither: a new one to the end, one that is there stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"position": 0}, {}]})

    position: Annotated[
        int | None, Field(ge=0, le=1_000_000, description="Counted from 0 over all tracks; beyond the end: the end.")
    ] = None
    after: Annotated[
        Line | None, Field(min_length=1, max_length=64, description="Id of the track that it comes behind.")
    ] = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if self.position is not None and self.after is not None:
            raise ValueError("Give the place as either position or after.")
        return self

    def to_message(self, playlist_id: str, track_id: str) -> playlists_pb2.PutPlaylistTrackRequest:
        """For the wire."""
        request = playlists_pb2.PutPlaylistTrackRequest(playlist_id=playlist_id, track_id=track_id)
        if self.position is not None:
            request.position = self.position
        if self.after is not None:
            request.after_track_id = self.after
        return request


class PlaylistTrack(BaseModel):
    """A track at its place."""

    track: Track
    position: Annotated[int, Field(description="Counted from 0 over all tracks of the playlist.", examples=[0])]
    added_by: Annotated[
        Owner | None, Field(description="Who brought it; null when that account is gone or is not for you to see.")
    ]
    added_at: datetime

    @classmethod
    def from_message(cls, message: playlists_pb2.PlaylistTrack, links: Links) -> Self:
        """From the wire, with links for the listener."""
        by = Owner(id=message.added_by_id, username=message.added_by_username) if message.added_by_id else None
        return cls(
            track=Track.from_message(message.track, links),
            position=message.position,
            added_by=by,
            added_at=to_datetime(message.added_at),
        )


class PlaylistTrackList(BaseModel):
    """One page of a playlist's tracks, in order."""

    items: list[PlaylistTrack]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class PlaylistMember(BaseModel):
    """Somebody who is in, or was invited."""

    id: str
    username: Annotated[str, Field(examples=["grace"])]
    added_at: Annotated[datetime, Field(description="When they were invited.")]
    accepted_at: Annotated[datetime | None, Field(description="When they said yes; null: they have not.")]

    @classmethod
    def from_message(cls, message: playlists_pb2.PlaylistMember) -> Self:
        """From the wire."""
        return cls(
            id=message.user_id,
            username=message.username,
            added_at=to_datetime(message.added_at),
            accepted_at=optional_datetime(message, "accepted_at"),
        )


class PlaylistMemberList(BaseModel):
    """Everybody whom the owner let in, by name."""

    items: list[PlaylistMember]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None
