"""user_management's federation, as the gateway calls it."""

from __future__ import annotations

import grpc

from protos.users.v1 import accounts_pb2, federation_pb2, federation_pb2_grpc
from services.gateway.oidc.attempt import Pending
from services.gateway.oidc.providers import Provider
from services.shared.grpc_client import call


class FederationClient:
    """Its call carries the channel's service token."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = federation_pb2_grpc.FederationServiceStub(channel)

    async def open_session(
        self, provider: Provider, person: Pending, *, code: str, device: accounts_pb2.Device
    ) -> federation_pb2.OpenFederatedSessionResponse:
        """Sign a browser in as whom the provider vouches for."""
        identity = federation_pb2.FederatedIdentity(
            provider=provider.title,
            issuer=provider.issuer,
            subject=person.subject,
            email=person.email,
            email_verified=person.email_verified,
            full_name=person.full_name,
            preferred_username=person.preferred_username,
        )
        request = federation_pb2.OpenFederatedSessionRequest(
            identity=identity,
            trusts_email=provider.trusts_email,
            registers=provider.registers,
            code=code,
            device=device,
        )
        response: federation_pb2.OpenFederatedSessionResponse = await call(self._stub.OpenFederatedSession, request)
        return response
