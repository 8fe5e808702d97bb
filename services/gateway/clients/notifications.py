"""user_management's notifications, as the gateway calls them.
Every call is made as the person who asks, but one: by a mail.
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import notifications_pb2, notifications_pb2_grpc
from services.gateway.clients.retries import RETRIES, retries_unless
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class NotificationsClient:
    """What the caller was told, and wants to be told of."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = notifications_pb2_grpc.NotificationServiceStub(channel)
        self._tokens = tokens

    async def list(
        self, caller: Principal, *, unread: bool, limit: int, cursor: str
    ) -> notifications_pb2.ListNotificationsResponse:
        """One page, latest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: notifications_pb2.ListNotificationsResponse = await call(
            self._stub.ListNotifications,
            notifications_pb2.ListNotificationsRequest(page=page, unread=unread),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def unread(self, caller: Principal) -> int:
        """How many are unread."""
        response: notifications_pb2.CountUnreadResponse = await call(
            self._stub.CountUnread,
            notifications_pb2.CountUnreadRequest(),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.unread

    async def mark_read(self, caller: Principal, ids: Sequence[str]) -> int:
        """Mark some as read, or all without ids; how many are left."""
        response: notifications_pb2.MarkReadResponse = await call(
            self._stub.MarkRead,
            notifications_pb2.MarkReadRequest(ids=ids),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.unread

    async def preferences(self, caller: Principal) -> notifications_pb2.NotificationPreferences:
        """What the caller wants to be told of."""
        response: notifications_pb2.GetPreferencesResponse = await call(
            self._stub.GetPreferences,
            notifications_pb2.GetPreferencesRequest(),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.preferences

    async def unsubscribe(self, token: str, *, check_only: bool = False) -> None:
        """Turn a digest off for whoever holds its mail; `check_only`: say whether the token is good."""
        request = notifications_pb2.UnsubscribeRequest(token=token, check_only=check_only)
        await call(self._stub.Unsubscribe, request, retries=RETRIES)

    async def change_preferences(
        self,
        caller: Principal,
        *,
        follow: bool | None,
        like: bool | None,
        comment: bool | None,
        invitation: bool | None,
        digest: str | None,
        revisions: Sequence[int] = (),
    ) -> notifications_pb2.NotificationPreferences:
        """Change what is not None."""
        request = notifications_pb2.UpdatePreferencesRequest(
            follow=follow,
            like=like,
            comment=comment,
            invitation=invitation,
            digest=digest,
            expected_revisions=revisions,
        )
        response: notifications_pb2.UpdatePreferencesResponse = await call(
            self._stub.UpdatePreferences, request, token=self._tokens.token(caller), retries=retries_unless(revisions)
        )
        return response.preferences
