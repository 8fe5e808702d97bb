"""user_management's playlists, as the gateway calls them."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import jobs_pb2, playlists_pb2, playlists_pb2_grpc
from services.gateway.clients.retries import RETRIES, retries_unless
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class PlaylistsClient:
    """Every call is made as the person who asks."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = playlists_pb2_grpc.PlaylistServiceStub(channel)
        self._tokens = tokens

    async def create(
        self,
        caller: Principal,
        *,
        title: str,
        description: str,
        public: bool,
        collaborative: bool,
        idempotency: jobs_pb2.Idempotency | None,
    ) -> playlists_pb2.CreatePlaylistResponse:
        """A new playlist. Repeated by itself only under an idempotency key."""
        request = playlists_pb2.CreatePlaylistRequest(
            title=title, description=description, public=public, collaborative=collaborative, idempotency=idempotency
        )
        response: playlists_pb2.CreatePlaylistResponse = await call(
            self._stub.CreatePlaylist,
            request,
            token=self._tokens.token(caller),
            retries=RETRIES if idempotency is not None else 0,
        )
        return response

    async def list(
        self, caller: Principal, *, owner: str, limit: int, cursor: str
    ) -> playlists_pb2.ListPlaylistsResponse:
        """One page of what the caller has and was let into; with `owner`, of that person's public ones."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: playlists_pb2.ListPlaylistsResponse = await call(
            self._stub.ListPlaylists,
            playlists_pb2.ListPlaylistsRequest(page=page, owner_username=owner),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def get(self, caller: Principal, playlist_id: str) -> playlists_pb2.Playlist:
        """One playlist."""
        response: playlists_pb2.GetPlaylistResponse = await call(
            self._stub.GetPlaylist,
            playlists_pb2.GetPlaylistRequest(playlist_id=playlist_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.playlist

    async def update(self, caller: Principal, request: playlists_pb2.UpdatePlaylistRequest) -> playlists_pb2.Playlist:
        """Change what is set."""
        response: playlists_pb2.UpdatePlaylistResponse = await call(
            self._stub.UpdatePlaylist,
            request,
            token=self._tokens.token(caller),
            retries=retries_unless(request.expected_revisions),
        )
        return response.playlist

    async def delete(self, caller: Principal, playlist_id: str, revisions: Sequence[int] = ()) -> None:
        """Remove a playlist."""
        request = playlists_pb2.DeletePlaylistRequest(playlist_id=playlist_id, expected_revisions=revisions)
        await call(self._stub.DeletePlaylist, request, token=self._tokens.token(caller))

    async def tracks(
        self, caller: Principal, playlist_id: str, *, limit: int, cursor: str
    ) -> playlists_pb2.ListPlaylistTracksResponse:
        """One page of its tracks, in order."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: playlists_pb2.ListPlaylistTracksResponse = await call(
            self._stub.ListPlaylistTracks,
            playlists_pb2.ListPlaylistTracksRequest(playlist_id=playlist_id, page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def put_track(
        self, caller: Principal, request: playlists_pb2.PutPlaylistTrackRequest
    ) -> playlists_pb2.PlaylistTrack:
        """Add or move a track."""
        response: playlists_pb2.PutPlaylistTrackResponse = await call(
            self._stub.PutPlaylistTrack, request, token=self._tokens.token(caller), retries=RETRIES
        )
        return response.track

    async def remove_track(self, caller: Principal, playlist_id: str, track_id: str) -> None:
        """Take a track out."""
        request = playlists_pb2.RemovePlaylistTrackRequest(playlist_id=playlist_id, track_id=track_id)
        await call(self._stub.RemovePlaylistTrack, request, token=self._tokens.token(caller))

    async def members(self, caller: Principal, playlist_id: str) -> Sequence[playlists_pb2.PlaylistMember]:
        """Who was let in, by name."""
        response: playlists_pb2.ListPlaylistMembersResponse = await call(
            self._stub.ListPlaylistMembers,
            playlists_pb2.ListPlaylistMembersRequest(playlist_id=playlist_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.members

    async def put_member(self, caller: Principal, playlist_id: str, username: str) -> playlists_pb2.PlaylistMember:
        """Invite somebody."""
        response: playlists_pb2.PutPlaylistMemberResponse = await call(
            self._stub.PutPlaylistMember,
            playlists_pb2.PutPlaylistMemberRequest(playlist_id=playlist_id, username=username),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.member

    async def remove_member(self, caller: Principal, playlist_id: str, username: str) -> None:
        """Let somebody in no longer."""
        request = playlists_pb2.RemovePlaylistMemberRequest(playlist_id=playlist_id, username=username)
        await call(self._stub.RemovePlaylistMember, request, token=self._tokens.token(caller))

    async def invitations(
        self, caller: Principal, *, limit: int, cursor: str
    ) -> playlists_pb2.ListPlaylistInvitationsResponse:
        """One page of what the caller was invited to."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: playlists_pb2.ListPlaylistInvitationsResponse = await call(
            self._stub.ListPlaylistInvitations,
            playlists_pb2.ListPlaylistInvitationsRequest(page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def accept(self, caller: Principal, playlist_id: str) -> playlists_pb2.Playlist:
        """Say yes to an invitation."""
        response: playlists_pb2.AcceptPlaylistInvitationResponse = await call(
            self._stub.AcceptPlaylistInvitation,
            playlists_pb2.AcceptPlaylistInvitationRequest(playlist_id=playlist_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.playlist

    async def decline(self, caller: Principal, playlist_id: str) -> None:
        """Say no to it."""
        request = playlists_pb2.DeclinePlaylistInvitationRequest(playlist_id=playlist_id)
        await call(self._stub.DeclinePlaylistInvitation, request, token=self._tokens.token(caller))
