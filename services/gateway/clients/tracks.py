"""user_management's library, as the gateway calls it."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.users.v1 import tracks_pb2, tracks_pb2_grpc
from services.gateway.clients.retries import RETRIES, retries_unless
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class TracksClient:
    """Every call is made as the person who asks."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = tracks_pb2_grpc.TrackServiceStub(channel)
        self._tokens = tokens

    async def get(self, caller: Principal, track_id: str) -> tracks_pb2.Track:
        """One track of the caller, or a public one."""
        response: tracks_pb2.GetTrackResponse = await call(
            self._stub.GetTrack,
            tracks_pb2.GetTrackRequest(track_id=track_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.track

    async def list(self, caller: Principal, request: tracks_pb2.ListTracksRequest) -> tracks_pb2.ListTracksResponse:
        """One page of the caller's tracks that match."""
        response: tracks_pb2.ListTracksResponse = await call(
            self._stub.ListTracks, request, token=self._tokens.token(caller), retries=RETRIES
        )
        return response

    async def versions(self, caller: Principal, track_id: str) -> Sequence[tracks_pb2.Track]:
        """The tree around a track, oldest first."""
        response: tracks_pb2.ListVersionsResponse = await call(
            self._stub.ListVersions,
            tracks_pb2.ListVersionsRequest(track_id=track_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.tracks

    async def update(self, caller: Principal, request: tracks_pb2.UpdateTrackRequest) -> tracks_pb2.Track:
        """Change what is set."""
        response: tracks_pb2.UpdateTrackResponse = await call(
            self._stub.UpdateTrack,
            request,
            token=self._tokens.token(caller),
            retries=retries_unless(request.expected_revisions),
        )
        return response.track

    async def change(
        self, caller: Principal, request: tracks_pb2.ChangeTracksRequest
    ) -> tracks_pb2.ChangeTracksResponse:
        """Change several tracks at once."""
        response: tracks_pb2.ChangeTracksResponse = await call(
            self._stub.ChangeTracks, request, token=self._tokens.token(caller), retries=RETRIES
        )
        return response

    async def delete(self, caller: Principal, track_id: str, *, forever: bool, revisions: Sequence[int] = ()) -> None:
        """Put a track into the trash, or remove it."""
        await call(
            self._stub.DeleteTrack,
            tracks_pb2.DeleteTrackRequest(track_id=track_id, forever=forever, expected_revisions=revisions),
            token=self._tokens.token(caller),
        )

    async def set_cover(self, caller: Principal, track_id: str, object_key: str) -> tracks_pb2.Track:
        """Name the picture of the caller's own track; the empty text takes it away."""
        response: tracks_pb2.SetCoverResponse = await call(
            self._stub.SetCover,
            tracks_pb2.SetCoverRequest(track_id=track_id, object_key=object_key),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.track

    async def restore(self, caller: Principal, track_id: str) -> tracks_pb2.Track:
        """Take a track out of the trash."""
        response: tracks_pb2.RestoreTrackResponse = await call(
            self._stub.RestoreTrack,
            tracks_pb2.RestoreTrackRequest(track_id=track_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.track
