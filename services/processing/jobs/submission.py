"""From a caller's request to a job of the ledger: checked by its kind, its tracks read with the caller's own rights."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from protos.common.v1 import common_pb2
from protos.processing.v1 import processing_pb2
from protos.users.v1 import jobs_pb2, jobs_pb2_grpc, tracks_pb2, tracks_pb2_grpc
from services.processing.jobs import registry, separated
from services.processing.jobs.kind import JobKind, Wanted
from services.processing.jobs.stored_request import SourceRecord, StoredRequest, at_place, source_record
from services.shared.errors import AppError
from services.shared.findings import json_pointer
from services.shared.grpc_client import call
from services.shared.identity import Principal
from services.shared.telemetry import inject_headers

QUEUE: Final = "processing"
IMPORT: Final = "import"
# Folder of files that were sent (contracts.md): `uploads/<user>/<id>`.
UPLOADS: Final = "uploads"

# As much as the gateway lets through; what the ledger keeps of it may be longer by the sources (users.v1, 2 MiB).
LONGEST_REQUEST: Final = 1024 * 1024
MOST_TRACKS: Final = 64
_IDEMPOTENT_RETRIES: Final = 3
# A song's stems are looked for among so many of the newest tracks that were made from it.
_PAGE: Final = 100
_MOST_PAGES: Final = 5


class Submissions:
    """Creates processing jobs."""

    def __init__(self, jobs: jobs_pb2_grpc.JobServiceStub, tracks: tracks_pb2_grpc.TrackServiceStub) -> None:
        self._jobs = jobs
        self._tracks = tracks

    async def create(self, request: processing_pb2.SubmitRequest, caller: Principal) -> jobs_pb2.CreateResponse:
        """Check and create. Raises VALIDATION and NOT_FOUND by field, QUOTA_EXCEEDED, QUEUE_FULL, …"""
        # In a thread: a kind's package may take a second to import.
        kind = await asyncio.to_thread(registry.kind_of, request.kind)
        if kind is None:
            known = ", ".join(registry.offered())
            raise AppError.field("/kind", f"{request.kind[:40]!r} is not offered here; choose one of: {known}.")
        body = _object(request.request_json)
        asked = kind.parse(body)
        sources = await self._sources(kind, asked, caller)
        stored = StoredRequest(
            # What was said, and nothing else: an explicit null may mean something other than silence does.
            body=asked.model_dump(mode="json", by_alias=True, exclude_unset=True),
            sources=sources,
            upload=_own_upload(request.upload, kind, caller),
            trace=inject_headers({}),
        )
        create = jobs_pb2.CreateRequest(
            kind=kind.name,
            queue=QUEUE,
            request_json=stored.to_json(),
            cost=1,
            # The file that was sent lies there until the job has ended.
            reserve_bytes=request.upload.size_bytes
            + kind.written_bytes(asked, {source.track_id: source for source in sources}),
            idempotency=request.idempotency,
        )
        # Only a call with a key may be repeated by us: without one, a lost answer would make two jobs.
        retries = _IDEMPOTENT_RETRIES if request.idempotency.key else 0
        answer: jobs_pb2.CreateResponse = await call(self._jobs.Create, create, token=caller.token, retries=retries)
        return answer

    async def _sources(self, kind: JobKind, asked: Any, caller: Principal) -> list[SourceRecord]:
        places: dict[str, list[Wanted]] = {}
        for place in kind.wanted(asked):
            places.setdefault(place.track_id, []).append(place)
        if len(places) > MOST_TRACKS:
            raise AppError.field("", f"A job takes at most {MOST_TRACKS} different tracks.")
        return list(await asyncio.gather(*(self._source(named, caller) for named in places.values())))

    async def _source(self, named: list[Wanted], caller: Principal) -> SourceRecord:
        track = await self._track(named[0], caller)
        return source_record(track, named, await self._separated(track, named, caller))

    async def _separated(self, track: tracks_pb2.Track, named: list[Wanted], caller: Principal) -> Mapping[str, str]:
        """The stems that are wanted and that the track has only as tracks of their own: name → object key."""
        own = {stem.name for stem in track.content.stems}
        places = [place for place in named if place.separated]
        missing = {name for place in places for name in place.stems or () if name not in own}
        every = not own and any(place.stems is None for place in places)
        if not (missing or every):
            return {}
        children = await self._children(track, caller)
        found = separated.whole_song(children) if every else {}
        for name in missing:
            found |= separated.newest(children, name)
        return found

    async def _children(self, track: tracks_pb2.Track, caller: Principal) -> list[tracks_pb2.Track]:
        """What the caller made from the track, newest first."""
        children: list[tracks_pb2.Track] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            page = common_pb2.PageRequest(limit=_PAGE, cursor=cursor)
            answer: tracks_pb2.ListTracksResponse = await call(
                self._tracks.ListTracks,
                tracks_pb2.ListTracksRequest(page=page, parent_id=track.id),
                token=caller.token,
                retries=_IDEMPOTENT_RETRIES,
            )
            children += answer.tracks
            cursor = answer.next_cursor
            if not cursor:
                break
        return children

    async def _track(self, place: Wanted, caller: Principal) -> tracks_pb2.Track:
        """The track with the caller's own rights, so that nobody works on what they may not hear."""
        try:
            answer: tracks_pb2.GetTrackResponse = await call(
                self._tracks.GetTrack,
                tracks_pb2.GetTrackRequest(track_id=place.track_id),
                token=caller.token,
                retries=_IDEMPOTENT_RETRIES,
            )
        except AppError as error:
            raise at_place(error, place) from error
        return answer.track


def _own_upload(upload: processing_pb2.Upload, kind: JobKind, caller: Principal) -> str:
    """Where the file lies that an import is about: where only its owner's uploads lie."""
    if kind.name != IMPORT:
        if upload.object_key:
            raise AppError.field("/upload", f"{kind.name} takes no file.")
        return ""
    if not upload.object_key.startswith(f"{UPLOADS}/{caller.subject}/"):
        raise AppError.field("/upload", "The file has to be sent first.")
    return upload.object_key


def _object(text: str) -> Mapping[str, Any]:
    if len(text.encode(errors="replace")) > LONGEST_REQUEST:
        raise AppError.field("", f"The request is too long: at most {LONGEST_REQUEST // 1024:,} KiB.")
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise AppError.field("", "The request is not valid JSON.") from None
    if not isinstance(body, dict):
        raise AppError.field("", "The request has to be a JSON object.")
    place = _place_of_nul(body)
    if place is not None:
        raise AppError.field(place, "Texts must not hold the character U+0000.")
    return body


def _place_of_nul(body: dict[str, Any]) -> str | None:
    """Where a text holds U+0000, which no database keeps; None if none does. Without recursion: JSON may be deep."""
    waiting: list[tuple[tuple[object, ...], Any]] = [((), body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            if any("\0" in name for name in value):
                return json_pointer(path)
            waiting.extend(((*path, name), part) for name, part in value.items())
        elif isinstance(value, list):
            waiting.extend(((*path, index), part) for index, part in enumerate(value))
        elif isinstance(value, str) and "\0" in value:
            return json_pointer(path)
    return None
