"""user_management's share links, as the gateway calls them."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.users.v1 import accounts_pb2, sharing_pb2, sharing_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal

Device = accounts_pb2.Device


class SharingClient:
    """Owners' calls carry the caller's token, strangers' the channel's service token."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = sharing_pb2_grpc.SharingServiceStub(channel)
        self._tokens = tokens

    async def create(
        self, caller: Principal, track_id: str, *, expires_in_hours: int, password: str, device: Device
    ) -> sharing_pb2.CreateShareResponse:
        """A new link and its token."""
        request = sharing_pb2.CreateShareRequest(
            track_id=track_id, expires_in_hours=expires_in_hours, password=password, device=device
        )
        response: sharing_pb2.CreateShareResponse = await call(
            self._stub.CreateShare, request, token=self._tokens.token(caller)
        )
        return response

    async def list(self, caller: Principal, track_id: str) -> Sequence[sharing_pb2.Share]:
        """The links of one of the caller's tracks, newest first."""
        response: sharing_pb2.ListSharesResponse = await call(
            self._stub.ListShares,
            sharing_pb2.ListSharesRequest(track_id=track_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.shares

    async def revoke(self, caller: Principal, track_id: str, share_id: str, device: Device) -> None:
        """End a link."""
        request = sharing_pb2.RevokeShareRequest(track_id=track_id, share_id=share_id, device=device)
        await call(self._stub.RevokeShare, request, token=self._tokens.token(caller))

    async def open(self, token: str, password: str, device: Device) -> sharing_pb2.OpenShareResponse:
        """What a token leads to."""
        request = sharing_pb2.OpenShareRequest(token=token, password=password, device=device)
        response: sharing_pb2.OpenShareResponse = await call(self._stub.OpenShare, request)
        return response

    async def shared(self, share_id: str) -> sharing_pb2.GetSharedResponse:
        """What a link that was opened leads to now."""
        response: sharing_pb2.GetSharedResponse = await call(
            self._stub.GetShared, sharing_pb2.GetSharedRequest(share_id=share_id), retries=RETRIES
        )
        return response
