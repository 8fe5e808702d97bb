"""Playlists between the service's types and `musicgen.users.v1`."""

from __future__ import annotations

import base64
from typing import Any, Final
from uuid import UUID

import orjson

from protos.users.v1 import playlists_pb2
from services.shared.errors import AppError
from services.user_management.library.rules import description, title
from services.user_management.library.wire import track_message
from services.user_management.playlists.playlist import Member, NewPlaylist, Place, PlacedTrack, Playlist, Role
from services.user_management.wire import parse_id, timestamp

_ROLES: Final = {
    Role.OWNER: playlists_pb2.PLAYLIST_ROLE_OWNER,
    Role.MEMBER: playlists_pb2.PLAYLIST_ROLE_MEMBER,
    Role.INVITED: playlists_pb2.PLAYLIST_ROLE_INVITED,
    Role.READER: playlists_pb2.PLAYLIST_ROLE_UNSPECIFIED,
}


def new_playlist(request: playlists_pb2.CreatePlaylistRequest) -> NewPlaylist:
    """A playlist to be made. Raises `AppError` (VALIDATION)."""
    return NewPlaylist(title(request.title), description(request.description), request.public, request.collaborative)


def changes(request: playlists_pb2.UpdatePlaylistRequest) -> dict[str, Any]:
    """What is to change. Raises `AppError` (VALIDATION)."""
    found: dict[str, Any] = {}
    if request.HasField("title"):
        found["title"] = title(request.title)
    if request.HasField("description"):
        found["description"] = description(request.description)
    for name in ("public", "collaborative"):
        if request.HasField(name):
            found[name] = getattr(request, name)
    return found


def place(request: playlists_pb2.PutPlaylistTrackRequest) -> Place:
    """Where a track goes. Raises `AppError` (VALIDATION)."""
    kind = request.WhichOneof("place")
    if kind == "after_track_id":
        after = parse_id(request.after_track_id)
        if after is None:
            raise AppError.field("/after", "The playlist has no such other track. Name one that is in it.")
        return Place(after=after)
    return Place(position=request.position) if kind == "position" else Place()


def playlist_message(playlist: Playlist) -> playlists_pb2.Playlist:
    """The wire form of a playlist."""
    return playlists_pb2.Playlist(
        id=str(playlist.id),
        owner_id=str(playlist.owner_id),
        owner_username=playlist.owner_username,
        title=playlist.title,
        description=playlist.description,
        public=playlist.public,
        collaborative=playlist.collaborative,
        track_count=playlist.track_count,
        role=_ROLES[playlist.role],
        created_at=timestamp(playlist.created_at),
        updated_at=timestamp(playlist.updated_at),
        revision=playlist.revision,
    )


def placed_message(placed: PlacedTrack) -> playlists_pb2.PlaylistTrack:
    """The wire form of a track at its place."""
    return playlists_pb2.PlaylistTrack(
        track=track_message(placed.track),
        position=placed.position,
        added_by_id=str(placed.added_by or ""),
        added_by_username=placed.added_by_username,
        added_at=timestamp(placed.added_at),
    )


def member_message(member: Member) -> playlists_pb2.PlaylistMember:
    """The wire form of a member."""
    return playlists_pb2.PlaylistMember(
        user_id=str(member.user_id),
        username=member.username,
        added_at=timestamp(member.added_at),
        accepted_at=timestamp(member.accepted_at),
    )


def cursor_behind(placed: PlacedTrack) -> str:
    """The cursor of the page that begins behind a track."""
    return base64.urlsafe_b64encode(orjson.dumps([placed.rank, str(placed.track.id)])).decode().rstrip("=")


def place_of(cursor: str) -> tuple[int, UUID] | None:
    """Rank and track that a page begins behind; None for the first page. Raises `AppError` (VALIDATION)."""
    if not cursor:
        return None
    stranger = AppError.field("/cursor", "This cursor belongs to another list. Begin from the first page.")
    try:
        rank, text = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        track_id = UUID(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise stranger from error
    if not isinstance(rank, int) or isinstance(rank, bool) or not -(2**63) <= rank < 2**63:
        raise stranger
    return rank, track_id
