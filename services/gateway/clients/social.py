"""user_management's social life, as the gateway calls it. Every call is made as the person who asks."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import discovery_pb2, discovery_pb2_grpc, jobs_pb2, social_pb2, social_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class SocialClient:
    """People, likes and comments."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = social_pb2_grpc.SocialServiceStub(channel)
        self._tokens = tokens

    async def profile(self, caller: Principal, username: str) -> social_pb2.Profile:
        """One person."""
        response: social_pb2.GetProfileResponse = await call(
            self._stub.GetProfile,
            social_pb2.GetProfileRequest(username=username),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.profile

    async def set_tie(self, caller: Principal, username: str, tie: social_pb2.Tie.ValueType, *, tied: bool) -> None:
        """Follow, block or mute a person, or end that."""
        request = social_pb2.SetTieRequest(username=username, tie=tie, tied=tied)
        await call(self._stub.SetTie, request, token=self._tokens.token(caller), retries=RETRIES)

    async def people(
        self, caller: Principal, username: str, circle: social_pb2.Circle.ValueType, *, limit: int, cursor: str
    ) -> social_pb2.ListPeopleResponse:
        """One page of the people around one, latest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: social_pb2.ListPeopleResponse = await call(
            self._stub.ListPeople,
            social_pb2.ListPeopleRequest(username=username, circle=circle, page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def public_tracks(
        self, caller: Principal, username: str, *, limit: int, cursor: str
    ) -> social_pb2.ListPublicTracksResponse:
        """One page of a person's public tracks, latest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: social_pb2.ListPublicTracksResponse = await call(
            self._stub.ListPublicTracks,
            social_pb2.ListPublicTracksRequest(username=username, page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def set_like(self, caller: Principal, track_id: str, *, liked: bool) -> int:
        """Like a track, or take that back; how many people like it now."""
        response: social_pb2.SetLikeResponse = await call(
            self._stub.SetLike,
            social_pb2.SetLikeRequest(track_id=track_id, liked=liked),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.likes

    async def liked_tracks(self, caller: Principal, *, limit: int, cursor: str) -> social_pb2.ListLikedTracksResponse:
        """One page of what the caller likes, latest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: social_pb2.ListLikedTracksResponse = await call(
            self._stub.ListLikedTracks,
            social_pb2.ListLikedTracksRequest(page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def add_comment(
        self,
        caller: Principal,
        track_id: str,
        *,
        body: str,
        position_seconds: float | None,
        idempotency: jobs_pb2.Idempotency | None,
    ) -> social_pb2.AddCommentResponse:
        """Say something about a track. Repeated by itself only under an idempotency key."""
        request = social_pb2.AddCommentRequest(
            track_id=track_id, body=body, position_seconds=position_seconds, idempotency=idempotency
        )
        response: social_pb2.AddCommentResponse = await call(
            self._stub.AddComment,
            request,
            token=self._tokens.token(caller),
            retries=RETRIES if idempotency is not None else 0,
        )
        return response

    async def edit_comment(self, caller: Principal, track_id: str, comment_id: str, body: str) -> social_pb2.Comment:
        """Change what the caller said."""
        response: social_pb2.EditCommentResponse = await call(
            self._stub.EditComment,
            social_pb2.EditCommentRequest(track_id=track_id, comment_id=comment_id, body=body),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.comment

    async def remove_comment(self, caller: Principal, track_id: str, comment_id: str) -> None:
        """Remove what the caller said, or what was said about their track."""
        await call(
            self._stub.RemoveComment,
            social_pb2.RemoveCommentRequest(track_id=track_id, comment_id=comment_id),
            token=self._tokens.token(caller),
        )

    async def comments(
        self, caller: Principal, track_id: str, *, order: social_pb2.CommentOrder.ValueType, limit: int, cursor: str
    ) -> social_pb2.ListCommentsResponse:
        """One page of what people said about a track."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: social_pb2.ListCommentsResponse = await call(
            self._stub.ListComments,
            social_pb2.ListCommentsRequest(track_id=track_id, order=order, page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response


class DiscoveryClient:
    """Feed, explore and search."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = discovery_pb2_grpc.DiscoveryServiceStub(channel)
        self._tokens = tokens

    async def feed(self, caller: Principal, *, limit: int, cursor: str) -> discovery_pb2.GetFeedResponse:
        """One page of tracks of the people whom the caller follows, latest first."""
        response: discovery_pb2.GetFeedResponse = await call(
            self._stub.GetFeed,
            discovery_pb2.GetFeedRequest(page=common_pb2.PageRequest(limit=limit, cursor=cursor)),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def explore(
        self,
        caller: Principal,
        *,
        order: discovery_pb2.ExploreOrder.ValueType,
        tags: Sequence[str],
        limit: int,
        cursor: str,
    ) -> discovery_pb2.ExploreResponse:
        """One page of everybody's tracks."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: discovery_pb2.ExploreResponse = await call(
            self._stub.Explore,
            discovery_pb2.ExploreRequest(page=page, order=order, tags=tags),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def trending_tags(self, caller: Principal, limit: int) -> Sequence[discovery_pb2.TrendingTag]:
        """The tags of what is liked most these days."""
        response: discovery_pb2.ListTrendingTagsResponse = await call(
            self._stub.ListTrendingTags,
            discovery_pb2.ListTrendingTagsRequest(limit=limit),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.tags

    async def search(
        self,
        caller: Principal,
        *,
        query: str,
        kind: discovery_pb2.SearchKind.ValueType,
        tags: Sequence[str],
        limit: int,
        cursor: str,
    ) -> discovery_pb2.SearchResponse:
        """One page of tracks or people, best first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: discovery_pb2.SearchResponse = await call(
            self._stub.Search,
            discovery_pb2.SearchRequest(query=query, kind=kind, tags=tags, page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response
