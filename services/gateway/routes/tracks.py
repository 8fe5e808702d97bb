"""The library: finished tracks, their audio and what belongs to them."""

from __future__ import annotations

import hashlib
from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from protos.processing.v1 import processing_pb2
from protos.users.v1 import tracks_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit, known_id
from services.gateway.entity_tags import IfMatch, revised, revisions_of
from services.gateway.media.conditional import is_unchanged
from services.gateway.media.formats import WIRE_FORMATS, TrackFormat, WireFormat
from services.gateway.media.objects import Representation, object_response
from services.gateway.responses import AUDIO, also, binary
from services.gateway.schemas.track_query import TrackQuery
from services.gateway.schemas.tracks import (
    ChangedTracks,
    StemList,
    Track,
    TrackChanges,
    TrackList,
    TrackPatch,
    Waveform,
)
from services.gateway.streams.response import StreamedResponse
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/tracks", tags=["tracks"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]
# What a guest may do to its own tracks; user_management refuses to publish them.
_OWN = [Depends(Admission("write", guests=True))]
_AUDIO = [Depends(Admission("audio", takes_links=True))]
# Drawing one reads the whole track.
_PICTURES = [Depends(Admission("pictures", takes_links=True))]

_MIDI_MEDIA_TYPE = "audio/midi"
_PICTURE_MEDIA_TYPE = "image/png"

Format = Annotated[TrackFormat, Query(alias="format", description="Container and codec.")]
Points = Annotated[int, Query(ge=16, le=8_192, description="How many parts.")]
Download = Annotated[
    bool,
    Query(description="Whether it is to be kept as a file: with title, names and cover in it, and saved by browsers."),
]


@router.get("", dependencies=_READ)
async def list_tracks(
    caller: Caller,
    gateway: Gateway,
    wanted: Annotated[TrackQuery, Depends()],
    limit: Limit = 20,
    cursor: Cursor = "",
) -> TrackList:
    """Your tracks that match, newest first unless sorted otherwise."""
    page = await gateway.tracks.list(caller, wanted.to_message(limit, cursor))
    return TrackList(
        items=[Track.from_message(track, gateway.links.of(caller)) for track in page.tracks],
        next_cursor=page.next_cursor or None,
    )


@router.post("/bulk", dependencies=_WRITE)
async def change_tracks(body: TrackChanges, caller: Caller, gateway: Gateway) -> ChangedTracks:
    """Tag, move, publish or withdraw up to 200 of your tracks, or put them into the trash or take them out: in one
    transaction, with an outcome for each.
    """
    return ChangedTracks.from_message(await gateway.tracks.change(caller, body.to_message()))


@router.get("/{track_id}", dependencies=_READ)
async def get_track(track_id: str, request: Request, caller: Caller, gateway: Gateway) -> Track:
    """One track of yours, or a public one."""
    track = await _track(gateway, caller, track_id)
    revised(request, track.revision)
    return Track.from_message(track, gateway.links.of(caller))


@router.patch("/{track_id}", dependencies=_OWN)
async def update_track(
    track_id: str, body: TrackPatch, request: Request, caller: Caller, gateway: Gateway, if_match: IfMatch = None
) -> Track:
    """Change a track's title, tags, publicity or project."""
    change = body.to_message(known_id(track_id, "track"))
    change.expected_revisions.extend(revisions_of(if_match))
    track = await gateway.tracks.update(caller, change)
    revised(request, track.revision)
    return Track.from_message(track, gateway.links.of(caller))


@router.delete("/{track_id}", status_code=204, response_class=Response, dependencies=_OWN)
async def delete_track(
    track_id: str,
    caller: Caller,
    gateway: Gateway,
    forever: Annotated[bool, Query(description="Not into the trash, but at once and with its files.")] = False,
    if_match: IfMatch = None,
) -> None:
    """Put a track into the trash; after 30 days it goes for good, with its files."""
    revisions = revisions_of(if_match)
    await gateway.tracks.delete(caller, known_id(track_id, "track"), forever=forever, revisions=revisions)


