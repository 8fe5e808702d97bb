"""What is found of other people's music."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from protos.users.v1 import discovery_pb2
from services.gateway.schemas.people import Profile
from services.gateway.schemas.tracks import Track
from services.gateway.tokens.links import Links


class ExploreSort(StrEnum):
    """How everybody's tracks are sorted."""

    TRENDING = "trending"
    NEW = "new"


EXPLORE_ORDERS = {
    ExploreSort.TRENDING: discovery_pb2.EXPLORE_ORDER_UNSPECIFIED,
    ExploreSort.NEW: discovery_pb2.EXPLORE_ORDER_NEW,
}


class SearchType(StrEnum):
    """What is searched for."""

    TRACKS = "tracks"
    USERS = "users"


SEARCH_KINDS = {
    SearchType.TRACKS: discovery_pb2.SEARCH_KIND_TRACKS,
    SearchType.USERS: discovery_pb2.SEARCH_KIND_USERS,
}


class TrendingTag(BaseModel):
    """A tag of what is liked most these days."""

    tag: Annotated[str, Field(examples=["lo-fi"])]
    tracks: Annotated[int, Field(description="How many of the 1,000 hottest tracks have it.", examples=[42])]


class TrendingTagList(BaseModel):
    """Tags, commonest first."""

    items: list[TrendingTag]
    next_cursor: Annotated[str | None, Field(description="Always null: the list is short.")] = None


class SearchHit(BaseModel):
    """One thing that was found; of `track` and `user` one is there."""

    type: Annotated[Literal["track", "user"], Field(examples=["track"])]
    track: Track | None = None
    user: Profile | None = None


class SearchResults(BaseModel):
    """One page of what was found, best first."""

    items: list[SearchHit]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]

    @classmethod
    def from_message(cls, message: discovery_pb2.SearchResponse, links: Links) -> Self:
        """From the wire, with links for the listener."""
        found = [SearchHit(type="track", track=Track.from_message(track, links)) for track in message.tracks]
        found += [SearchHit(type="user", user=Profile.from_message(profile)) for profile in message.profiles]
        return cls(items=found, next_cursor=message.next_cursor or None)
