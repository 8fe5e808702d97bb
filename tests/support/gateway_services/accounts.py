# ruff: noqa: N802 — the methods are named as in the protos
"""Accounts, their sessions and API keys, reduced to what the gateway's HTTP contract needs; over real gRPC."""

import json
import time

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opentelemetry import trace
from redis.asyncio import Redis

from protos.users.v1 import accounts_pb2, accounts_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_service, require_user
from services.shared.ids import new_id
from tests.support.gateway_services.library import not_found

KEY_ID = "test-key"


class Accounts(accounts_pb2_grpc.AccountServiceServicer):
    """Accounts without a database: passwords are compared as they are."""

    def __init__(self, key: Ed25519PrivateKey, redis: Redis) -> None:
        self.key = key
        self.redis = redis
        self.users: dict[str, accounts_pb2.User] = {}
        self.passwords: dict[str, str] = {}
        self.sessions: dict[str, tuple[str, accounts_pb2.Session]] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.browsers: dict[str, tuple[accounts_pb2.User, str]] = {}
        self.browser_resolutions = 0
        self.resolve_failures: list[AppError] = []
        self.renews = False
        self.jwks_fetches = 0
        self.me_failures: list[AppError] = []
        self.last_trace_id = ""
        self.last_request_id = ""

    def access_token(
        self, user: accounts_pb2.User, session_id: str, *, key: Ed25519PrivateKey | None = None, **claims: object
    ) -> str:
        now = int(time.time())
        body = {
            "iss": "musicgen",
            "aud": "musicgen-api",
            "sub": user.id,
            "username": user.username,
            "role": user.role,
            "sid": session_id,
            "jti": new_id(),
            "iat": now,
            "exp": now + 900,
        }
        return jwt.encode({**body, **claims}, key or self.key, algorithm="EdDSA", headers={"kid": KEY_ID})

    def add_user(self, username: str, password: str = "correct horse", email: str = "") -> accounts_pb2.User:
        user = accounts_pb2.User(id=new_id(), username=username, email=email or f"{username}@example.org", role="user")
        user.created_at.GetCurrentTime()
        self.users[user.id] = user
        self.passwords[username] = password
        return user

    def sign_in(self, user: accounts_pb2.User, device: accounts_pb2.Device | None = None) -> accounts_pb2.TokenPair:
        session = accounts_pb2.Session(
            id=new_id(), address=device.address if device else "", user_agent=device.user_agent if device else ""
        )
        session.created_at.GetCurrentTime()
        session.last_used_at.GetCurrentTime()
        self.sessions[session.id] = (user.id, session)
        refresh = new_id()
        self.refresh_tokens[refresh] = user.id
        return accounts_pb2.TokenPair(
            access_token=self.access_token(user, session.id), expires_in_seconds=900, refresh_token=refresh, user=user
        )

    async def Register(self, request, context):
        require_service()
        if any(user.username == request.username for user in self.users.values()):
            raise AppError(ErrorCode.CONFLICT, "The username is taken: choose another.")
        if len(request.password) < 8:
            raise AppError.field("/password", "Must have 8 to 256 characters.")
        user = self.add_user(request.username, request.password, request.email)
        user.full_name = request.full_name
        return accounts_pb2.RegisterResponse(tokens=self.sign_in(user, request.device))

    async def Login(self, request, context):
        require_service()
        for user in self.users.values():
            if request.identifier in {user.username, user.email} and self.passwords[user.username] == request.password:
                return accounts_pb2.LoginResponse(tokens=self.sign_in(user, request.device))
        raise AppError(ErrorCode.UNAUTHENTICATED, "The name or the password is wrong.")

    async def Refresh(self, request, context):
        require_service()
        user_id = self.refresh_tokens.pop(request.refresh_token, None)
        if user_id is None:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The refresh token is not valid. Sign in again.")
        return accounts_pb2.RefreshResponse(tokens=self.sign_in(self.users[user_id], request.device))

    async def OpenBrowserSession(self, request, context):
        pair = (await self.Login(request, context)).tokens
        secret, session_id = f"mgb_{new_id()}-------", list(self.sessions)[-1]
        self.browsers[secret] = (pair.user, session_id)
        return accounts_pb2.OpenBrowserSessionResponse(session=self._browser(secret), secret=secret)

    async def ResolveBrowserSession(self, request, context):
        require_service()
        self.browser_resolutions += 1
        if self.resolve_failures:
            raise self.resolve_failures.pop()
        if request.secret not in self.browsers or self.browsers[request.secret][1] not in self.sessions:
            raise AppError(ErrorCode.UNAUTHENTICATED, "The session has ended. Sign in again.")
        renewed, self.renews = self.renews, False
        return accounts_pb2.ResolveBrowserSessionResponse(session=self._browser(request.secret), renewed=renewed)

    def _browser(self, secret: str) -> accounts_pb2.BrowserSession:
        user, session_id = self.browsers[secret]
        return accounts_pb2.BrowserSession(id=session_id, user=user, lifetime_seconds=3600)

    async def Logout(self, request, context):
        await self._revoke(require_user().session_id)
        return accounts_pb2.LogoutResponse()

    async def GetMe(self, request, context):
        caller = require_user()
        self.last_trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        self.last_request_id = str(structlog.contextvars.get_contextvars().get("request_id"))
        if self.me_failures:
            raise self.me_failures.pop()
        return accounts_pb2.GetMeResponse(user=self.users[caller.subject])

    async def ListSessions(self, request, context):
        caller = require_user()
        found = []
        for user_id, session in self.sessions.values():
            if user_id == caller.subject:
                shown = accounts_pb2.Session()
                shown.CopyFrom(session)
                shown.current = session.id == caller.session_id
                found.append(shown)
        return accounts_pb2.ListSessionsResponse(sessions=found)

    async def RevokeSession(self, request, context):
        owner_id, _ = self.sessions.get(request.session_id, ("", None))
        if owner_id != require_user().subject:
            raise not_found("session")
        await self._revoke(request.session_id)
        return accounts_pb2.RevokeSessionResponse()

    async def GetJwks(self, request, context):
        require_service()
        self.jwks_fetches += 1
        public = jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return accounts_pb2.GetJwksResponse(jwks_json=json.dumps({"keys": [{**public, "kid": KEY_ID, "alg": "EdDSA"}]}))

    async def GetLocalOwner(self, request, context):
        require_service()
        owner = next((user for user in self.users.values() if user.username == "local"), None)
        return accounts_pb2.GetLocalOwnerResponse(user=owner or self.add_user("local"))

    async def GetUsage(self, request, context):
        require_user()
        return accounts_pb2.GetUsageResponse(balance_seconds=3570.0, reserved_seconds=30.0, used_seconds=120.0)

    async def _revoke(self, session_id: str) -> None:
        self.sessions.pop(session_id, None)
        await self.redis.set(f"mg:revoked:{session_id}", "1", ex=900)
