"""Notifications between their types and `musicgen.users.v1`."""

from __future__ import annotations

from typing import Any

from protos.users.v1 import notifications_pb2
from services.shared.errors import AppError
from services.user_management.notifications.notification import Digest, Kind, Notification, Preferences
from services.user_management.wire import timestamp


def notification_message(notification: Notification) -> notifications_pb2.Notification:
    """The wire form of a notification."""
    return notifications_pb2.Notification(
        id=str(notification.id),
        kind=notification.kind,
        actor_id=str(notification.actor_id),
        actor_username=notification.actor_username,
        actor_display_name=notification.actor_display_name,
        track_id=str(notification.track_id or ""),
        track_title=notification.track_title or "",
        comment_id=str(notification.comment_id or ""),
        excerpt=notification.excerpt or "",
        playlist_id=str(notification.playlist_id or ""),
        playlist_title=notification.playlist_title or "",
        created_at=timestamp(notification.created_at),
        read_at=timestamp(notification.read_at),
    )


def preferences_message(preferences: Preferences) -> notifications_pb2.NotificationPreferences:
    """The wire form of preferences."""
    return notifications_pb2.NotificationPreferences(
        follow=preferences.follow,
        like=preferences.like,
        comment=preferences.comment,
        invitation=preferences.invitation,
        digest=preferences.digest.value,
        revision=preferences.revision,
    )


def preference_changes(request: notifications_pb2.UpdatePreferencesRequest) -> dict[str, Any]:
    """What is to change. Raises `AppError` (VALIDATION)."""
    changes: dict[str, Any] = {
        kind.value: getattr(request, kind.value) for kind in Kind if request.HasField(kind.value)
    }
    if request.HasField("digest"):
        try:
            changes["digest"] = Digest(request.digest)
        except ValueError as error:
            raise AppError.field("/digest", "A digest comes off, daily or weekly.") from error
    return changes
