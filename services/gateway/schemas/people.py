"""People as others see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from protos.users.v1 import social_pb2
from services.gateway.schemas.times import to_datetime


class Profile(BaseModel):
    """A person as everybody may see them, and how you stand to them."""

    id: str
    username: Annotated[str, Field(examples=["ada"])]
    display_name: Annotated[str, Field(description="May be empty: show the username.", examples=["Ada L."])]
    bio: Annotated[str, Field(examples=["Rain and machines."])]
    links: Annotated[list[str], Field(description="https addresses.", examples=[["https://example.org/~ada"]])]
    created_at: datetime
    followers: Annotated[int, Field(description="How many people follow this one.", examples=[12])]
    following: Annotated[int, Field(description="How many people this one follows.", examples=[3])]
    tracks: Annotated[int, Field(description="How many public tracks there are.", examples=[7])]
    followed: Annotated[bool, Field(description="Whether you follow this person.")]
    follows_you: Annotated[bool, Field(description="Whether this person follows you.")]
    blocked: Annotated[bool, Field(description="Whether you block this person.")]
    muted: Annotated[bool, Field(description="Whether you mute this person.")]

    @classmethod
    def from_message(cls, message: social_pb2.Profile) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            username=message.username,
            display_name=message.display_name,
            bio=message.bio,
            links=list(message.links),
            created_at=to_datetime(message.created_at),
            followers=message.followers,
            following=message.following,
            tracks=message.tracks,
            followed=message.followed,
            follows_you=message.follows_caller,
            blocked=message.blocked,
            muted=message.muted,
        )


class ProfileList(BaseModel):
    """One page of people, latest first."""

    items: list[Profile]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]

    @classmethod
    def from_message(cls, message: social_pb2.ListPeopleResponse) -> Self:
        """From the wire."""
        return cls(
            items=[Profile.from_message(profile) for profile in message.profiles],
            next_cursor=message.next_cursor or None,
        )
