"""user_management's accounts, as the gateway calls them."""

from __future__ import annotations

import grpc

from protos.users.v1 import accounts_pb2, accounts_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class AccountsClient:
    """Calls before sign-in carry the channel's service token, the others the caller's."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = accounts_pb2_grpc.AccountServiceStub(channel)
        self._tokens = tokens

    async def register(
        self, *, username: str, email: str, password: str, full_name: str, device: accounts_pb2.Device
    ) -> accounts_pb2.TokenPair | None:
        """Create an account and sign it in; None where its address has to be verified first."""
        request = accounts_pb2.RegisterRequest(
            username=username, email=email, password=password, full_name=full_name, device=device
        )
        response: accounts_pb2.RegisterResponse = await call(self._stub.Register, request)
        return response.tokens if response.HasField("tokens") else None

    async def login(
        self, *, identifier: str, password: str, code: str, device: accounts_pb2.Device
    ) -> accounts_pb2.TokenPair:
        """Sign in."""
        request = accounts_pb2.LoginRequest(identifier=identifier, password=password, code=code, device=device)
        response: accounts_pb2.LoginResponse = await call(self._stub.Login, request)
        return response.tokens

    async def refresh(self, *, refresh_token: str, device: accounts_pb2.Device) -> accounts_pb2.TokenPair:
        """Exchange a refresh token."""
        request = accounts_pb2.RefreshRequest(refresh_token=refresh_token, device=device)
        response: accounts_pb2.RefreshResponse = await call(self._stub.Refresh, request)
        return response.tokens

    async def open_browser_session(
        self, *, identifier: str, password: str, code: str, device: accounts_pb2.Device
    ) -> accounts_pb2.OpenBrowserSessionResponse:
        """Sign a browser in."""
        request = accounts_pb2.OpenBrowserSessionRequest(
            identifier=identifier, password=password, code=code, device=device
        )
        response: accounts_pb2.OpenBrowserSessionResponse = await call(self._stub.OpenBrowserSession, request)
        return response

    async def open_guest_session(self, device: accounts_pb2.Device) -> accounts_pb2.OpenGuestSessionResponse:
        """Let a browser in without an account."""
        response: accounts_pb2.OpenGuestSessionResponse = await call(
            self._stub.OpenGuestSession, accounts_pb2.OpenGuestSessionRequest(device=device)
        )
        return response

    async def register_guest(
        self,
        caller: Principal,
        *,
        username: str,
        email: str,
        password: str,
        full_name: str,
        device: accounts_pb2.Device,
    ) -> accounts_pb2.RegisterGuestResponse | None:
        """Turn the calling guest into an account; None where its address has to be verified first."""
        request = accounts_pb2.RegisterGuestRequest(
            username=username, email=email, password=password, full_name=full_name, device=device
        )
        response: accounts_pb2.RegisterGuestResponse = await call(
            self._stub.RegisterGuest, request, token=self._tokens.token(caller)
        )
        return response if response.HasField("session") else None

    async def resolve_browser_session(
        self, secret: str, device: accounts_pb2.Device
    ) -> accounts_pb2.ResolveBrowserSessionResponse:
        """Whom a browser's secret stands for."""
        response: accounts_pb2.ResolveBrowserSessionResponse = await call(
            self._stub.ResolveBrowserSession,
            accounts_pb2.ResolveBrowserSessionRequest(secret=secret, device=device),
            retries=RETRIES,
        )
        return response

    async def logout(self, caller: Principal, device: accounts_pb2.Device) -> None:
        """End the caller's session."""
        request = accounts_pb2.LogoutRequest(device=device)
        await call(self._stub.Logout, request, token=self._tokens.token(caller), retries=RETRIES)

    async def me(self, caller: Principal) -> accounts_pb2.User:
        """The caller's account."""
        response: accounts_pb2.GetMeResponse = await call(
            self._stub.GetMe, accounts_pb2.GetMeRequest(), token=self._tokens.token(caller), retries=RETRIES
        )
        return response.user

    async def usage(self, caller: Principal) -> accounts_pb2.GetUsageResponse:
        """What the caller may still make, and has made."""
        response: accounts_pb2.GetUsageResponse = await call(
            self._stub.GetUsage, accounts_pb2.GetUsageRequest(), token=self._tokens.token(caller), retries=RETRIES
        )
        return response

    async def sessions(self, caller: Principal) -> list[accounts_pb2.Session]:
        """The caller's sessions, newest first."""
        response: accounts_pb2.ListSessionsResponse = await call(
            self._stub.ListSessions,
            accounts_pb2.ListSessionsRequest(),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return list(response.sessions)

    async def revoke_session(self, caller: Principal, session_id: str, device: accounts_pb2.Device) -> None:
        """End one of the caller's sessions."""
        await call(
            self._stub.RevokeSession,
            accounts_pb2.RevokeSessionRequest(session_id=session_id, device=device),
            token=self._tokens.token(caller),
        )

    async def jwks(self) -> str:
        """The public keys of access tokens, a JWK set as JSON."""
        response: accounts_pb2.GetJwksResponse = await call(
            self._stub.GetJwks, accounts_pb2.GetJwksRequest(), timeout=2.0, retries=RETRIES
        )
        return response.jwks_json

    async def local_owner(self) -> accounts_pb2.User:
        """The owner of a single-user install."""
        response: accounts_pb2.GetLocalOwnerResponse = await call(
            self._stub.GetLocalOwner, accounts_pb2.GetLocalOwnerRequest(), retries=RETRIES
        )
        return response.user
