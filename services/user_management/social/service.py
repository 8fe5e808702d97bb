"""`musicgen.users.v1.SocialService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import social_pb2, social_pb2_grpc, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.jobs.idempotency import IdempotencyRepository
from services.user_management.jobs.wire import idempotency_key
from services.user_management.library.repository import TrackRepository
from services.user_management.library.track import Track
from services.user_management.notifications.bell import NotificationBell, Told
from services.user_management.notifications.notification import Kind
from services.user_management.notifications.repository import NotificationRepository
from services.user_management.social import rules
from services.user_management.social.comments import CommentRepository
from services.user_management.social.discovery import DiscoveryRepository
from services.user_management.social.likes import LikeRepository
from services.user_management.social.pages import tracks_at
from services.user_management.social.people import PeopleRepository, no_such_person
from services.user_management.social.person import Circle, Comment, Person, Tie
from services.user_management.social.wire import circle_of, comment_message, profile_message, tie_of
from services.user_management.wire import fitting, page_limit, parse_id, storable

Context = Any

_LONGEST_USERNAME = 64


class SocialServicer(social_pb2_grpc.SocialServiceServicer):
    """What people do with each other and with each other's music."""

    def __init__(self, database: Database, bell: NotificationBell) -> None:
        self._database = database
        self._bell = bell

    async def GetProfile(
        self, request: social_pb2.GetProfileRequest, context: Context
    ) -> social_pb2.GetProfileResponse:
        """One person."""
        viewer_id, name = user_id(), _name(request.username)

        async def query(connection: AsyncConnection) -> Person:
            return await _seen(connection, name, viewer_id)

        return social_pb2.GetProfileResponse(profile=profile_message(await self._database.read(query)))

    async def SetTie(self, request: social_pb2.SetTieRequest, context: Context) -> social_pb2.SetTieResponse:
        """Follow, block or mute a person, or end that."""
        person_id, name, tie = user_id(), _name(request.username), tie_of(request.tie)

        async def tied(connection: AsyncConnection) -> list[Told]:
            people, told = PeopleRepository(connection), NotificationRepository(connection)
            other = await _seen(connection, name, person_id)
            if other.id == person_id:
                raise AppError(ErrorCode.CONFLICT, f"You cannot {tie.value} yourself.")
            # Nobody follows while the other blocks: whichever comes first, the other sees it.
            await people.lock(person_id, other.id)
            other = await _seen(connection, name, person_id)
            if {Tie.FOLLOW: other.followed, Tie.BLOCK: other.blocked, Tie.MUTE: other.muted}[tie]:
                return []
            if not await people.has_room(tie, person_id):
                raise rules.too_many(rules.MOST_TIES)
            if tie is Tie.BLOCK:
                await people.untie(Tie.FOLLOW, person_id, other.id)
                await people.untie(Tie.FOLLOW, other.id, person_id)
                await told.forget_between(person_id, other.id)
                await told.forget_between(other.id, person_id)
            noted = await told.tell(Kind.FOLLOW, other.id, person_id) if tie is Tie.FOLLOW else None
            # At last, because the counters of whoever is followed are locked from here on.
            await people.tie(tie, person_id, other.id)
            return _told(other.id, noted)

        async def untied(connection: AsyncConnection) -> list[Told]:
            people = PeopleRepository(connection)
            other_id = await people.id_of(name)
            # What one did oneself can be undone, also to people who cannot be seen any more.
            if other_id is None or not await people.untie(tie, person_id, other_id):
                await _seen(connection, name, person_id)
            return []

        self._bell.ring(await self._database.write(tied if request.tied else untied, repeatable=True))
        return social_pb2.SetTieResponse()

    async def ListPeople(
        self, request: social_pb2.ListPeopleRequest, context: Context
    ) -> social_pb2.ListPeopleResponse:
        """People around one."""
        viewer_id, name, circle = user_id(), _name(request.username), circle_of(request.circle)
        limit = page_limit(request.page.limit)

        async def query(connection: AsyncConnection) -> list[tuple[Person, str]]:
            own = circle in (Circle.BLOCKED, Circle.MUTED)
            person_id = viewer_id if own else (await _seen(connection, name, viewer_id)).id
            people = PeopleRepository(connection)
            return await people.circle(person_id, circle, viewer_id, request.page.cursor, limit + 1)

        found = await self._database.read(query)
        return social_pb2.ListPeopleResponse(
            profiles=[profile_message(person) for person, _ in found[:limit]],
            next_cursor=found[limit - 1][1] if len(found) > limit else "",
        )

    async def ListPublicTracks(
        self, request: social_pb2.ListPublicTracksRequest, context: Context
    ) -> social_pb2.ListPublicTracksResponse:
        """A person's public tracks."""
        viewer_id, name = user_id(), _name(request.username)
        limit = page_limit(request.page.limit)

        async def query(connection: AsyncConnection) -> tuple[list[tracks_pb2.Track], str]:
            owner = await _seen(connection, name, viewer_id)
            places = await DiscoveryRepository(connection).of_owner(owner.id, request.page.cursor, limit + 1)
            return await tracks_at(connection, places, viewer_id, limit)

        found, cursor = await self._database.read(query)
        return social_pb2.ListPublicTracksResponse(tracks=found, next_cursor=cursor)

    async def SetLike(self, request: social_pb2.SetLikeRequest, context: Context) -> social_pb2.SetLikeResponse:
        """Like a track, or take that back."""
        person_id, track_id = user_id(), _track_id(request.track_id)

        async def like(connection: AsyncConnection) -> tuple[list[Told], int]:
            track = await _heard(connection, track_id, person_id)
            if track.liked:
                return [], track.likes
            notifications = NotificationRepository(connection)
            noted = await notifications.tell(Kind.LIKE, track.owner_id, person_id, track_id=track_id)
            # At last, because the track's counters are locked from here on.
            await LikeRepository(connection).add(track_id, person_id)
            return _told(track.owner_id, noted), await count(connection)

        async def unlike(connection: AsyncConnection) -> tuple[list[Told], int]:
            # Also where one hears nothing any more.
            if not await LikeRepository(connection).remove(track_id, person_id):
                return [], (await _heard(connection, track_id, person_id)).likes
            return [], await count(connection)

        async def count(connection: AsyncConnection) -> int:
            # How many like what one cannot hear is nobody's business.
            track = await TrackRepository(connection).visible(track_id, person_id)
            return track.likes if track is not None else 0

        told, likes = await self._database.write(like if request.liked else unlike, repeatable=True)
        self._bell.ring(told)
        return social_pb2.SetLikeResponse(likes=likes)

    async def ListLikedTracks(
        self, request: social_pb2.ListLikedTracksRequest, context: Context
    ) -> social_pb2.ListLikedTracksResponse:
        """What the caller likes."""
        person_id, limit = user_id(), page_limit(request.page.limit)

        async def query(connection: AsyncConnection) -> tuple[list[tracks_pb2.Track], str]:
            places = await LikeRepository(connection).of_person(person_id, request.page.cursor, limit + 1)
            return await tracks_at(connection, places, person_id, limit)

        found, cursor = await self._database.read(query)
        return social_pb2.ListLikedTracksResponse(tracks=found, next_cursor=cursor)

    async def AddComment(
        self, request: social_pb2.AddCommentRequest, context: Context
    ) -> social_pb2.AddCommentResponse:
        """Say something about a track."""
        person_id, track_id = user_id(), _track_id(request.track_id)
        body, key = rules.comment(request.body), idempotency_key(request.idempotency)
        if key is not None:
            # The route names no track: the same key for another one is another comment.
            key = replace(key, route=f"{key.route} {track_id}")
        asked = request.position_seconds if request.HasField("position_seconds") else None
        comment_id = UUID(new_id())

        async def work(connection: AsyncConnection) -> tuple[UUID, list[Told]]:
            comments = CommentRepository(connection)
            track = await _heard(connection, track_id, person_id)
            if key is not None:
                earlier_id = await IdempotencyRepository(connection).claim(person_id, key, comment_id)
                if earlier_id is not None:
                    return earlier_id, []
            at = rules.position(asked, track.content.duration_seconds)
            # One of their comments at a time: none escapes the count.
            await PeopleRepository(connection).lock(person_id)
            if await comments.count(track_id, person_id, rules.MOST_COMMENTS) >= rules.MOST_COMMENTS:
                raise AppError(
                    ErrorCode.CONFLICT,
                    f"You left {rules.MOST_COMMENTS} comments on this track: that is as many as one can. Remove some.",
                )
            await comments.add(comment_id, track_id, person_id, body, at)
            noted = await NotificationRepository(connection).tell(
                Kind.COMMENT, track.owner_id, person_id, track_id=track_id, comment_id=comment_id
            )
            return comment_id, _told(track.owner_id, noted)

        made_id, told = await self._database.write(work, repeatable=key is not None)
        self._bell.ring(told)
        comment = await self._database.read(lambda connection: CommentRepository(connection).get(made_id))
        if comment is None:
            raise AppError(ErrorCode.CONFLICT, "This comment was removed meanwhile. Use a new Idempotency-Key.")
        return social_pb2.AddCommentResponse(comment=comment_message(comment), replayed=made_id != comment_id)

    async def EditComment(
        self, request: social_pb2.EditCommentRequest, context: Context
    ) -> social_pb2.EditCommentResponse:
        """Change what the caller said."""
        person_id, track_id = user_id(), _track_id(request.track_id)
        body, comment_id = rules.comment(request.body), parse_id(request.comment_id)

        async def work(connection: AsyncConnection) -> Comment | None:
            await _heard(connection, track_id, person_id)
            comments = CommentRepository(connection)
            if comment_id is None or not await comments.edit(comment_id, track_id, person_id, body):
                return None
            return await comments.get(comment_id)

        comment = await self._database.write(work, repeatable=True)
        if comment is None:
            raise _no_such_comment()
        return social_pb2.EditCommentResponse(comment=comment_message(comment))

    async def RemoveComment(
        self, request: social_pb2.RemoveCommentRequest, context: Context
    ) -> social_pb2.RemoveCommentResponse:
        """Remove what the caller said, or what was said about their track."""
        person_id, track_id = user_id(), _track_id(request.track_id)
        comment_id = parse_id(request.comment_id)

        async def work(connection: AsyncConnection) -> None:
            # One's own words can be taken back also where one hears nothing any more.
            if comment_id is not None and await CommentRepository(connection).remove(comment_id, track_id, person_id):
                return
            await _heard(connection, track_id, person_id)
            raise _no_such_comment()

        await self._database.write(work)
        return social_pb2.RemoveCommentResponse()

    async def ListComments(
        self, request: social_pb2.ListCommentsRequest, context: Context
    ) -> social_pb2.ListCommentsResponse:
        """What people said about a track."""
        viewer_id, track_id = user_id(), _track_id(request.track_id)
        limit = page_limit(request.page.limit)
        along = request.order == social_pb2.COMMENT_ORDER_POSITION

        async def query(connection: AsyncConnection) -> list[tuple[Comment, str]]:
            await _heard(connection, track_id, viewer_id)
            comments = CommentRepository(connection)
            listed = comments.along if along else comments.newest
            return await listed(track_id, viewer_id, request.page.cursor, limit + 1)

        found = await self._database.read(query)
        messages = [comment_message(comment) for comment, _ in found[:limit]]
        count = fitting(messages)
        return social_pb2.ListCommentsResponse(
            comments=messages[:count], next_cursor=found[count - 1][1] if len(found) > count else ""
        )


async def _seen(connection: AsyncConnection, name: str, viewer_id: UUID) -> Person:
    person = await PeopleRepository(connection).seen(name, viewer_id)
    if person is None:
        raise no_such_person()
    return person


async def _heard(connection: AsyncConnection, track_id: UUID, viewer_id: UUID) -> Track:
    track = await TrackRepository(connection).visible(track_id, viewer_id)
    if track is None:
        raise _no_such_track()
    return track


def _told(person_id: UUID, notification_id: UUID | None) -> list[Told]:
    return [] if notification_id is None else [(person_id, notification_id)]


def _name(text: str) -> str:
    return storable(text, _LONGEST_USERNAME).lower()


def _track_id(text: str) -> UUID:
    track_id = parse_id(text)
    if track_id is None:
        raise _no_such_track()
    return track_id


def _no_such_track() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such track.")


def _no_such_comment() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such comment.")
