"""`musicgen.users.v1.PlaylistService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import playlists_pb2, playlists_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.user_management.callers import user_id
from services.user_management.database import Database, Work, refers_to_nothing
from services.user_management.jobs.idempotency import IdempotencyRepository
from services.user_management.jobs.wire import idempotency_key
from services.user_management.library.repository import TrackRepository
from services.user_management.notifications.bell import NotificationBell, Told
from services.user_management.notifications.notification import Kind
from services.user_management.notifications.repository import NotificationRepository
from services.user_management.playlists.playlist import Member, PlacedTrack, Playlist, Role
from services.user_management.playlists.repository import PlaylistRepository
from services.user_management.playlists.rules import MOST_MEMBERS, MOST_PLAYLISTS, MOST_TRACKS
from services.user_management.playlists.wire import (
    changes,
    cursor_behind,
    member_message,
    new_playlist,
    place,
    place_of,
    placed_message,
    playlist_message,
)
from services.user_management.revisions import check, expected
from services.user_management.wire import cursor_id, cursor_of, fitting, page_limit, parse_id, storable

Context = Any
Found = TypeVar("Found")

_LONGEST_USERNAME = 64


class PlaylistServicer(playlists_pb2_grpc.PlaylistServiceServicer):
    """What the caller may read and change of playlists."""

    def __init__(self, database: Database, bell: NotificationBell) -> None:
        self._database = database
        self._bell = bell

    async def CreatePlaylist(
        self, request: playlists_pb2.CreatePlaylistRequest, context: Context
    ) -> playlists_pb2.CreatePlaylistResponse:
        """Make an empty playlist."""
        owner_id, new, key = user_id(), new_playlist(request), idempotency_key(request.idempotency)
        playlist_id = UUID(new_id())

        async def work(connection: AsyncConnection) -> tuple[Playlist, bool]:
            repository = PlaylistRepository(connection)
            earlier = await IdempotencyRepository(connection).claim(owner_id, key, playlist_id) if key else None
            if earlier is not None:
                # Gone since: the key stays used, and the answer says so.
                return _existing(await repository.readable(earlier, owner_id)), True
            if await repository.count_of(owner_id) >= MOST_PLAYLISTS:
                raise AppError(
                    ErrorCode.CONFLICT, f"You have {MOST_PLAYLISTS} playlists, which is the limit. Remove one first."
                )
            await repository.insert(playlist_id, owner_id, new)
            return _existing(await repository.readable(playlist_id, owner_id)), False

        playlist, replayed = await self._written(work, repeatable=key is not None)
        return playlists_pb2.CreatePlaylistResponse(playlist=playlist_message(playlist), replayed=replayed)

    async def ListPlaylists(
        self, request: playlists_pb2.ListPlaylistsRequest, context: Context
    ) -> playlists_pb2.ListPlaylistsResponse:
        """The caller's and those that the caller was let into; or somebody's public ones."""
        viewer_id, limit, before_id = user_id(), page_limit(request.page.limit), cursor_id(request.page.cursor)
        username = storable(request.owner_username, _LONGEST_USERNAME)

        async def query(connection: AsyncConnection) -> list[Playlist] | None:
            repository = PlaylistRepository(connection)
            if username:
                return await repository.public_of(username, viewer_id, before_id, limit + 1)
            return await repository.of(viewer_id, before_id, limit + 1)

        found = await self._database.read(query)
        if found is None:
            raise _no_such_person()
        return playlists_pb2.ListPlaylistsResponse(
            playlists=[playlist_message(playlist) for playlist in found[:limit]],
            next_cursor=cursor_of(found[limit - 1].id) if len(found) > limit else "",
        )

    async def GetPlaylist(
        self, request: playlists_pb2.GetPlaylistRequest, context: Context
    ) -> playlists_pb2.GetPlaylistResponse:
        """One playlist that the caller may read."""
        viewer_id, playlist_id = user_id(), _playlist_id(request.playlist_id)
        found = await self._database.read(
            lambda connection: PlaylistRepository(connection).readable(playlist_id, viewer_id)
        )
        return playlists_pb2.GetPlaylistResponse(playlist=playlist_message(_existing(found)))

    async def UpdatePlaylist(
        self, request: playlists_pb2.UpdatePlaylistRequest, context: Context
    ) -> playlists_pb2.UpdatePlaylistResponse:
        """Change what the caller's own playlist is called, who reads it, and who adds to it."""
        caller_id, playlist_id, asked = user_id(), _playlist_id(request.playlist_id), changes(request)
        revisions = expected(request.expected_revisions)

        async def work(connection: AsyncConnection) -> Playlist:
            repository = PlaylistRepository(connection)
            there = _existing(await repository.readable(playlist_id, caller_id, lock=True))
            there.require_owner()
            check(there.revision, revisions)
            if asked:
                await repository.update(playlist_id, asked)
            return _existing(await repository.readable(playlist_id, caller_id))

        # Done once, it finds another revision.
        changed = await self._database.write(work, repeatable=not revisions)
        return playlists_pb2.UpdatePlaylistResponse(playlist=playlist_message(changed))

    async def DeletePlaylist(
        self, request: playlists_pb2.DeletePlaylistRequest, context: Context
    ) -> playlists_pb2.DeletePlaylistResponse:
        """Remove the caller's own playlist."""
        caller_id, playlist_id = user_id(), _playlist_id(request.playlist_id)
        revisions = expected(request.expected_revisions)

        async def work(connection: AsyncConnection) -> None:
            repository = PlaylistRepository(connection)
            there = _existing(await repository.readable(playlist_id, caller_id, lock=True))
            there.require_owner()
            check(there.revision, revisions)
            await repository.delete(playlist_id)

        await self._database.write(work)
        return playlists_pb2.DeletePlaylistResponse()

    async def ListPlaylistTracks(
        self, request: playlists_pb2.ListPlaylistTracksRequest, context: Context
    ) -> playlists_pb2.ListPlaylistTracksResponse:
        """The tracks that the caller may hear, in order."""
        viewer_id, playlist_id = user_id(), _playlist_id(request.playlist_id)
        limit, after = page_limit(request.page.limit), place_of(request.page.cursor)

        async def query(connection: AsyncConnection) -> list[PlacedTrack]:
            repository = PlaylistRepository(connection)
            _existing(await repository.readable(playlist_id, viewer_id))
            return await repository.placed(playlist_id, viewer_id, after=after, limit=limit + 1)

        found = await self._database.read(query)
        messages = [placed_message(placed) for placed in found[:limit]]
        count = fitting(messages)
        return playlists_pb2.ListPlaylistTracksResponse(
            tracks=messages[:count], next_cursor=cursor_behind(found[count - 1]) if len(found) > count else ""
        )

    async def PutPlaylistTrack(
        self, request: playlists_pb2.PutPlaylistTrackRequest, context: Context
    ) -> playlists_pb2.PutPlaylistTrackResponse:
        """Add a track that the caller may hear, or move one."""
        caller_id, playlist_id = user_id(), _playlist_id(request.playlist_id)
        track_id, where = parse_id(request.track_id), place(request)

        async def work(connection: AsyncConnection) -> PlacedTrack | None:
            repository = PlaylistRepository(connection)
            playlist = _existing(await repository.readable(playlist_id, caller_id, lock=True))
            playlist.require_contributor()
            if track_id is None or await TrackRepository(connection).visible(track_id, caller_id) is None:
                raise _no_such_track()
            there, added_by = await repository.adder(playlist_id, track_id)
            if not there and playlist.track_count >= MOST_TRACKS:
                raise AppError(
                    ErrorCode.CONFLICT, f"The playlist has {MOST_TRACKS} tracks, which is the limit. Take one out."
                )
            if there and where.given:
                playlist.require_right_to(added_by, caller_id)
            if where.given or not there:
                await repository.put(playlist_id, track_id, caller_id, where)
            return await repository.entry(playlist_id, track_id, caller_id)

        placed = await self._written(work)
        if placed is None:
            raise _no_such_track()
        return playlists_pb2.PutPlaylistTrackResponse(track=placed_message(placed))

    async def RemovePlaylistTrack(
        self, request: playlists_pb2.RemovePlaylistTrackRequest, context: Context
    ) -> playlists_pb2.RemovePlaylistTrackResponse:
        """Take a track out; also one that its owner has withdrawn since."""
        caller_id, playlist_id = user_id(), _playlist_id(request.playlist_id)
        track_id = parse_id(request.track_id)

        async def work(connection: AsyncConnection) -> None:
            repository = PlaylistRepository(connection)
            playlist = _existing(await repository.readable(playlist_id, caller_id, lock=True))
            playlist.require_contributor()
            there, added_by = await repository.adder(playlist_id, track_id) if track_id else (False, None)
            if track_id is None or not there:
                raise AppError(ErrorCode.NOT_FOUND, "The playlist has no such track.")
            playlist.require_right_to(added_by, caller_id)
            await repository.remove(playlist_id, track_id)

        await self._database.write(work)
        return playlists_pb2.RemovePlaylistTrackResponse()

    async def ListPlaylistMembers(
        self, request: playlists_pb2.ListPlaylistMembersRequest, context: Context
    ) -> playlists_pb2.ListPlaylistMembersResponse:
        """Who was let in: for the owner and those who were."""
        viewer_id, playlist_id = user_id(), _playlist_id(request.playlist_id)

        async def query(connection: AsyncConnection) -> list[Member]:
            repository = PlaylistRepository(connection)
            playlist = _existing(await repository.readable(playlist_id, viewer_id))
            playlist.require_insider()
            return await repository.members(playlist_id, viewer_id, invited=playlist.role is Role.OWNER)

        members = await self._database.read(query)
        return playlists_pb2.ListPlaylistMembersResponse(members=[member_message(member) for member in members])

    async def PutPlaylistMember(
        self, request: playlists_pb2.PutPlaylistMemberRequest, context: Context
    ) -> playlists_pb2.PutPlaylistMemberResponse:
        """Invite somebody, who is told of it. Who was asked or is in already stays so."""
        caller_id, playlist_id = user_id(), _playlist_id(request.playlist_id)
        username = storable(request.username, _LONGEST_USERNAME)
        told: list[Told] = []

        async def work(connection: AsyncConnection) -> Member:
            told.clear()
            repository = PlaylistRepository(connection)
            _existing(await repository.readable(playlist_id, caller_id, lock=True)).require_owner()
            person_id = await repository.person(username, caller_id)
            if person_id is None:
                raise _no_such_person()
            if person_id == caller_id:
                raise AppError(ErrorCode.CONFLICT, "The playlist is yours: you are in.")
            if await repository.invite(playlist_id, person_id):
                if await repository.count_members(playlist_id) > MOST_MEMBERS:
                    raise AppError(
                        ErrorCode.CONFLICT, f"The playlist has {MOST_MEMBERS} members, which is the limit. Remove one."
                    )
                notifications = NotificationRepository(connection)
                noted = await notifications.tell(Kind.INVITATION, person_id, caller_id, playlist_id=playlist_id)
                if noted is not None:
                    told.append((person_id, noted))
            member = await repository.member(playlist_id, person_id)
            if member is None:
                raise _no_such_person()
            return member

        member = await self._written(work)
        self._bell.ring(told)
        return playlists_pb2.PutPlaylistMemberResponse(member=member_message(member))

    async def ListPlaylistInvitations(
        self, request: playlists_pb2.ListPlaylistInvitationsRequest, context: Context
    ) -> playlists_pb2.ListPlaylistInvitationsResponse:
        """What the caller was invited to and has not answered."""
        viewer_id, limit, before_id = user_id(), page_limit(request.page.limit), cursor_id(request.page.cursor)

        async def query(connection: AsyncConnection) -> list[Playlist]:
            return await PlaylistRepository(connection).invitations(viewer_id, before_id, limit + 1)

        found = await self._database.read(query)
        return playlists_pb2.ListPlaylistInvitationsResponse(
            playlists=[playlist_message(playlist) for playlist in found[:limit]],
            next_cursor=cursor_of(found[limit - 1].id) if len(found) > limit else "",
        )

    async def AcceptPlaylistInvitation(
        self, request: playlists_pb2.AcceptPlaylistInvitationRequest, context: Context
    ) -> playlists_pb2.AcceptPlaylistInvitationResponse:
        """Become a member. Who is one already stays it."""
        caller_id, playlist_id = user_id(), _playlist_id(request.playlist_id)

        async def work(connection: AsyncConnection) -> Playlist:
            repository = PlaylistRepository(connection)
            playlist = _existing(await repository.readable(playlist_id, caller_id, lock=True))
            if playlist.role not in (Role.INVITED, Role.MEMBER):
                raise _not_invited()
            await repository.accept(playlist_id, caller_id)
            return _existing(await repository.readable(playlist_id, caller_id))

        playlist = await self._database.write(work, repeatable=True)
        return playlists_pb2.AcceptPlaylistInvitationResponse(playlist=playlist_message(playlist))

    async def DeclinePlaylistInvitation(
        self, request: playlists_pb2.DeclinePlaylistInvitationRequest, context: Context
    ) -> playlists_pb2.DeclinePlaylistInvitationResponse:
        """Say no. Whoever asked is not told."""
        caller_id, playlist_id = user_id(), _playlist_id(request.playlist_id)

        async def work(connection: AsyncConnection) -> bool:
            return await PlaylistRepository(connection).decline(playlist_id, caller_id)

        if not await self._database.write(work):
            raise _not_invited()
        return playlists_pb2.DeclinePlaylistInvitationResponse()

    async def RemovePlaylistMember(
        self, request: playlists_pb2.RemovePlaylistMemberRequest, context: Context
    ) -> playlists_pb2.RemovePlaylistMemberResponse:
        """Let somebody in no longer; everybody may leave."""
        caller_id, playlist_id = user_id(), _playlist_id(request.playlist_id)
        username = storable(request.username, _LONGEST_USERNAME)

        async def work(connection: AsyncConnection) -> bool:
            repository = PlaylistRepository(connection)
            playlist = _existing(await repository.readable(playlist_id, caller_id, lock=True))
            if await repository.person(username, caller_id) != caller_id:
                playlist.require_owner()
            return await repository.remove_member(playlist_id, username)

        if not await self._database.write(work):
            raise AppError(ErrorCode.NOT_FOUND, "The playlist has no such member.")
        return playlists_pb2.RemovePlaylistMemberResponse()

    async def _written(self, work: Work[Found], *, repeatable: bool = True) -> Found:
        """Write. Raises `AppError` (NOT_FOUND) also when the track or person went away at this moment."""
        try:
            return await self._database.write(work, repeatable=repeatable)
        except IntegrityError as error:
            if not refers_to_nothing(error):
                raise
            raise AppError(ErrorCode.NOT_FOUND, "That track or account has just gone.") from error


def _playlist_id(text: str) -> UUID:
    playlist_id = parse_id(text)
    if playlist_id is None:
        raise _no_such_playlist()
    return playlist_id


def _existing(playlist: Playlist | None) -> Playlist:
    if playlist is None:
        raise _no_such_playlist()
    return playlist


def _no_such_playlist() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such playlist.")


def _not_invited() -> AppError:
    # Whether there is such a playlist is no matter of somebody who was not asked.
    return AppError(ErrorCode.NOT_FOUND, "There is no invitation of yours to such a playlist.")


def _no_such_track() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such track.")


def _no_such_person() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is nobody of this name.")
