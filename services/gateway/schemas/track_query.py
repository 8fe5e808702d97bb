"""What a library is searched for, as query parameters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Query

from protos.common.v1 import common_pb2
from protos.users.v1 import tracks_pb2


class TrackSort(StrEnum):
    """How a list of tracks is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    RELEVANCE = "relevance"


_ORDERS = {
    TrackSort.NEWEST: tracks_pb2.TRACK_ORDER_UNSPECIFIED,
    TrackSort.OLDEST: tracks_pb2.TRACK_ORDER_OLDEST,
    TrackSort.TITLE: tracks_pb2.TRACK_ORDER_TITLE,
    TrackSort.RELEVANCE: tracks_pb2.TRACK_ORDER_RELEVANCE,
}


# In place of a project's id.
NO_PROJECT = "none"


@dataclass(frozen=True, slots=True)
class TrackQuery:
    """Filters, all of which have to hold, and the order."""

    q: Annotated[
        str, Query(max_length=200, description="Words in title, tags or prompt; each matches as a beginning.")
    ] = ""
    tag: Annotated[
        tuple[Annotated[str, Query(max_length=50)], ...], Query(max_length=20, description="Tags that it has, all.")
    ] = ()
    model: Annotated[str, Query(max_length=100, description="Id in `GET /api/v1/models`.")] = ""
    public: Annotated[bool | None, Query(description="Only public ones, or only private ones.")] = None
    parent_id: Annotated[str, Query(max_length=64, description="Tracks that were made from this one.")] = ""
    project_id: Annotated[
        str, Query(max_length=64, description="What lies in this project of yours; `none`: in no project.")
    ] = ""
    trashed: Annotated[bool, Query(description="What lies in the trash, instead of what does not.")] = False
    sort: Annotated[TrackSort, Query(description="`relevance` needs `q`.")] = TrackSort.NEWEST

    def to_message(self, limit: int, cursor: str) -> tracks_pb2.ListTracksRequest:
        """For the wire."""
        return tracks_pb2.ListTracksRequest(
            page=common_pb2.PageRequest(limit=limit, cursor=cursor),
            query=self.q,
            tags=self.tag,
            model=self.model,
            public=self.public,
            parent_id=self.parent_id,
            trashed=self.trashed,
            project_id="" if self.project_id == NO_PROJECT else self.project_id,
            without_project=self.project_id == NO_PROJECT,
            order=_ORDERS[self.sort],
        )
