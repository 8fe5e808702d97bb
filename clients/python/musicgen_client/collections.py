"""Answers about what people do with tracks: playlists."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from musicgen_client.models import Answer, Owner, Track


class Playlist(Answer):
    """Tracks in an order. `role` is what the caller is to it."""

    id: str
    owner: Owner | None = None
    title: str = ""
    description: str = ""
    public: bool = False
    collaborative: bool = False
    track_count: int = 0
    role: Literal["owner", "member", "reader"] = "reader"
    created_at: datetime | None = None
    updated_at: datetime | None = None


class PlaylistTrack(Answer):
    """A track at its place, counted from 0."""

    track: Track
    position: int
    added_by: Owner | None = None
    added_at: datetime | None = None


class PlaylistMember(Answer):
    """Somebody whom the owner let in."""

    id: str
    username: str
    added_at: datetime | None = None
