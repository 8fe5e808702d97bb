"""`musicgen.users.v1.TrackService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import tracks_pb2, tracks_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.user_management.background.sender import BACKGROUND, BackgroundTasks
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.jobs.repository import JobRepository
from services.user_management.library.objects import CLEANUP_AFTER_DELETE, prefixes_of
from services.user_management.library.repository import TrackRepository
from services.user_management.library.rules import tags, title
from services.user_management.library.track import Track
from services.user_management.library.wire import track_message
from services.user_management.wire import cursor_id, cursor_of, fitting, page_limit, parse_id

Context = Any

DELETE_OBJECTS: Final = "background.delete_objects"


class TrackServicer(tracks_pb2_grpc.TrackServiceServicer):
    """The caller's tracks, and everybody's public ones."""

    def __init__(self, database: Database, tasks: BackgroundTasks) -> None:
        self._database = database
        self._tasks = tasks

    async def GetTrack(self, request: tracks_pb2.GetTrackRequest, context: Context) -> tracks_pb2.GetTrackResponse:
        """One track that the caller may hear."""
        viewer_id = user_id()
        track_id = _track_id(request.track_id)

        async def query(connection: AsyncConnection) -> Track | None:
            return await TrackRepository(connection).visible(track_id, viewer_id)

        return tracks_pb2.GetTrackResponse(track=track_message(_existing(await self._database.read(query))))

    async def ListTracks(
        self, request: tracks_pb2.ListTracksRequest, context: Context
    ) -> tracks_pb2.ListTracksResponse:
        """The caller's tracks, newest first."""
        owner_id = user_id()
        limit = page_limit(request.page.limit)
        before_id = cursor_id(request.page.cursor)

        async def query(connection: AsyncConnection) -> list[Track]:
            return await TrackRepository(connection).of_owner(owner_id, before_id=before_id, limit=limit + 1)

        found = await self._database.read(query)
        messages = [track_message(track) for track in found[:limit]]
        count = fitting(messages)
        return tracks_pb2.ListTracksResponse(
            tracks=messages[:count],
            next_cursor=cursor_of(found[count - 1].id) if len(found) > count else "",
        )

    async def UpdateTrack(
        self, request: tracks_pb2.UpdateTrackRequest, context: Context
    ) -> tracks_pb2.UpdateTrackResponse:
        """Change what the caller's own track is called, its tags, or who may hear it."""
        owner_id, track_id = user_id(), _track_id(request.track_id)
        changes: dict[str, Any] = {}
        if request.HasField("title"):
            changes["title"] = title(request.title)
        if request.HasField("public"):
            changes["public"] = request.public
        if request.set_tags:
            changes["tags"] = tags(request.tags)

        async def work(connection: AsyncConnection) -> Track | None:
            library = TrackRepository(connection)
            changed = await library.update(track_id, owner_id, changes)
            return await library.visible(track_id, owner_id) if changed else None

        track = _existing(await self._database.write(work, repeatable=True))
        return tracks_pb2.UpdateTrackResponse(track=track_message(track))

    async def DeleteTrack(
        self, request: tracks_pb2.DeleteTrackRequest, context: Context
    ) -> tracks_pb2.DeleteTrackResponse:
        """Remove the caller's own track. Its objects follow; should that message be lost, the sweep finds them."""
        owner_id, track_id = user_id(), _track_id(request.track_id)

        async def work(connection: AsyncConnection) -> Track | None:
            track = await TrackRepository(connection).delete(track_id, owner_id)
            if track is not None:
                jobs = JobRepository(connection)
                # Files that jobs made of the track go with it.
                about_it = await jobs.files_of_tracks(owner_id, track_id)
                await jobs.set_cleanup([track.job_id, *about_it], CLEANUP_AFTER_DELETE)
            return track

        track = _existing(await self._database.write(work))
        self._tasks.post(DELETE_OBJECTS, prefixes_of(track.content.object_keys), queue=BACKGROUND)
        return tracks_pb2.DeleteTrackResponse()


def _track_id(text: str) -> UUID:
    track_id = parse_id(text)
    if track_id is None:
        raise _no_such_track()
    return track_id


def _existing(track: Track | None) -> Track:
    if track is None:
        raise _no_such_track()
    return track


def _no_such_track() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such track.")
