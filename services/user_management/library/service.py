"""`musicgen.users.v1.TrackService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import tracks_pb2, tracks_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_user
from services.user_management.background.sender import BACKGROUND, BackgroundTasks
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.guests.rules import check_publicity
from services.user_management.jobs.repository import JobRepository
from services.user_management.library.bulk import MOST_TRACKS, Outcome, missing
from services.user_management.library.objects import CLEANUP_AFTER_DELETE, cover_folder, prefixes_of
from services.user_management.library.removal import removed
from services.user_management.library.repository import TrackRepository
from services.user_management.library.rules import tags, title
from services.user_management.library.track import Track
from services.user_management.library.wire import (
    LONGEST_KEY,
    bulk_change,
    no_such_project,
    outcome_message,
    project_reference,
    track_message,
    wanted,
)
from services.user_management.projects.repository import ProjectRepository
from services.user_management.revisions import changed_meanwhile, expected
from services.user_management.wire import fitting, page_limit, parse_id, storable

Context = Any

DELETE_OBJECTS: Final = "background.delete_objects"
MOST_VERSIONS: Final = 200


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

        track = _existing(await self._database.read(query))
        return tracks_pb2.GetTrackResponse(track=track_message(track, viewer_id))

    async def ListTracks(
        self, request: tracks_pb2.ListTracksRequest, context: Context
    ) -> tracks_pb2.ListTracksResponse:
        """The caller's tracks, newest first."""
        owner_id = user_id()
        limit = page_limit(request.page.limit)
        asked = wanted(request)

        async def query(connection: AsyncConnection) -> list[tuple[Track, str]]:
            return await TrackRepository(connection).listed(owner_id, asked, request.page.cursor, limit + 1)

        found = await self._database.read(query)
        messages = [track_message(track, owner_id) for track, _ in found[:limit]]
        count = fitting(messages)
        return tracks_pb2.ListTracksResponse(
            tracks=messages[:count], next_cursor=found[count - 1][1] if len(found) > count else ""
        )

    async def ListVersions(
        self, request: tracks_pb2.ListVersionsRequest, context: Context
    ) -> tracks_pb2.ListVersionsResponse:
        """The tree around a track that the caller may hear."""
        viewer_id, track_id = user_id(), _track_id(request.track_id)

        async def query(connection: AsyncConnection) -> list[Track]:
            return await TrackRepository(connection).versions(track_id, viewer_id, MOST_VERSIONS)

        found = await self._database.read(query)
        if not found:
            raise _no_such_track()
        messages = [track_message(track, viewer_id) for track in found]
        return tracks_pb2.ListVersionsResponse(tracks=messages[: fitting(messages)])

    async def UpdateTrack(
        self, request: tracks_pb2.UpdateTrackRequest, context: Context
    ) -> tracks_pb2.UpdateTrackResponse:
        """Change what the caller's own track is called, its tags, or who may hear it."""
        owner_id, track_id = user_id(), _track_id(request.track_id)
        changes: dict[str, Any] = {}
        if request.HasField("title"):
            changes["title"] = title(request.title)
        if request.HasField("public"):
            check_publicity(require_user().role, public=request.public)
            changes["public"] = request.public
        if request.set_tags:
            changes["tags"] = tags(request.tags)
        revisions = expected(request.expected_revisions)
        project_id = project_reference(request.project_id) if request.HasField("project_id") else None
        if request.HasField("project_id"):
            changes["project_id"] = project_id

        async def work(connection: AsyncConnection) -> Track | None:
            library = TrackRepository(connection)
            await _require_project(connection, project_id, owner_id)
            changed = await library.update(track_id, owner_id, changes, revisions)
            if not changed and revisions and await library.update(track_id, owner_id, {}):
                raise changed_meanwhile()
            return await library.visible(track_id, owner_id) if changed else None

        # Done once, it finds another revision.
        track = _existing(await self._database.write(work, repeatable=not revisions))
        return tracks_pb2.UpdateTrackResponse(track=track_message(track, owner_id))

    async def ChangeTracks(
        self, request: tracks_pb2.ChangeTracksRequest, context: Context
    ) -> tracks_pb2.ChangeTracksResponse:
        """Change several of the caller's own tracks in one transaction."""
        owner_id, named, change = user_id(), list(dict.fromkeys(request.track_ids)), bulk_change(request)
        check_publicity(require_user().role, public=bool(change.public))
        if not 1 <= len(named) <= MOST_TRACKS:
            raise AppError.field("/track_ids", f"Name 1 to {MOST_TRACKS} tracks.")
        asked = {text: parse_id(text) for text in named}

        async def work(connection: AsyncConnection) -> list[Outcome]:
            library = TrackRepository(connection)
            await _require_project(connection, change.project_id, owner_id)
            there = await library.lock_own([found for found in asked.values() if found is not None], owner_id)
            outcomes: dict[str, Outcome] = {}
            tagged: dict[UUID, Sequence[str]] = {}
            changed: list[UUID] = []
            for text, track_id in asked.items():
                row = there.get(track_id) if track_id is not None else None
                if row is None or not change.reaches(in_trash=row.deleted_at is not None):
                    outcomes[text] = missing(text)
                    continue
                try:
                    after = change.tags_of(row.tags)
                except AppError as error:
                    outcomes[text] = Outcome(text, error.code, error.message)
                    continue
                if list(after) != list(row.tags):
                    tagged[row.id] = after
                changed.append(row.id)
            await library.set_tags(tagged)
            await library.change(changed, change)
            return [outcomes.get(text, Outcome(text)) for text in asked]

        outcomes = await self._database.write(work, repeatable=True)
        return tracks_pb2.ChangeTracksResponse(tracks=[outcome_message(outcome) for outcome in outcomes])

    async def DeleteTrack(
        self, request: tracks_pb2.DeleteTrackRequest, context: Context
    ) -> tracks_pb2.DeleteTrackResponse:
        """Put the caller's own track into the trash, or remove it."""
        owner_id, track_id = user_id(), _track_id(request.track_id)
        revisions = expected(request.expected_revisions)
        if request.forever:
            await self._remove(track_id, owner_id, revisions)
            return tracks_pb2.DeleteTrackResponse()

        async def work(connection: AsyncConnection) -> bool:
            library = TrackRepository(connection)
            moved = await library.set_deleted(track_id, owner_id, True, revisions)
            if not moved and revisions and await library.update(track_id, owner_id, {}):
                raise changed_meanwhile()
            return moved

        if not await self._database.write(work, repeatable=not revisions):
            raise _no_such_track()
        return tracks_pb2.DeleteTrackResponse()

    async def _remove(self, track_id: UUID, owner_id: UUID, revisions: Collection[int]) -> None:
        async def work(connection: AsyncConnection) -> Track | None:
            return await removed(connection, track_id, owner_id, revisions)

        track = _existing(await self._database.write(work))
        # Should this message be lost, the sweep finds the objects.
        self._tasks.post(DELETE_OBJECTS, prefixes_of(track.object_keys), queue=BACKGROUND)

    async def RestoreTrack(
        self, request: tracks_pb2.RestoreTrackRequest, context: Context
    ) -> tracks_pb2.RestoreTrackResponse:
        """Take the caller's own track out of the trash. One that does not lie there is as it should be."""
        owner_id, track_id = user_id(), _track_id(request.track_id)

        async def work(connection: AsyncConnection) -> Track | None:
            library = TrackRepository(connection)
            await library.set_deleted(track_id, owner_id, False)
            found = await library.visible(track_id, owner_id)
            return found if found is not None and found.owner_id == owner_id else None

        track = _existing(await self._database.write(work, repeatable=True))
        return tracks_pb2.RestoreTrackResponse(track=track_message(track, owner_id))

    async def SetCover(self, request: tracks_pb2.SetCoverRequest, context: Context) -> tracks_pb2.SetCoverResponse:
        """Give the caller's own track a picture, or take its picture away."""
        owner_id, track_id = user_id(), _track_id(request.track_id)
        key = storable(request.object_key, LONGEST_KEY)

        async def work(connection: AsyncConnection) -> tuple[Track | None, str]:
            library = TrackRepository(connection)
            track = await library.lock(track_id, owner_id)
            if track is None:
                return None, ""
            # Otherwise a track could show, and its deletion remove, what is somebody else's.
            if key and not key.startswith(cover_folder(track.job_id)):
                raise AppError.field("/object_key", "The picture of a track lies in its own folder.")
            earlier = track.cover_object_key
            if earlier == key:
                return track, ""
            await library.set_cover(track_id, key)
            # What lies there is counted anew, and what nothing refers to any more is swept.
            await JobRepository(connection).set_cleanup([track.job_id], CLEANUP_AFTER_DELETE)
            return await library.lock(track_id, owner_id), earlier

        found, earlier = await self._database.write(work, repeatable=True)
        track = _existing(found)
        if earlier:
            # Should this message be lost, the sweep finds the picture.
            self._tasks.post(DELETE_OBJECTS, prefixes_of([earlier]), queue=BACKGROUND)
        return tracks_pb2.SetCoverResponse(track=track_message(track, owner_id))


async def _require_project(connection: AsyncConnection, project_id: UUID | None, owner_id: UUID) -> None:
    """Raises `AppError` (VALIDATION) unless it is one of the owner's, which it then stays, or none."""
    if project_id is not None and not await ProjectRepository(connection).keep(project_id, owner_id):
        raise no_such_project()


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
