"""Links that open one track for whoever holds them: their owners' calls, and everybody's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from protos.users.v1 import tracks_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, known_id
from services.gateway.device import device_of
from services.gateway.media.formats import WIRE_FORMATS, TrackFormat
from services.gateway.responses import AUDIO, also, binary
from services.gateway.routes.covers import COVER_TYPE, Size, cover_response
from services.gateway.routes.tracks import Download, Format, Points, audio_response, waveform_response
from services.gateway.schemas.sharing import NewShare, OpenShareRequest, Share, SharedTrack, ShareList, ShareRequest
from services.gateway.schemas.tracks import Waveform
from services.gateway.streams.response import StreamedResponse
from services.shared.errors import AppError, ErrorCode

router = APIRouter(prefix="/api/v1", tags=["sharing"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]
_OPEN = [Depends(Admission("shared", signed_in=False))]
_MEDIA = [Depends(Admission("audio", signed_in=False))]

# What a link leads to.
_PARTS = ("audio", "waveform", "cover")
# Whom the signatures of these links name: nobody who could sign in.
_BEARER = "share"

Expires = Annotated[str, Query(max_length=12, description="Of the link.")]
Signature = Annotated[str, Query(max_length=200, description="Of the link.")]


@router.post("/tracks/{track_id}/share", status_code=201, dependencies=_WRITE, responses=also(409))
async def create_share(
    track_id: str, body: ShareRequest, request: Request, caller: Caller, gateway: Gateway
) -> NewShare:
    """Make a link that opens your track, private or not, for whoever holds it. Its token is in this answer and nowhere
    else.
    """
    made = await gateway.sharing.create(
        caller,
        known_id(track_id, "track"),
        expires_in_hours=body.expires_in_hours or 0,
        password=body.password or "",
        device=device_of(request),
    )
    return NewShare(share=Share.from_message(made.share), token=made.token)


@router.get("/tracks/{track_id}/shares", dependencies=_READ)
async def list_shares(track_id: str, caller: Caller, gateway: Gateway) -> ShareList:
    """The links to your track, newest first, without their tokens."""
    shares = await gateway.sharing.list(caller, known_id(track_id, "track"))
    return ShareList(items=[Share.from_message(share) for share in shares])


@router.delete("/tracks/{track_id}/shares/{share_id}", status_code=204, response_class=Response, dependencies=_WRITE)
async def revoke_share(track_id: str, share_id: str, request: Request, caller: Caller, gateway: Gateway) -> None:
    """End a link, at once: also for whoever has opened it."""
    await gateway.sharing.revoke(caller, known_id(track_id, "track"), known_id(share_id, "link"), device_of(request))


@router.post("/shared", dependencies=_OPEN, responses=also(404))
async def open_share(body: OpenShareRequest, request: Request, gateway: Gateway) -> SharedTrack:
    """What a link leads to, without an account. Send `password` where the answer is 422 and points there."""
    opened = await gateway.sharing.open(body.token, body.password or "", device_of(request))
    root = f"/api/v1/shared/{opened.share.id}"
    links = {name: gateway.links.link(f"{root}/{name}", _BEARER, opened.share.id) for name in _PARTS}
    return SharedTrack.from_message(opened, links)


@router.get(
    "/shared/{share_id}/audio", dependencies=_MEDIA, response_class=StreamedResponse, responses={**AUDIO, **also(401)}
)
async def get_shared_audio(
    share_id: str,
    request: Request,
    gateway: Gateway,
    expires: Expires = "",
    signature: Signature = "",
    audio_format: Format = TrackFormat.MP3,
    download: Download = False,
) -> Response:
    """A shared track's audio, by the signed link that opening it gave. Takes Range, If-Range, If-None-Match and
    If-Modified-Since.
    """
    track = await _shared(request, gateway, share_id, expires, signature)
    wire = WIRE_FORMATS[audio_format]
    key = track.content.master_object_key
    return await audio_response(request, gateway, None, track, key, wire, attachment=download)


@router.get("/shared/{share_id}/waveform", dependencies=_MEDIA, response_model=Waveform, responses=also(304, 401))
async def get_shared_waveform(
    share_id: str,
    request: Request,
    gateway: Gateway,
    expires: Expires = "",
    signature: Signature = "",
    points: Points = 1_000,
) -> Response:
    """Peaks to draw a shared track with, by the signed link that opening it gave."""
    track = await _shared(request, gateway, share_id, expires, signature)
    return await waveform_response(request, gateway, None, track, points)


@router.get(
    "/shared/{share_id}/cover",
    dependencies=_MEDIA,
    response_class=StreamedResponse,
    responses={**binary(COVER_TYPE), **also(401)},
)
async def get_shared_cover(
    share_id: str,
    request: Request,
    gateway: Gateway,
    expires: Expires = "",
    signature: Signature = "",
    size: Size = 640,
) -> Response:
    """A shared track's picture, square, by the signed link that opening it gave. Ask again with `If-None-Match`."""
    track = await _shared(request, gateway, share_id, expires, signature)
    return await cover_response(request, gateway, None, track, size)


async def _shared(
    request: Request, gateway: Collaborators, share_id: str, expires: str, signature: str
) -> tracks_pb2.Track:
    """The track, while link and signature hold. Raises `AppError`: UNAUTHENTICATED, NOT_FOUND."""
    bearer = gateway.links.verify(request.scope["path"], expires, signature)
    if bearer.subject != _BEARER or bearer.session_id != share_id:
        raise AppError(ErrorCode.UNAUTHENTICATED, "The link's signature is not valid. Open the shared link again.")
    return (await gateway.sharing.shared(share_id)).track
