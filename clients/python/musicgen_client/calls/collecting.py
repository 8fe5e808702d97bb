"""Playlists (tracks in an order, alone or with others) and projects (folders of one's own)."""

from __future__ import annotations

from typing import Any, Final

from musicgen_client.calls.call import Call, given, once, path_to, read_nothing, reader_of, unless_edited
from musicgen_client.collections import Playlist, PlaylistMember, PlaylistTrack, Project
from musicgen_client.models import Page

READ_PLAYLIST: Final = reader_of(Playlist)


READ_PROJECT: Final = reader_of(Project)


def playlists(*, owner: str | None = None, limit: int = 20, cursor: str | None = None) -> Call[Page[Playlist]]:
    """Your playlists and those that you were let into, newest first; with `owner`, that person's public ones."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor, owner=owner)
    return Call("GET", path_to("playlists"), reader_of(Page[Playlist]), params=params)


def create_playlist(
    title: str,
    *,
    description: str | None = None,
    public: bool = False,
    collaborative: bool = False,
    idempotency_key: str | None = None,
) -> Call[Playlist]:
    """Make an empty playlist."""
    body: dict[str, Any] = given(title=title, description=description, public=public, collaborative=collaborative)
    return Call("POST", path_to("playlists"), READ_PLAYLIST, body=body, headers=once(idempotency_key))


def playlist(playlist_id: str) -> Call[Playlist]:
    """One playlist."""
    return Call("GET", path_to("playlists", playlist_id), READ_PLAYLIST)


def update_playlist(
    playlist_id: str,
    *,
    title: str | None = None,
    description: str | None = None,
    public: bool | None = None,
    collaborative: bool | None = None,
    if_match: str | None = None,
) -> Call[Playlist]:
    """Change what your playlist is called, who reads it, and whether its members add to it.

    With `if_match` only while its `etag` still holds.
    """
    body: dict[str, Any] = given(title=title, description=description, public=public, collaborative=collaborative)
    path = path_to("playlists", playlist_id)
    return Call("PATCH", path, READ_PLAYLIST, body=body, headers=unless_edited(if_match))


def delete_playlist(playlist_id: str, *, if_match: str | None = None) -> Call[None]:
    """Remove a playlist; its tracks stay. With `if_match` only while its `etag` still holds."""
    return Call("DELETE", path_to("playlists", playlist_id), read_nothing, headers=unless_edited(if_match))


def playlist_tracks(playlist_id: str, *, limit: int = 20, cursor: str | None = None) -> Call[Page[PlaylistTrack]]:
    """The tracks of a playlist, in order."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor)
    return Call("GET", path_to("playlists", playlist_id, "tracks"), reader_of(Page[PlaylistTrack]), params=params)


def put_playlist_track(
    playlist_id: str, track_id: str, *, position: int | None = None, after: str | None = None
) -> Call[PlaylistTrack]:
    """Add a track or move it: to a position (from 0), or behind another track; by default a new one to the end."""
    body: dict[str, Any] = given(position=position, after=after)
    return Call("PUT", path_to("playlists", playlist_id, "tracks", track_id), reader_of(PlaylistTrack), body=body)


def remove_playlist_track(playlist_id: str, track_id: str) -> Call[None]:
    """Take a track out of a playlist."""
    return Call("DELETE", path_to("playlists", playlist_id, "tracks", track_id), read_nothing)


def playlist_members(playlist_id: str) -> Call[Page[PlaylistMember]]:
    """Who is in a playlist, by name; its owner sees also who was invited."""
    return Call("GET", path_to("playlists", playlist_id, "members"), reader_of(Page[PlaylistMember]))


def put_playlist_member(playlist_id: str, username: str) -> Call[PlaylistMember]:
    """Invite somebody into your playlist; they are in once they accept."""
    return Call("PUT", path_to("playlists", playlist_id, "members", username), reader_of(PlaylistMember))


def remove_playlist_member(playlist_id: str, username: str) -> Call[None]:
    """Let somebody in no longer; or leave, by your own name."""
    return Call("DELETE", path_to("playlists", playlist_id, "members", username), read_nothing)


def playlist_invitations(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Playlist]]:
    """The playlists that others invited you to, as long as you have said neither yes nor no."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor)
    return Call("GET", path_to("playlists", "invitations"), reader_of(Page[Playlist]), params=params)


def accept_playlist_invitation(playlist_id: str) -> Call[Playlist]:
    """Say yes to an invitation."""
    return Call("POST", path_to("playlists", playlist_id, "invitation"), READ_PLAYLIST)


def decline_playlist_invitation(playlist_id: str) -> Call[None]:
    """Say no to an invitation; whoever sent it is not told."""
    return Call("DELETE", path_to("playlists", playlist_id, "invitation"), read_nothing)


def projects(*, limit: int = 20, cursor: str | None = None) -> Call[Page[Project]]:
    """Your projects, newest first."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor)
    return Call("GET", path_to("projects"), reader_of(Page[Project]), params=params)


def create_project(title: str, *, description: str | None = None, idempotency_key: str | None = None) -> Call[Project]:
    """Make an empty project."""
    body: dict[str, Any] = given(title=title, description=description)
    return Call("POST", path_to("projects"), READ_PROJECT, body=body, headers=once(idempotency_key))


def project(project_id: str) -> Call[Project]:
    """One project; its tracks are `tracks(project_id=…)`."""
    return Call("GET", path_to("projects", project_id), READ_PROJECT)


def update_project(
    project_id: str, *, title: str | None = None, description: str | None = None, if_match: str | None = None
) -> Call[Project]:
    """Change what a project is called; with `if_match` only while its `etag` still holds."""
    body: dict[str, Any] = given(title=title, description=description)
    path = path_to("projects", project_id)
    return Call("PATCH", path, READ_PROJECT, body=body, headers=unless_edited(if_match))


def delete_project(project_id: str, *, if_match: str | None = None) -> Call[None]:
    """Remove a project; its tracks stay, in none. With `if_match` only while its `etag` still holds."""
    return Call("DELETE", path_to("projects", project_id), read_nothing, headers=unless_edited(if_match))
