"""Pictures of tracks: the covers that people give them, and waveforms to look at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from protos.users.v1 import tracks_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, known_id
from services.gateway.media.objects import (
    CACHED_AND_ASKED_FOR,
    CACHED_FOR_AN_HOUR,
    Representation,
    object_response,
)
from services.gateway.media.receiving import receive_file
from services.gateway.responses import also, binary
from services.gateway.schemas.covers import COVER_FORM
from services.gateway.schemas.tracks import Track, cover_version
from services.gateway.streams.disconnect import nobody_there
from services.gateway.streams.response import StreamedResponse
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

# Whose bodies may be as large as a picture.
PATHS: Final = re.compile(r"/api/v1/tracks/[^/]+/cover")

router = APIRouter(prefix="/api/v1/tracks", tags=["tracks"], route_class=GatewayRoute)

_WRITE = [Depends(Admission("write"))]
# Looking at each costs more than any other change.
_SEND = [Depends(Admission("pictures", scope="write"))]
# Lists show many at once.
_LOOK = [Depends(Admission("audio", takes_links=True))]
# Drawing one reads the whole track.
_PICTURES = [Depends(Admission("pictures", takes_links=True))]

COVER_TYPE = "image/jpeg"
_PNG_TYPE = "image/png"
_SVG_TYPE = "image/svg+xml"

Size = Annotated[int, Query(ge=16, le=1_280, description="Pixels a side, at least.")]
Version = Annotated[
    str,
    Query(
        max_length=64,
        description="The track's `cover_version`: the answer is cached for an hour while it is the current one.",
    ),
]
Drawn = Annotated[bool, Query(description="The one that is drawn from the sound, also where there is another.")]
Width = Annotated[int, Query(ge=64, le=4_096, description="Pixels, at least.")]
Height = Annotated[int, Query(ge=32, le=2_048, description="Pixels, at least.")]
Scheme = Annotated[
    str, Query(pattern="^[a-z][a-z0-9_-]{0,31}$", description="Colour scheme: ember, ocean, grey or paper.")
]


@router.put(
    "/{track_id}/cover",
    dependencies=_SEND,
    response_model=Track,
    responses=also(408, 413, 415, 507),
    openapi_extra=COVER_FORM,
)
async def set_cover(track_id: str, request: Request, caller: Caller, gateway: Gateway) -> Track | Response:
    """Give your track a picture: PNG, JPEG or WebP, up to 10 MiB and 40 million pixels.

    The square in its middle is kept, as a new JPEG without anything of the file but its pixels. It replaces the one
    before.
    """
    track = await _track(gateway, caller, track_id)
    if track.owner_id != caller.subject:
        raise AppError(ErrorCode.NOT_FOUND, "There is no such track.")
    try:
        sent = await receive_file(request, gateway.store, caller.subject)
    except ClientDisconnect:
        return nobody_there()
    try:
        if sent.form.fields:
            name = next(iter(sent.form.fields))
            raise AppError.field(f"/{name[:50]}", "The form takes the field `file` alone.")
        changed = await gateway.processing.set_cover(caller, track.id, sent.key)
    finally:
        await sent.forget()
    return Track.from_message(changed, gateway.links.of(caller))


@router.delete("/{track_id}/cover", status_code=204, response_class=Response, dependencies=_WRITE)
async def delete_cover(track_id: str, caller: Caller, gateway: Gateway) -> None:
    """Take your track's picture away; one is drawn from its sound again."""
    await gateway.tracks.set_cover(caller, known_id(track_id, "track"), "")


@router.get("/{track_id}/cover", dependencies=_LOOK, response_class=StreamedResponse, responses=binary(COVER_TYPE))
async def get_cover(
    track_id: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    size: Size = 640,
    version: Version = "",
    drawn: Drawn = False,
) -> Response:
    """The track's picture, square: the one that its owner gave it, or one that is drawn from its sound.

    It may change at any time: ask with `If-None-Match`, or by its `version`.
    """
    track = await _track(gateway, caller, track_id)
    return await cover_response(request, gateway, caller, track, size, version=version, drawn=drawn)


async def cover_response(
    request: Request,
    gateway: Collaborators,
    caller: Principal | None,
    track: tracks_pb2.Track,
    size: int,
    *,
    version: str = "",
    drawn: bool = False,
) -> Response:
    """The picture of `track`; without a caller for whoever holds a link to it."""
    given = "" if drawn else track.cover_object_key
    made = await gateway.processing.cover(caller, track.content.master_object_key, given, size)
    current = not drawn and version == cover_version(track)
    what = Representation(
        key=made.object_key,
        size_bytes=made.size_bytes,
        media_type=COVER_TYPE,
        etag=f'"{made.etag}"',
        # A picture that is taken away makes place for one that is older.
        modified=None,
        title=track.content.title,
        extension="jpg",
        cache_control=CACHED_FOR_AN_HOUR if current else CACHED_AND_ASKED_FOR,
    )
    return await object_response(request, gateway.store, what, attachment=False)


@dataclass(frozen=True, slots=True)
class _Look:
    """How a waveform is to be drawn."""

    width: Width = 1_200
    height: Height = 200
    scheme: Scheme = "ember"


Look = Annotated[_Look, Depends()]


@router.get(
    "/{track_id}/waveform.png", dependencies=_PICTURES, response_class=StreamedResponse, responses=binary(_PNG_TYPE)
)
async def get_waveform_png(track_id: str, request: Request, caller: Caller, gateway: Gateway, look: Look) -> Response:
    """The track's waveform as pixels: extremes as the body, RMS as the core. Made once, then kept."""
    return await _waveform(request, gateway, caller, track_id, look, vector=False)


@router.get(
    "/{track_id}/waveform.svg", dependencies=_PICTURES, response_class=StreamedResponse, responses=binary(_SVG_TYPE)
)
async def get_waveform_svg(track_id: str, request: Request, caller: Caller, gateway: Gateway, look: Look) -> Response:
    """The track's waveform as shapes that scale to any size. Made once, then kept."""
    return await _waveform(request, gateway, caller, track_id, look, vector=True)


async def _waveform(
    request: Request, gateway: Collaborators, caller: Principal, track_id: str, look: _Look, *, vector: bool
) -> Response:
    track = await _track(gateway, caller, track_id)
    made = await gateway.processing.waveform_picture(
        caller,
        track.content.master_object_key,
        width=look.width,
        height=look.height,
        scheme=look.scheme,
        vector=vector,
    )
    what = Representation(
        key=made.object_key,
        size_bytes=made.size_bytes,
        media_type=_SVG_TYPE if vector else _PNG_TYPE,
        etag=f'"{made.etag}"',
        modified=track.created_at.ToDatetime(tzinfo=UTC),
        title=track.content.title,
        extension="svg" if vector else "png",
    )
    return await object_response(request, gateway.store, what, attachment=False)


async def _track(gateway: Collaborators, caller: Principal, track_id: str) -> tracks_pb2.Track:
    return await gateway.tracks.get(caller, known_id(track_id, "track"))
