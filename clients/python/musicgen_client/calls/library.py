"""Tracks: finding, changing, and where their bytes are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from musicgen_client.calls.call import Call, given, path_to, read_nothing, reader_of, unless_edited
from musicgen_client.collections import ChangedTracks
from musicgen_client.models import (
    Page,
    Stem,
    Track,
    Waveform,
)

AudioFormat = Literal["wav", "flac", "mp3", "ogg", "opus", "m4a"]


TrackSort = Literal["newest", "oldest", "title", "relevance"]


READ_TRACK: Final = reader_of(Track)


READ_TRACKS: Final = reader_of(Page[Track])


def tracks(
    *,
    limit: int = 20,
    cursor: str | None = None,
    query: str | None = None,
    tags: Sequence[str] = (),
    model: str | None = None,
    public: bool | None = None,
    parent_id: str | None = None,
    project_id: str | None = None,
    trashed: bool = False,
    sort: TrackSort | None = None,
) -> Call[Page[Track]]:
    """The caller's tracks that match, newest first unless sorted otherwise; every word of `query` is a beginning.

    `project_id` is a project of the caller's, or "none" for what lies in no project.
    """
    params: dict[str, Any] = given(
        limit=str(limit), cursor=cursor, q=query, model=model, parent_id=parent_id, project_id=project_id, sort=sort
    )
    if tags:
        params["tag"] = list(tags)
    if public is not None:
        params["public"] = str(public).lower()
    if trashed:
        params["trashed"] = "true"
    return Call("GET", path_to("tracks"), READ_TRACKS, params=params)


def versions(track_id: str) -> Call[Page[Track]]:
    """The tree around a track: what it came from, what came from it, and your own branches, oldest first."""
    return Call("GET", path_to("tracks", track_id, "versions"), READ_TRACKS)


def restore_track(track_id: str) -> Call[Track]:
    """Take a track out of the trash."""
    return Call("POST", path_to("tracks", track_id, "restore"), READ_TRACK)


def track(track_id: str) -> Call[Track]:
    """One track."""
    return Call("GET", path_to("tracks", track_id), READ_TRACK)


def update_track(
    track_id: str,
    *,
    title: str | None = None,
    tags: Sequence[str] | None = None,
    public: bool | None = None,
    if_match: str | None = None,
) -> Call[Track]:
    """Change a track's title, tags or publicity; with `if_match` only while its `etag` still holds."""
    body: dict[str, Any] = given(title=title, tags=tags, public=public)
    return Call("PATCH", path_to("tracks", track_id), READ_TRACK, body=body, headers=unless_edited(if_match))


def move_track(track_id: str, project_id: str | None, *, if_match: str | None = None) -> Call[Track]:
    """Put a track into a project, or (None) into none; with `if_match` only while its `etag` still holds."""
    body = {"project_id": project_id}
    return Call("PATCH", path_to("tracks", track_id), READ_TRACK, body=body, headers=unless_edited(if_match))


def change_tracks(
    track_ids: Sequence[str],
    *,
    add_tags: Sequence[str] | None = None,
    remove_tags: Sequence[str] | None = None,
    project_id: str | None = None,
    without_project: bool = False,
    public: bool | None = None,
    trashed: bool | None = None,
) -> Call[ChangedTracks]:
    """Change up to 200 tracks in one transaction; each has an outcome. `without_project` takes them out of theirs."""
    body: dict[str, Any] = given(
        track_ids=list(track_ids),
        add_tags=add_tags,
        remove_tags=remove_tags,
        project_id=project_id,
        public=public,
        trashed=trashed,
    )
    if without_project:
        body["project_id"] = None
    return Call("POST", path_to("tracks", "bulk"), reader_of(ChangedTracks), body=body)


def delete_track(track_id: str, *, forever: bool = False, if_match: str | None = None) -> Call[None]:
    """Put a track into the trash, from which it goes after 30 days; with `forever`, remove it at once.

    With `if_match` only while its `etag` still holds.
    """
    params = {"forever": "true"} if forever else {}
    path = path_to("tracks", track_id)
    return Call("DELETE", path, read_nothing, params=params, headers=unless_edited(if_match))


def waveform(track_id: str, *, stem: str = "", points: int = 1000) -> Call[Waveform]:
    """The outline of a track, or of one stem of it, for drawing; 16 to 8,192 points."""
    part = ("stems", stem) if stem else ()
    path = path_to("tracks", track_id, *part, "waveform")
    return Call("GET", path, reader_of(Waveform), params={"points": points})


def stems(track_id: str) -> Call[Page[Stem]]:
    """The parts of a track, which sum to it; their links need no header for a while."""
    return Call("GET", path_to("tracks", track_id, "stems"), reader_of(Page[Stem]))


def audio_path(track_id: str) -> str:
    """Where a track's audio is."""
    return path_to("tracks", track_id, "audio")


def stem_path(track_id: str, name: str) -> str:
    """Where the audio of one stem is."""
    return path_to("tracks", track_id, "stems", name, "audio")


def midi_path(track_id: str) -> str:
    """Where a track's MIDI file is."""
    return path_to("tracks", track_id, "midi")
