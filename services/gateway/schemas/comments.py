"""Likes, and what people say about tracks."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from protos.users.v1 import social_pb2
from services.gateway.schemas.body import Body, SaidText
from services.gateway.schemas.times import optional_datetime, to_datetime


class LikeState(BaseModel):
    """How a track is liked."""

    liked: Annotated[bool, Field(description="Whether you like it.", examples=[True])]
    likes: Annotated[int, Field(description="How many people like it.", examples=[12])]


class Author(BaseModel):
    """Who said or did something."""

    id: str
    username: Annotated[str, Field(examples=["ada"])]
    display_name: Annotated[str, Field(description="May be empty: show the username.", examples=["Ada L."])]


class CommentSort(StrEnum):
    """How comments are sorted."""

    NEWEST = "newest"
    POSITION = "position"


COMMENT_ORDERS = {
    CommentSort.NEWEST: social_pb2.COMMENT_ORDER_UNSPECIFIED,
    CommentSort.POSITION: social_pb2.COMMENT_ORDER_POSITION,
}


class Comment(BaseModel):
    """What somebody said about a track."""

    id: str
    track_id: str
    author: Author
    body: Annotated[str, Field(description="Plain text.", examples=["That bass!"])]
    position: Annotated[
        float | None, Field(description="Seconds into the track; null: about all of it.", examples=[12.5])
    ]
    created_at: datetime
    edited_at: Annotated[datetime | None, Field(description="When its text was last changed.")]

    @classmethod
    def from_message(cls, message: social_pb2.Comment) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            track_id=message.track_id,
            author=Author(
                id=message.author_id, username=message.author_username, display_name=message.author_display_name
            ),
            body=message.body,
            position=message.position_seconds if message.HasField("position_seconds") else None,
            created_at=to_datetime(message.created_at),
            edited_at=optional_datetime(message, "edited_at"),
        )


class CommentList(BaseModel):
    """One page of comments."""

    items: list[Comment]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]

    @classmethod
    def from_message(cls, message: social_pb2.ListCommentsResponse) -> Self:
        """From the wire."""
        return cls(
            items=[Comment.from_message(comment) for comment in message.comments],
            next_cursor=message.next_cursor or None,
        )


class CommentRequest(Body):
    """What you say about a track."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"body": "That bass!", "position": 12.5}]})

    body: Annotated[SaidText, Field(min_length=1, max_length=2_000)]
    position: Annotated[float | None, Field(ge=0, description="Seconds into the track; left out: about all of it.")] = (
        None
    )


class CommentChange(Body):
    """What the comment is to say instead."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"body": "That bass line!"}]})

    body: Annotated[SaidText, Field(min_length=1, max_length=2_000)]
