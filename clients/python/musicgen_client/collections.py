"""Answers about what people do with tracks: playlists, links, projects, changes of many at once, reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from musicgen_client.models import Answer, Edited, Licence, Owner, Track


class Playlist(Edited):
    """Tracks in an order. `role` is what the caller is to it."""

    id: str
    owner: Owner | None = None
    title: str = ""
    description: str = ""
    public: bool = False
    collaborative: bool = False
    track_count: int = 0
    role: Literal["owner", "member", "invited", "reader"] = "reader"
    created_at: datetime | None = None
    updated_at: datetime | None = None


class PlaylistTrack(Answer):
    """A track at its place, counted from 0."""

    track: Track
    position: int
    added_by: Owner | None = None
    added_at: datetime | None = None


class PlaylistMember(Answer):
    """Somebody who is in a playlist; without `accepted_at` they were invited and have not said yes."""

    id: str
    username: str
    added_at: datetime | None = None
    accepted_at: datetime | None = None


class Share(Answer):
    """A link to a track, without its token. Without `expires_at` it works until it is revoked."""

    id: str
    track_id: str = ""
    prefix: str = ""
    has_password: bool = False
    created_at: datetime | None = None
    expires_at: datetime | None = None
    opened_count: int = 0
    last_opened_at: datetime | None = None


class NewShare(Answer):
    """A link that was just made; `token` is told this once."""

    share: Share
    token: str


class SharedTrack(Answer):
    """A track as whoever holds a link to it sees it. `duration` is in seconds; `links` are signed."""

    title: str = ""
    by: str = ""
    duration: float = 0.0
    bpm: float | None = None
    key: str | None = None
    licence: Licence = Field(default_factory=Licence)
    created_at: datetime | None = None
    expires_at: datetime | None = None
    links: dict[str, str] = Field(default_factory=dict)


class Project(Edited):
    """A folder of tracks; `track_count` leaves those in the trash out."""

    id: str
    title: str = ""
    description: str = ""
    track_count: int = 0
    created_at: datetime | None = None


class ChangedTrack(Answer):
    """What became of one track of many; `type` and `detail` say why it is not done."""

    track_id: str
    done: bool
    type: str | None = None
    detail: str | None = None


class ChangedTracks(Answer):
    """What became of each."""

    items: list[ChangedTrack]


class ReportReceipt(Answer):
    """A report, as its reporter sees it."""

    id: str
    kind: str = ""
    subject_id: str = ""
    reason: str = ""
    details: str = ""
    status: str = "open"
    created_at: datetime | None = None


class Report(ReportReceipt):
    """A report, as moderators see it."""

    subject_text: str = ""
    owner: Owner | None = None
    hidden: bool = False
    suspended: bool = False
    reporter: Owner | None = None
    decision: str | None = None
    note: str = ""
    decided_by: str | None = None
    decided_at: datetime | None = None
    open_count: int = 0


class Mix(Edited):
    """A session that is worked on; `version` is the number of its newest one."""

    id: str
    title: str = ""
    version: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


class MixVersion(Answer):
    """A session as it once was; without `session` in lists."""

    mix_id: str
    number: int
    note: str = ""
    restored_from: int | None = None
    created_at: datetime | None = None
    session: dict[str, Any] | None = None
