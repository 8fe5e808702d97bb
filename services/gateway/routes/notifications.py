"""What people are told of."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit
from services.gateway.schemas.notifications import (
    NotificationList,
    NotificationPreferences,
    NotificationsRead,
    PreferencesChange,
    Unread,
)

router = APIRouter(prefix="/api/v1/notifications", tags=["notifications"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]


@router.get("", dependencies=_READ)
async def list_notifications(
    caller: Caller,
    gateway: Gateway,
    unread: Annotated[bool, Query(description="Only those that are unread.")] = False,
    limit: Limit = 20,
    cursor: Cursor = "",
) -> NotificationList:
    """What you were told, latest first; kept for 90 days. New ones come over the hub, too."""
    page = await gateway.notifications.list(caller, unread=unread, limit=limit, cursor=cursor)
    return NotificationList.from_message(page)


@router.get("/unread", dependencies=_READ)
async def count_unread(caller: Caller, gateway: Gateway) -> Unread:
    """How many are unread."""
    return Unread(unread=await gateway.notifications.unread(caller))


@router.post("/read", dependencies=_WRITE)
async def mark_read(body: NotificationsRead, caller: Caller, gateway: Gateway) -> Unread:
    """Mark some as read, or all. The answer says how many are left."""
    return Unread(unread=await gateway.notifications.mark_read(caller, body.ids or ()))


@router.get("/preferences", dependencies=_READ)
async def get_notification_preferences(caller: Caller, gateway: Gateway) -> NotificationPreferences:
    """What you want to be told of."""
    return NotificationPreferences.from_message(await gateway.notifications.preferences(caller))


@router.patch("/preferences", dependencies=_WRITE)
async def change_notification_preferences(
    body: PreferencesChange, caller: Caller, gateway: Gateway
) -> NotificationPreferences:
    """Change what you want to be told of, and how often by mail."""
    changed = await gateway.notifications.change_preferences(
        caller, follow=body.follow, like=body.like, comment=body.comment, digest=body.digest
    )
    return NotificationPreferences.from_message(changed)