@router.post("/{track_id}/restore", dependencies=_OWN)
async def restore_track(track_id: str, caller: Caller, gateway: Gateway) -> Track:
    """Take a track out of the trash."""
    track = await gateway.tracks.restore(caller, known_id(track_id, "track"))
    return Track.from_message(track, gateway.links.of(caller))


@router.get("/{track_id}/versions", dependencies=_READ)
async def list_versions(track_id: str, caller: Caller, gateway: Gateway) -> TrackList:
    """The tree around a track: what it came from, what came from it, and your own branches, oldest first.

    `parent_id` makes the tree, `relation` says how. Others' tracks are in it as far as they are public.
    """
    found = await gateway.tracks.versions(caller, known_id(track_id, "track"))
    return TrackList(items=[Track.from_message(track, gateway.links.of(caller)) for track in found], next_cursor=None)


@router.get("/{track_id}/audio", dependencies=_AUDIO, response_class=StreamedResponse, responses=AUDIO)
async def get_audio(
    track_id: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    audio_format: Format = TrackFormat.WAV,
    download: Download = False,
) -> Response:
    """The track's audio. Takes Range, If-Range, If-None-Match and If-Modified-Since."""
    track = await _track(gateway, caller, track_id)
    wire = WIRE_FORMATS[audio_format]
    return await audio_response(
        request, gateway, caller, track, track.content.master_object_key, wire, attachment=download
    )


@router.get("/{track_id}/stems", dependencies=_READ)
async def list_stems(track_id: str, caller: Caller, gateway: Gateway) -> StemList:
    """The track's parts; they sum to it."""
    return StemList.from_message(await _track(gateway, caller, track_id), gateway.links.of(caller))


@router.get("/{track_id}/stems/{name}/audio", dependencies=_AUDIO, response_class=StreamedResponse, responses=AUDIO)
async def get_stem_audio(
    track_id: str,
    name: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    audio_format: Format = TrackFormat.WAV,
    download: Download = False,
) -> Response:
    """One part's audio, as long as the track."""
    track = await _track(gateway, caller, track_id)
    key = _stem_key(track, name)
    wire = WIRE_FORMATS[audio_format]
    return await audio_response(request, gateway, caller, track, key, wire, attachment=download, part=name)


@router.get("/{track_id}/stems/{name}/waveform", dependencies=_AUDIO, response_model=Waveform, responses=also(304))
async def get_stem_waveform(
    track_id: str,
    name: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    points: Points = 1_000,
) -> Response:
    """Peaks to draw one part with."""
    track = await _track(gateway, caller, track_id)
    return await waveform_response(request, gateway, caller, track, points, _stem_key(track, name))


@router.get(
    "/{track_id}/midi", dependencies=_AUDIO, response_class=StreamedResponse, responses=binary(_MIDI_MEDIA_TYPE)
)
async def get_midi(track_id: str, request: Request, caller: Caller, gateway: Gateway) -> Response:
    """The track's notes as a Standard MIDI file."""
    track = await _track(gateway, caller, track_id)
    key = track.content.midi_object_key
    if not key:
        raise AppError(ErrorCode.NOT_FOUND, "The track has no MIDI file.")
    info = await gateway.store.head(key)
    what = Representation(
        key=key,
        size_bytes=info.size_bytes,
        media_type=_MIDI_MEDIA_TYPE,
        etag=_etag_of_key(key),
        modified=track.created_at.ToDatetime(tzinfo=UTC),
        title=track.content.title,
        extension="mid",
    )
    return await object_response(request, gateway.store, what, attachment=True)


@router.get("/{track_id}/waveform", dependencies=_AUDIO, response_model=Waveform, responses=also(304))
async def get_waveform(
    track_id: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    points: Points = 1_000,
) -> Response:
    """Peaks to draw the track with."""
    track = await _track(gateway, caller, track_id)
    return await waveform_response(request, gateway, caller, track, points)


