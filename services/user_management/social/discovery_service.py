"""`musicgen.users.v1.DiscoveryService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import discovery_pb2, discovery_pb2_grpc, tracks_pb2
from services.shared.errors import AppError
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.library.rules import tags
from services.user_management.library.search import LONGEST_QUERY, words
from services.user_management.social.discovery import DiscoveryRepository
from services.user_management.social.pages import tracks_at
from services.user_management.social.people import PeopleRepository
from services.user_management.social.wire import profile_message
from services.user_management.wire import page_limit, storable

Context = Any


class DiscoveryServicer(discovery_pb2_grpc.DiscoveryServiceServicer):
    """Finding other people's music."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetFeed(self, request: discovery_pb2.GetFeedRequest, context: Context) -> discovery_pb2.GetFeedResponse:
        """Tracks of the people whom the caller follows."""
        viewer_id, limit = user_id(), page_limit(request.page.limit)

        async def query(connection: AsyncConnection) -> tuple[list[tracks_pb2.Track], str]:
            places = await DiscoveryRepository(connection).feed(viewer_id, request.page.cursor, limit + 1)
            return await tracks_at(connection, places, viewer_id, limit)

        found, cursor = await self._database.read(query)
        return discovery_pb2.GetFeedResponse(tracks=found, next_cursor=cursor)

    async def Explore(self, request: discovery_pb2.ExploreRequest, context: Context) -> discovery_pb2.ExploreResponse:
        """Everybody's tracks."""
        viewer_id, limit, wanted = user_id(), page_limit(request.page.limit), tags(request.tags)
        by_time = request.order == discovery_pb2.EXPLORE_ORDER_NEW

        async def query(connection: AsyncConnection) -> tuple[list[tracks_pb2.Track], str]:
            discovery = DiscoveryRepository(connection)
            listed = discovery.latest if by_time else discovery.trending
            places = await listed(viewer_id, wanted, request.page.cursor, limit + 1)
            return await tracks_at(connection, places, viewer_id, limit)

        found, cursor = await self._database.read(query)
        return discovery_pb2.ExploreResponse(tracks=found, next_cursor=cursor)

    async def ListTrendingTags(
        self, request: discovery_pb2.ListTrendingTagsRequest, context: Context
    ) -> discovery_pb2.ListTrendingTagsResponse:
        """The tags of what is liked most these days."""
        limit = page_limit(request.limit)

        async def query(connection: AsyncConnection) -> list[tuple[str, int]]:
            return await DiscoveryRepository(connection).trending_tags(limit)

        found = await self._database.read(query)
        return discovery_pb2.ListTrendingTagsResponse(
            tags=[discovery_pb2.TrendingTag(tag=tag, tracks=count) for tag, count in found]
        )

    async def Search(self, request: discovery_pb2.SearchRequest, context: Context) -> discovery_pb2.SearchResponse:
        """Tracks or people by words."""
        viewer_id, limit, wanted = user_id(), page_limit(request.page.limit), tags(request.tags)
        text = storable(request.query, LONGEST_QUERY + 1)
        if not words(text):
            raise AppError.field("/q", "Search for words: letters or digits.")
        if request.kind == discovery_pb2.SEARCH_KIND_USERS:
            if wanted:
                raise AppError.field("/tag", "People have no tags: search for tracks, or leave the tags out.")
            return await self._people(viewer_id, text, request.page.cursor, limit)

        async def query(connection: AsyncConnection) -> tuple[list[tracks_pb2.Track], str]:
            discovery = DiscoveryRepository(connection)
            places = await discovery.search_tracks(viewer_id, text, wanted, request.page.cursor, limit + 1)
            return await tracks_at(connection, places, viewer_id, limit)

        found, cursor = await self._database.read(query)
        return discovery_pb2.SearchResponse(tracks=found, next_cursor=cursor)

    async def _people(self, viewer_id: UUID, text: str, cursor: str, limit: int) -> discovery_pb2.SearchResponse:
        async def query(connection: AsyncConnection) -> discovery_pb2.SearchResponse:
            places = await DiscoveryRepository(connection).search_people(viewer_id, text, cursor, limit + 1)
            asked = [person_id for person_id, _ in places[:limit]]
            found = await PeopleRepository(connection).of_ids(asked, viewer_id)
            return discovery_pb2.SearchResponse(
                profiles=[profile_message(person) for person in found],
                next_cursor=places[limit - 1][1] if len(places) > limit else "",
            )

        return await self._database.read(query)
