"""`musicgen.users.v1.AccountService`: reads messages, asks the use cases, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import accounts_pb2, accounts_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_service, require_user
from services.user_management.accounts.founding import local_owner
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.user import User
from services.user_management.accounts.wire import actor_of, device_of, user_message
from services.user_management.auth.gate import Credentials
from services.user_management.auth.sign_in import BrowserSession, SignIn, TokenPair
from services.user_management.auth.tokens import AccessTokens
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.guests.guests import Guests
from services.user_management.jobs.repository import JobRepository
from services.user_management.quotas.repository import QuotaRepository
from services.user_management.quotas.tiers import Tiers, day_start, month_start
from services.user_management.wire import parse_id, timestamp

Context = Any


class AccountServicer(accounts_pb2_grpc.AccountServiceServicer):
    """Calls before sign-in take a service token, the others the caller's own."""

    def __init__(
        self,
        database: Database,
        sign_in: SignIn,
        guests: Guests,
        tokens: AccessTokens,
        *,
        single_user: bool,
        grant_ms: int,
        stored_bytes_limit: int,
        tiers: Tiers,
    ) -> None:
        self._database = database
        self._sign_in = sign_in
        self._guests = guests
        self._tokens = tokens
        self._single_user = single_user
        self._grant_ms = grant_ms
        self._stored_bytes_limit = stored_bytes_limit
        self._tiers = tiers

    async def Register(self, request: accounts_pb2.RegisterRequest, context: Context) -> accounts_pb2.RegisterResponse:
        """Make an account."""
        require_service()
        pair = await self._sign_in.register(
            request.username, request.email, request.password, request.full_name, device_of(request.device)
        )
        return accounts_pb2.RegisterResponse(tokens=_pair_message(pair) if pair else None)

    async def Login(self, request: accounts_pb2.LoginRequest, context: Context) -> accounts_pb2.LoginResponse:
        """Sign in."""
        require_service()
        pair = await self._sign_in.login(_credentials(request), device_of(request.device))
        return accounts_pb2.LoginResponse(tokens=_pair_message(pair))

    async def Refresh(self, request: accounts_pb2.RefreshRequest, context: Context) -> accounts_pb2.RefreshResponse:
        """Exchange a refresh token."""
        require_service()
        pair = await self._sign_in.refresh(request.refresh_token, device_of(request.device))
        return accounts_pb2.RefreshResponse(tokens=_pair_message(pair))

    async def OpenBrowserSession(
        self, request: accounts_pb2.OpenBrowserSessionRequest, context: Context
    ) -> accounts_pb2.OpenBrowserSessionResponse:
        """Sign a browser in."""
        require_service()
        session, secret = await self._sign_in.open_browser(_credentials(request), device_of(request.device))
        return accounts_pb2.OpenBrowserSessionResponse(session=_browser_message(session), secret=secret)

    async def OpenGuestSession(
        self, request: accounts_pb2.OpenGuestSessionRequest, context: Context
    ) -> accounts_pb2.OpenGuestSessionResponse:
        """Let a browser in without an account."""
        require_service()
        session, secret = await self._guests.enter(device_of(request.device))
        return accounts_pb2.OpenGuestSessionResponse(session=_browser_message(session), secret=secret)

    async def RegisterGuest(
        self, request: accounts_pb2.RegisterGuestRequest, context: Context
    ) -> accounts_pb2.RegisterGuestResponse:
        """Turn the calling guest into an account."""
        opened = await self._guests.sign_up(
            user_id(), request.username, request.email, request.password, request.full_name, device_of(request.device)
        )
        if opened is None:
            return accounts_pb2.RegisterGuestResponse()
        session, secret = opened
        return accounts_pb2.RegisterGuestResponse(session=_browser_message(session), secret=secret)

    async def ResolveBrowserSession(
        self, request: accounts_pb2.ResolveBrowserSessionRequest, context: Context
    ) -> accounts_pb2.ResolveBrowserSessionResponse:
        """Whom a browser's secret stands for."""
        require_service()
        session, renewed = await self._sign_in.resolve_browser(request.secret, device_of(request.device))
        return accounts_pb2.ResolveBrowserSessionResponse(session=_browser_message(session), renewed=renewed)

    async def Logout(self, request: accounts_pb2.LogoutRequest, context: Context) -> accounts_pb2.LogoutResponse:
        """End the caller's session; nothing happens when it has none."""
        session_id = parse_id(require_user().session_id)
        if session_id is not None:
            await self._sign_in.revoke(user_id(), session_id, actor_of(request.device))
        return accounts_pb2.LogoutResponse()

    async def GetMe(self, request: accounts_pb2.GetMeRequest, context: Context) -> accounts_pb2.GetMeResponse:
        """The caller's account."""
        caller_id = user_id()

        async def query(connection: AsyncConnection) -> User | None:
            return await UserRepository(connection).get(caller_id)

        user = await self._database.read(query)
        if user is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "This account does not exist any more.")
        return accounts_pb2.GetMeResponse(user=user_message(user))

    async def ListSessions(
        self, request: accounts_pb2.ListSessionsRequest, context: Context
    ) -> accounts_pb2.ListSessionsResponse:
        """The caller's live sessions."""
        current = require_user().session_id
        found = await self._sign_in.sessions(user_id())
        return accounts_pb2.ListSessionsResponse(
            sessions=[
                accounts_pb2.Session(
                    id=str(session.id),
                    address=session.device.address,
                    user_agent=session.device.user_agent,
                    created_at=timestamp(session.created_at),
                    last_used_at=timestamp(session.last_used_at),
                    current=str(session.id) == current,
                )
                for session in found
            ]
        )

    async def RevokeSession(
        self, request: accounts_pb2.RevokeSessionRequest, context: Context
    ) -> accounts_pb2.RevokeSessionResponse:
        """End one of the caller's sessions."""
        caller_id, session_id = user_id(), parse_id(request.session_id)
        if session_id is None or not await self._sign_in.revoke(caller_id, session_id, actor_of(request.device)):
            raise AppError(ErrorCode.NOT_FOUND, "There is no such session.")
        return accounts_pb2.RevokeSessionResponse()

    async def GetJwks(self, request: accounts_pb2.GetJwksRequest, context: Context) -> accounts_pb2.GetJwksResponse:
        """The public keys of access tokens."""
        require_service()
        return accounts_pb2.GetJwksResponse(jwks_json=self._tokens.jwks_json)

    async def GetLocalOwner(
        self, request: accounts_pb2.GetLocalOwnerRequest, context: Context
    ) -> accounts_pb2.GetLocalOwnerResponse:
        """The owner of a single-user install."""
        require_service()
        if not self._single_user:
            raise AppError(ErrorCode.FORBIDDEN, "This install has accounts: sign in.")
        return accounts_pb2.GetLocalOwnerResponse(user=user_message(await local_owner(self._database, self._grant_ms)))

    async def GetUsage(self, request: accounts_pb2.GetUsageRequest, context: Context) -> accounts_pb2.GetUsageResponse:
        """What the caller may still make, and what they have made."""
        owner_id: UUID = user_id()

        now = datetime.now(UTC)

        async def query(connection: AsyncConnection) -> accounts_pb2.GetUsageResponse:
            quota = QuotaRepository(connection)
            account = await quota.get(owner_id)
            name = await quota.tier(owner_id)
            tier = self._tiers.of(name)
            return accounts_pb2.GetUsageResponse(
                balance_seconds=account.balance_ms / 1000,
                reserved_seconds=account.reserved_ms / 1000,
                used_seconds=account.used_ms / 1000,
                stored_bytes=await JobRepository(connection).stored_bytes_of(owner_id),
                stored_bytes_limit=self._stored_bytes_limit if tier.stored_bytes is None else tier.stored_bytes,
                tier=name,
                day_seconds=await quota.made_since(owner_id, day_start(now)) / 1000,
                day_seconds_limit=tier.day_seconds,
                month_seconds=await quota.made_since(owner_id, month_start(now)) / 1000,
                month_seconds_limit=tier.month_seconds,
                jobs=await quota.jobs_at_once(owner_id),
                jobs_limit=tier.jobs,
                longest_seconds_limit=tier.longest_seconds,
            )

        return await self._database.read(query)


def _credentials(request: accounts_pb2.LoginRequest | accounts_pb2.OpenBrowserSessionRequest) -> Credentials:
    return Credentials(request.identifier, request.password, request.code)


def _browser_message(session: BrowserSession) -> accounts_pb2.BrowserSession:
    return accounts_pb2.BrowserSession(
        id=str(session.id), user=user_message(session.user), lifetime_seconds=int(session.lifetime.total_seconds())
    )


def _pair_message(pair: TokenPair) -> accounts_pb2.TokenPair:
    return accounts_pb2.TokenPair(
        access_token=pair.access_token,
        expires_in_seconds=pair.expires_in_seconds,
        refresh_token=pair.refresh_token,
        user=user_message(pair.user),
    )
