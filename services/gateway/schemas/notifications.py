"""What people are told of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import notifications_pb2
from services.gateway.schemas.body import Body
from services.gateway.schemas.comments import Author
from services.gateway.schemas.times import optional_datetime, to_datetime

Digest = Literal["off", "daily", "weekly"]


class NotedTrack(BaseModel):
    """The track that it is about."""

    id: str
    title: Annotated[str, Field(examples=["Warm lo-fi"])]


class NotedComment(BaseModel):
    """The comment that was made."""

    id: str
    excerpt: Annotated[str, Field(description="How it begins.", examples=["That bass!"])]


class NotedPlaylist(BaseModel):
    """The playlist that you are invited to."""

    id: str
    title: Annotated[str, Field(examples=["Sunday morning"])]


class Notification(BaseModel):
    """One thing that somebody did. Open sockets of the hub get the same as `data` of a `notification`."""

    id: str
    kind: Annotated[str, Field(description="follow, like, comment or invitation; more may come.", examples=["comment"])]
    actor: Author
    track: NotedTrack | None
    comment: NotedComment | None
    playlist: NotedPlaylist | None
    created_at: datetime
    read_at: Annotated[datetime | None, Field(description="Null: unread.")]

    @classmethod
    def from_message(cls, message: notifications_pb2.Notification) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            kind=message.kind,
            actor=Author(id=message.actor_id, username=message.actor_username, display_name=message.actor_display_name),
            track=NotedTrack(id=message.track_id, title=message.track_title) if message.track_id else None,
            comment=NotedComment(id=message.comment_id, excerpt=message.excerpt) if message.comment_id else None,
            playlist=(
                NotedPlaylist(id=message.playlist_id, title=message.playlist_title) if message.playlist_id else None
            ),
            created_at=to_datetime(message.created_at),
            read_at=optional_datetime(message, "read_at"),
        )


class Unread(BaseModel):
    """How much there is to read."""

    unread: Annotated[int, Field(description="How many are unread, counted up to 1,000.", examples=[3])]


class NotificationList(Unread):
    """One page of notifications, latest first."""

    items: list[Notification]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]

    @classmethod
    def from_message(cls, message: notifications_pb2.ListNotificationsResponse) -> Self:
        """From the wire."""
        return cls(
            items=[Notification.from_message(notification) for notification in message.notifications],
            next_cursor=message.next_cursor or None,
            unread=message.unread,
        )


class NotificationsRead(Body):
    """Which notifications were read."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"]}]})

    ids: Annotated[
        list[Annotated[str, Field(max_length=64)]] | None,
        Field(min_length=1, max_length=100, description="Left out: all of them."),
    ] = None


class NotificationPreferences(BaseModel):
    """What you want to be told of."""

    follow: Annotated[bool, Field(description="That somebody follows you.", examples=[True])]
    like: Annotated[bool, Field(description="That somebody likes a track of yours.", examples=[True])]
    comment: Annotated[bool, Field(description="That somebody comments on a track of yours.", examples=[True])]
    invitation: Annotated[bool, Field(description="That somebody invites you to a playlist.", examples=[True])]
    digest: Annotated[
        str,
        Field(
            description="How often what is unread comes by mail: off, daily or weekly. Only to an address that was "
            "verified.",
            examples=["weekly"],
        ),
    ]

    @classmethod
    def from_message(cls, message: notifications_pb2.NotificationPreferences) -> Self:
        """From the wire."""
        return cls(
            follow=message.follow,
            like=message.like,
            comment=message.comment,
            invitation=message.invitation,
            digest=message.digest,
        )


class PreferencesChange(Body):
    """What to change; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"like": False, "digest": "weekly"}]})

    follow: bool | None = None
    like: bool | None = None
    comment: bool | None = None
    invitation: bool | None = None
    digest: Digest | None = None
