"""Finding other people's music: the feed, what everybody makes, the search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit
from services.gateway.schemas.discovery import (
    EXPLORE_ORDERS,
    SEARCH_KINDS,
    ExploreSort,
    SearchResults,
    SearchType,
    TrendingTag,
    TrendingTagList,
)
from services.gateway.schemas.tracks import Track, TrackList

router = APIRouter(prefix="/api/v1", tags=["discovery"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]

Tags = Annotated[
    tuple[Annotated[str, Query(max_length=50)], ...],
    Query(alias="tag", max_length=20, description="Tags (genres among them) that the track has, all of them."),
]


@router.get("/feed", dependencies=_READ)
async def get_feed(caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = "") -> TrackList:
    """Tracks of the people whom you follow, latest first; without those whom you mute."""
    page = await gateway.discovery.feed(caller, limit=limit, cursor=cursor)
    links = gateway.links.of(caller)
    return TrackList(
        items=[Track.from_message(track, links) for track in page.tracks], next_cursor=page.next_cursor or None
    )


@router.get("/explore", dependencies=_READ)
async def explore(
    caller: Caller,
    gateway: Gateway,
    sort: Annotated[
        ExploreSort, Query(description="`trending`: by likes, of which each counts half as much after a week.")
    ] = ExploreSort.TRENDING,
    tags: Tags = (),
    limit: Limit = 20,
    cursor: Cursor = "",
) -> TrackList:
    """Everybody's public tracks."""
    page = await gateway.discovery.explore(caller, order=EXPLORE_ORDERS[sort], tags=tags, limit=limit, cursor=cursor)
    links = gateway.links.of(caller)
    return TrackList(
        items=[Track.from_message(track, links) for track in page.tracks], next_cursor=page.next_cursor or None
    )


@router.get("/explore/tags", dependencies=_READ)
async def list_trending_tags(caller: Caller, gateway: Gateway, limit: Limit = 20) -> TrendingTagList:
    """The tags of the tracks that are liked most these days, commonest first."""
    found = await gateway.discovery.trending_tags(caller, limit)
    return TrendingTagList(items=[TrendingTag(tag=item.tag, tracks=item.tracks) for item in found])


@router.get("/search", dependencies=_READ)
async def search(
    caller: Caller,
    gateway: Gateway,
    q: Annotated[
        str, Query(min_length=1, max_length=200, description="Words; each matches as a beginning.", examples=["rain"])
    ],
    search_type: Annotated[
        SearchType, Query(alias="type", description="Public tracks by title, tags and prompt, or people by name.")
    ] = SearchType.TRACKS,
    tags: Tags = (),
    limit: Limit = 20,
    cursor: Cursor = "",
) -> SearchResults:
    """Find public tracks or people, best match first."""
    found = await gateway.discovery.search(
        caller, query=q, kind=SEARCH_KINDS[search_type], tags=tags, limit=limit, cursor=cursor
    )
    return SearchResults.from_message(found, gateway.links.of(caller))