async def waveform_response(
    request: Request,
    gateway: Collaborators,
    caller: Principal | None,
    track: tracks_pb2.Track,
    points: int,
    object_key: str = "",
) -> Response:
    """Peaks of `track`, or of a part of it; without a caller for whoever holds a link to it."""
    key = object_key or track.content.master_object_key
    etag = _etag_of_key(f"{key}?{points}")
    headers = {"etag": etag, "cache-control": "private, max-age=3600"}
    asked = request.headers
    modified = track.created_at.ToDatetime(tzinfo=UTC)
    if is_unchanged(asked.get("if-none-match"), asked.get("if-modified-since"), etag, modified):
        return Response(status_code=304, headers=headers)
    waveform = Waveform.from_message(await gateway.processing.waveform(caller, key, points))
    return Response(waveform.model_dump_json(), media_type="application/json", headers=headers)


@router.get(
    "/{track_id}/spectrogram.png",
    dependencies=_PICTURES,
    response_class=StreamedResponse,
    responses=binary(_PICTURE_MEDIA_TYPE),
)
async def get_spectrogram(
    track_id: str,
    request: Request,
    caller: Caller,
    gateway: Gateway,
    width: Annotated[int, Query(ge=64, le=4_096, description="Pixels, at least.")] = 1_200,
    height: Annotated[int, Query(ge=32, le=2_048, description="Pixels, at least.")] = 400,
    scheme: Annotated[str, Query(pattern="^[a-z][a-z0-9_-]{0,31}$", description="Colour scheme.")] = "ember",
) -> Response:
    """A picture of the track: time to the right, frequency upwards. Made once, then kept."""
    track = await _track(gateway, caller, track_id)
    made = await gateway.processing.spectrogram(
        caller, track.content.master_object_key, width=width, height=height, scheme=scheme
    )
    what = Representation(
        key=made.object_key,
        size_bytes=made.size_bytes,
        media_type=_PICTURE_MEDIA_TYPE,
        etag=f'"{made.etag}"',
        modified=track.created_at.ToDatetime(tzinfo=UTC),
        title=track.content.title,
        extension="png",
    )
    return await object_response(request, gateway.store, what, attachment=False)


async def audio_response(
    request: Request,
    gateway: Collaborators,
    caller: Principal | None,
    track: tracks_pb2.Track,
    object_key: str,
    wire: WireFormat,
    *,
    attachment: bool,
    part: str = "",
) -> Response:
    """A lossless object of `track` in the asked format; without a caller for whoever holds a link to it.

    What is to be kept as a file says what it is, and carries the cover; what is to be heard begins with the sound.
    """
    title = f"{track.content.title} ({part})" if part else track.content.title
    tags = _tags(track, title) if attachment else None
    derivative = await gateway.processing.ensure_derivative(caller, object_key, wire.proto, tags)
    what = Representation(
        key=derivative.object_key,
        size_bytes=derivative.size_bytes,
        media_type=wire.media_type,
        etag=f'"{derivative.etag}"',
        modified=track.created_at.ToDatetime(tzinfo=UTC),
        title=title,
        extension=wire.extension,
    )
    return await object_response(request, gateway.store, what, attachment=attachment)


def _tags(track: tracks_pb2.Track, title: str) -> processing_pb2.FileTags:
    content = track.content
    return processing_pb2.FileTags(
        title=title,
        artist=track.owner_username,
        copyright=content.licence.name,
        comment="; ".join(filter(None, (*content.licence.attributions, track.credit))),
        master_object_key=content.master_object_key,
        cover_object_key=track.cover_object_key,
    )


def _stem_key(track: tracks_pb2.Track, name: str) -> str:
    """Where a part of a track lies. Raises NOT_FOUND that names the parts that there are."""
    keys = {stem.name: stem.object_key for stem in track.content.stems}
    if name not in keys:
        known = ", ".join(keys) or "none"
        raise AppError(ErrorCode.NOT_FOUND, f"The track has no stem of this name. It has: {known}.")
    return keys[name]


async def _track(gateway: Collaborators, caller: Principal, track_id: str) -> tracks_pb2.Track:
    return await gateway.tracks.get(caller, known_id(track_id, "track"))


def _etag_of_key(key: str) -> str:
    # Objects are written once: their key stands for their bytes.
    return f'"{hashlib.sha256(key.encode()).hexdigest()[:32]}"'
