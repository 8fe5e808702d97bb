"""Who sends a request: by access token, API key, signed link or cookie; in single-user mode always the local owner."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from protos.users.v1 import accounts_pb2
from services.gateway.browser.cookies import session_secret
from services.gateway.browser.sessions import BrowserSessions, BrowserUse
from services.gateway.device import device_of
from services.gateway.tokens.access import AccessTokenVerifier
from services.gateway.tokens.api_keys import HEADER as API_KEY_HEADER
from services.gateway.tokens.api_keys import ApiKeyVerifier
from services.gateway.tokens.links import LinkSigner
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal


class LocalOwner:
    """The one person of a single-user install, asked for once."""

    def __init__(self, fetch: Callable[[], Awaitable[accounts_pb2.User]]) -> None:
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self._principal: Principal | None = None

    async def principal(self) -> Principal:
        """The owner. Raises `AppError` (UNAVAILABLE) until user_management has answered once."""
        if self._principal is None:
            async with self._lock:
                if self._principal is None:
                    user = await self._fetch()
                    self._principal = Principal(user.id, "user", user.username, user.role, tier=user.tier)
        return self._principal


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request; `browser` when a cookie said so, which a browser sends whoever's page asks it to."""

    principal: Principal
    browser: BrowserUse | None = None


class Authenticator:
    """Finds the caller of a request."""

    def __init__(
        self,
        tokens: AccessTokenVerifier,
        links: LinkSigner,
        browsers: BrowserSessions,
        keys: ApiKeyVerifier,
        local_owner: LocalOwner | None,
    ) -> None:
        self._tokens = tokens
        self._links = links
        self._browsers = browsers
        self._keys = keys
        self._local_owner = local_owner

    async def caller(
        self,
        request: HTTPConnection,
        *,
        takes_links: bool,
        token: str | None = None,
        before_asking: Callable[[], Awaitable[None]] | None = None,
    ) -> Caller | None:
        """The caller, or None when the request carries no credential.

        Raises `AppError` (UNAUTHENTICATED) for a credential that does not hold. `takes_links`: whether the route opens
        for signed links; `token`: an access token that came otherwise than in its header. What was attached on purpose
        wins over the cookie, which comes by itself. `before_asking` runs before user_management is asked about a
        credential that nothing is known of here, and may raise `AppError`.
        """
        if self._local_owner is not None:
            return Caller(await self._local_owner.principal())
        if token is not None:
            return Caller(await self._tokens.verify(token))
        header = request.headers.get("authorization")
        if header is not None:
            return Caller(await self._tokens.verify(_bearer_token(header)))
        key = request.headers.get(API_KEY_HEADER)
        if key is not None:
            return Caller(await self._keys.verify(key, before_asking))
        signature = request.query_params.get("signature")
        if takes_links and signature is not None:
            expires = request.query_params.get("expires", "")
            return Caller(self._links.verify(request.scope["path"], expires, signature))
        secret = session_secret(request)
        if secret is not None:
            browser = await self._browsers.use(secret, device_of(request), before_asking)
            return Caller(browser.principal, browser)
        return None


def _bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AppError(
            ErrorCode.UNAUTHENTICATED, "The Authorization header is not understood: send `Bearer` and an access token."
        )
    return token.strip()
