"""Other people: profiles, whom one follows, blocks and mutes, and their public tracks. `me` is oneself."""

from __future__ import annotations

import re

from fastapi import APIRouter, Depends
from starlette.responses import Response

from protos.users.v1 import social_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit
from services.gateway.responses import also
from services.gateway.schemas.people import Profile, ProfileList
from services.gateway.schemas.tracks import Track, TrackList
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/users", tags=["people"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]

_USERNAME = re.compile(r"[A-Za-z0-9_-]{2,30}", re.ASCII)


@router.get("/me/blocked", dependencies=_READ)
async def list_blocked(caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = "") -> ProfileList:
    """Whom you block, latest first. Nobody else sees it."""
    page = await gateway.social.people(caller, "", social_pb2.CIRCLE_BLOCKED, limit=limit, cursor=cursor)
    return ProfileList.from_message(page)


@router.get("/me/muted", dependencies=_READ)
async def list_muted(caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = "") -> ProfileList:
    """Whom you mute, latest first. Nobody else sees it."""
    page = await gateway.social.people(caller, "", social_pb2.CIRCLE_MUTED, limit=limit, cursor=cursor)
    return ProfileList.from_message(page)


@router.get("/me/likes", dependencies=_READ)
async def list_liked_tracks(caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = "") -> TrackList:
    """The tracks that you like, latest first."""
    page = await gateway.social.liked_tracks(caller, limit=limit, cursor=cursor)
    links = gateway.links.of(caller)
    return TrackList(
        items=[Track.from_message(track, links) for track in page.tracks], next_cursor=page.next_cursor or None
    )


@router.get("/{username}", dependencies=_READ)
async def get_profile(username: str, caller: Caller, gateway: Gateway) -> Profile:
    """One person, as everybody may see them."""
    return Profile.from_message(await gateway.social.profile(caller, _named(username, caller)))


@router.get("/{username}/followers", dependencies=_READ)
async def list_followers(
    username: str, caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = ""
) -> ProfileList:
    """Who follows this person, latest first."""
    page = await gateway.social.people(
        caller, _named(username, caller), social_pb2.CIRCLE_FOLLOWERS, limit=limit, cursor=cursor
    )
    return ProfileList.from_message(page)


@router.get("/{username}/following", dependencies=_READ)
async def list_following(
    username: str, caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = ""
) -> ProfileList:
    """Whom this person follows, latest first."""
    page = await gateway.social.people(
        caller, _named(username, caller), social_pb2.CIRCLE_FOLLOWING, limit=limit, cursor=cursor
    )
    return ProfileList.from_message(page)


@router.get("/{username}/tracks", dependencies=_READ)
async def list_public_tracks(
    username: str, caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = ""
) -> TrackList:
    """A person's public tracks, latest first."""
    page = await gateway.social.public_tracks(caller, _named(username, caller), limit=limit, cursor=cursor)
    links = gateway.links.of(caller)
    return TrackList(
        items=[Track.from_message(track, links) for track in page.tracks], next_cursor=page.next_cursor or None
    )


@router.put("/{username}/follow", status_code=204, response_class=Response, dependencies=_WRITE, responses=also(409))
async def follow(username: str, caller: Caller, gateway: Gateway) -> None:
    """Follow a person: their public tracks come to your feed. You can follow 5,000 people."""
    await gateway.social.set_tie(caller, _named(username, caller), social_pb2.TIE_FOLLOW, tied=True)


@router.delete("/{username}/follow", status_code=204, response_class=Response, dependencies=_WRITE)
async def unfollow(username: str, caller: Caller, gateway: Gateway) -> None:
    """Follow a person no longer."""
    await gateway.social.set_tie(caller, _named(username, caller), social_pb2.TIE_FOLLOW, tied=False)


@router.put("/{username}/block", status_code=204, response_class=Response, dependencies=_WRITE, responses=also(409))
async def block(username: str, caller: Caller, gateway: Gateway) -> None:
    """Block a person: they see nothing of you and do nothing to you, and neither follows the other any more."""
    await gateway.social.set_tie(caller, _named(username, caller), social_pb2.TIE_BLOCK, tied=True)


@router.delete("/{username}/block", status_code=204, response_class=Response, dependencies=_WRITE)
async def unblock(username: str, caller: Caller, gateway: Gateway) -> None:
    """Block a person no longer."""
    await gateway.social.set_tie(caller, _named(username, caller), social_pb2.TIE_BLOCK, tied=False)


@router.put("/{username}/mute", status_code=204, response_class=Response, dependencies=_WRITE, responses=also(409))
async def mute(username: str, caller: Caller, gateway: Gateway) -> None:
    """Mute a person: what they make stays out of your feed and explore, what they say out of the comments that you read
    and your notifications, and they do not learn of it. By their profile and by the search you still find them.
    """
    await gateway.social.set_tie(caller, _named(username, caller), social_pb2.TIE_MUTE, tied=True)


@router.delete("/{username}/mute", status_code=204, response_class=Response, dependencies=_WRITE)
async def unmute(username: str, caller: Caller, gateway: Gateway) -> None:
    """Mute a person no longer."""
    await gateway.social.set_tie(caller, _named(username, caller), social_pb2.TIE_MUTE, tied=False)


def _named(username: str, caller: Principal) -> str:
    """The name that is meant. Raises `AppError` (NOT_FOUND): a name of another form is nobody's."""
    if _USERNAME.fullmatch(username) is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is nobody of this name.")
    return caller.username if username.lower() == "me" else username.lower()
