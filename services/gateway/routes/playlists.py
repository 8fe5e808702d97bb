"""Playlists: tracks in an order, alone or with others."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import (
    Caller,
    Cursor,
    Gateway,
    IdempotencyKey,
    Limit,
    idempotency_of,
    known_id,
    known_username,
)
from services.gateway.entity_tags import IfMatch, revised, revisions_of
from services.gateway.responses import also
from services.gateway.schemas.playlists import (
    NewPlaylist,
    Playlist,
    PlaylistList,
    PlaylistMember,
    PlaylistMemberList,
    PlaylistPatch,
    PlaylistPlace,
    PlaylistTrack,
    PlaylistTrackList,
)

router = APIRouter(prefix="/api/v1/playlists", tags=["playlists"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]


@router.get("", dependencies=_READ, responses=also(404))
async def list_playlists(
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 20,
    cursor: Cursor = "",
    owner: Annotated[str, Query(max_length=64, description="This person's public ones, instead of yours.")] = "",
) -> PlaylistList:
    """Your playlists and those that you were let into, newest first; or somebody's public ones."""
    whose = known_username(owner) if owner else ""
    page = await gateway.playlists.list(caller, owner=whose, limit=limit, cursor=cursor)
    items = [Playlist.from_message(playlist) for playlist in page.playlists]
    return PlaylistList(items=items, next_cursor=page.next_cursor or None)


@router.post("", status_code=201, dependencies=_WRITE, responses=also(404, 409))
async def create_playlist(
    body: NewPlaylist,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Playlist:
    """Make an empty playlist."""
    made = await gateway.playlists.create(
        caller,
        title=body.title,
        description=body.description,
        public=body.public,
        collaborative=body.collaborative,
        idempotency=idempotency_of(request, idempotency_key, body),
    )
    if made.replayed:
        response.headers["idempotency-replayed"] = "true"
    return Playlist.from_message(made.playlist)


@router.get("/invitations", dependencies=_READ)
async def list_playlist_invitations(
    caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = ""
) -> PlaylistList:
    """The playlists that others invited you to, as long as you have said neither yes nor no."""
    page = await gateway.playlists.invitations(caller, limit=limit, cursor=cursor)
    items = [Playlist.from_message(playlist) for playlist in page.playlists]
    return PlaylistList(items=items, next_cursor=page.next_cursor or None)


@router.get("/{playlist_id}", dependencies=_READ)
async def get_playlist(playlist_id: str, request: Request, caller: Caller, gateway: Gateway) -> Playlist:
    """One playlist; its tracks are a list of their own."""
    playlist = await gateway.playlists.get(caller, known_id(playlist_id, "playlist"))
    revised(request, playlist.revision)
    return Playlist.from_message(playlist)


@router.patch("/{playlist_id}", dependencies=_WRITE)
async def update_playlist(
    playlist_id: str, body: PlaylistPatch, request: Request, caller: Caller, gateway: Gateway, if_match: IfMatch = None
) -> Playlist:
    """Change what your playlist is called, who reads it, and whether its members add to it."""
    change = body.to_message(known_id(playlist_id, "playlist"))
    change.expected_revisions.extend(revisions_of(if_match))
    playlist = await gateway.playlists.update(caller, change)
    revised(request, playlist.revision)
    return Playlist.from_message(playlist)


@router.delete("/{playlist_id}", status_code=204, response_class=Response, dependencies=_WRITE)
async def delete_playlist(playlist_id: str, caller: Caller, gateway: Gateway, if_match: IfMatch = None) -> None:
    """Remove your playlist. Its tracks stay."""
    await gateway.playlists.delete(caller, known_id(playlist_id, "playlist"), revisions_of(if_match))


@router.get("/{playlist_id}/tracks", dependencies=_READ)
async def list_playlist_tracks(
    playlist_id: str, caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = ""
) -> PlaylistTrackList:
    """The tracks that you may hear, in order. A page begins behind the last track of the one before, wherever that
    stands by now.
    """
    page = await gateway.playlists.tracks(caller, known_id(playlist_id, "playlist"), limit=limit, cursor=cursor)
    links = gateway.links.of(caller)
    items = [PlaylistTrack.from_message(track, links) for track in page.tracks]
    return PlaylistTrackList(items=items, next_cursor=page.next_cursor or None)


@router.put("/{playlist_id}/tracks/{track_id}", dependencies=_WRITE, responses=also(409))
async def put_playlist_track(
    playlist_id: str, track_id: str, body: PlaylistPlace, caller: Caller, gateway: Gateway
) -> PlaylistTrack:
    """Add a track, or move one that is there."""
    request = body.to_message(known_id(playlist_id, "playlist"), known_id(track_id, "track"))
    return PlaylistTrack.from_message(await gateway.playlists.put_track(caller, request), gateway.links.of(caller))


@router.delete("/{playlist_id}/tracks/{track_id}", status_code=204, response_class=Response, dependencies=_WRITE)
async def remove_playlist_track(playlist_id: str, track_id: str, caller: Caller, gateway: Gateway) -> None:
    """Take a track out of the playlist."""
    await gateway.playlists.remove_track(caller, known_id(playlist_id, "playlist"), known_id(track_id, "track"))


@router.get("/{playlist_id}/members", dependencies=_READ)
async def list_playlist_members(playlist_id: str, caller: Caller, gateway: Gateway) -> PlaylistMemberList:
    """Who is in: they read the playlist, and add to it while it is collaborative. Its owner sees also who was invited.
    People whom you are not to see, or who are gone, are left out.
    """
    members = await gateway.playlists.members(caller, known_id(playlist_id, "playlist"))
    return PlaylistMemberList(items=[PlaylistMember.from_message(member) for member in members])


@router.put("/{playlist_id}/members/{username}", dependencies=_WRITE, responses=also(409))
async def put_playlist_member(playlist_id: str, username: str, caller: Caller, gateway: Gateway) -> PlaylistMember:
    """Invite somebody into your playlist. They are told, and are in once they accept."""
    member = await gateway.playlists.put_member(caller, known_id(playlist_id, "playlist"), known_username(username))
    return PlaylistMember.from_message(member)


@router.delete("/{playlist_id}/members/{username}", status_code=204, response_class=Response, dependencies=_WRITE)
async def remove_playlist_member(playlist_id: str, username: str, caller: Caller, gateway: Gateway) -> None:
    """Let somebody in no longer; or leave, by your own name."""
    await gateway.playlists.remove_member(caller, known_id(playlist_id, "playlist"), known_username(username))


@router.post("/{playlist_id}/invitation", dependencies=_WRITE)
async def accept_playlist_invitation(playlist_id: str, caller: Caller, gateway: Gateway) -> Playlist:
    """Say yes to an invitation: you are a member then, and may leave by your own name."""
    return Playlist.from_message(await gateway.playlists.accept(caller, known_id(playlist_id, "playlist")))


@router.delete("/{playlist_id}/invitation", status_code=204, response_class=Response, dependencies=_WRITE)
async def decline_playlist_invitation(playlist_id: str, caller: Caller, gateway: Gateway) -> None:
    """Say no to an invitation. Whoever invited you is not told."""
    await gateway.playlists.decline(caller, known_id(playlist_id, "playlist"))
