"""`musicgen.users.v1.NotificationService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import notifications_pb2, notifications_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_service
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.notifications.notification import Notification, Preferences
from services.user_management.notifications.repository import NotificationRepository
from services.user_management.notifications.unsubscribing import Unsubscribing
from services.user_management.notifications.wire import notification_message, preference_changes, preferences_message
from services.user_management.revisions import expected
from services.user_management.wire import cursor_id, cursor_of, page_limit, parse_id

Context = Any

MOST_MARKED: Final = 100


class NotificationServicer(notifications_pb2_grpc.NotificationServiceServicer):
    """The caller's own notifications, and the end of a digest for whoever holds its mail."""

    def __init__(self, database: Database, unsubscribing: Unsubscribing) -> None:
        self._database = database
        self._unsubscribing = unsubscribing

    async def ListNotifications(
        self, request: notifications_pb2.ListNotificationsRequest, context: Context
    ) -> notifications_pb2.ListNotificationsResponse:
        """What the caller was told, latest first."""
        person_id, limit, before_id = user_id(), page_limit(request.page.limit), cursor_id(request.page.cursor)

        async def query(connection: AsyncConnection) -> tuple[list[Notification], int]:
            told = NotificationRepository(connection)
            page = await told.page(person_id, unread=request.unread, before_id=before_id, limit=limit + 1)
            return page, await told.unread(person_id)

        found, unread = await self._database.read(query)
        return notifications_pb2.ListNotificationsResponse(
            notifications=[notification_message(notification) for notification in found[:limit]],
            next_cursor=cursor_of(found[limit - 1].id) if len(found) > limit else "",
            unread=unread,
        )

    async def CountUnread(
        self, request: notifications_pb2.CountUnreadRequest, context: Context
    ) -> notifications_pb2.CountUnreadResponse:
        """How many are unread."""
        person_id = user_id()

        async def query(connection: AsyncConnection) -> int:
            return await NotificationRepository(connection).unread(person_id)

        return notifications_pb2.CountUnreadResponse(unread=await self._database.read(query))

    async def MarkRead(
        self, request: notifications_pb2.MarkReadRequest, context: Context
    ) -> notifications_pb2.MarkReadResponse:
        """Mark some, or all, as read."""
        person_id = user_id()
        if len(request.ids) > MOST_MARKED:
            raise AppError.field("/ids", f"Mark at most {MOST_MARKED} at once, or all of them by leaving this out.")
        ids = [found for text in request.ids if (found := parse_id(text)) is not None] if request.ids else None

        async def work(connection: AsyncConnection) -> int:
            told = NotificationRepository(connection)
            await told.mark_read(person_id, ids)
            return await told.unread(person_id)

        return notifications_pb2.MarkReadResponse(unread=await self._database.write(work, repeatable=True))

    async def GetPreferences(
        self, request: notifications_pb2.GetPreferencesRequest, context: Context
    ) -> notifications_pb2.GetPreferencesResponse:
        """What the caller wants to be told of."""
        person_id = user_id()

        async def query(connection: AsyncConnection) -> Preferences:
            return await NotificationRepository(connection).preferences(person_id)

        found = await self._database.read(query)
        return notifications_pb2.GetPreferencesResponse(preferences=preferences_message(found))

    async def UpdatePreferences(
        self, request: notifications_pb2.UpdatePreferencesRequest, context: Context
    ) -> notifications_pb2.UpdatePreferencesResponse:
        """Change what is set."""
        person_id, changes = user_id(), preference_changes(request)
        revisions = expected(request.expected_revisions)

        async def work(connection: AsyncConnection) -> Preferences:
            told = NotificationRepository(connection)
            await told.set_preferences(person_id, changes, revisions)
            return await told.preferences(person_id)

        # Done once, they have another revision.
        found = await self._database.write(work, repeatable=not revisions)
        return notifications_pb2.UpdatePreferencesResponse(preferences=preferences_message(found))

    async def Unsubscribe(
        self, request: notifications_pb2.UnsubscribeRequest, context: Context
    ) -> notifications_pb2.UnsubscribeResponse:
        """Turn somebody's digest off, by the token of a mail. Once more changes nothing."""
        require_service()
        person_id = self._unsubscribing.person(request.token)
        if person_id is None:
            raise AppError(ErrorCode.NOT_FOUND, "This link ends no mails. Turn the digest off in your settings.")
        if request.check_only:
            return notifications_pb2.UnsubscribeResponse()

        async def work(connection: AsyncConnection) -> None:
            await NotificationRepository(connection).end_digest(person_id)

        await self._database.write(work, repeatable=True)
        return notifications_pb2.UnsubscribeResponse()
