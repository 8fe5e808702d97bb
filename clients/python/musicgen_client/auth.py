"""Signs requests and refreshes tokens, once for the synchronous and the asynchronous client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator

import httpx

from musicgen_client.errors import ApiError
from musicgen_client.models import TokenPair
from musicgen_client.tokens import Tokens, TokenStore


class TokenAuth(httpx.Auth):
    """Adds the access token; refreshes it shortly before its end and after a 401, then repeats the request once.

    The request bodies of this client are bytes in memory, so a repeat sends the same. Without tokens, requests go
    unsigned: a single-user server needs none.
    """

    def __init__(self, store: TokenStore, refresh_url: str) -> None:
        self._store = store
        self._refresh_url = refresh_url

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The flow of `httpx.Client`."""
        tokens = self._store.load()
        fresh = False
        if tokens is not None and tokens.expired:
            tokens, fresh = (yield from self._refresh(tokens)), True
        response = yield _signed(request, tokens)
        if response.status_code == httpx.codes.UNAUTHORIZED and tokens is not None and not fresh:
            tokens = yield from self._refresh(tokens)
            yield _signed(request, tokens)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The flow of `httpx.AsyncClient`: the same steps, with waits that leave the loop free."""
        tokens = self._store.load()
        fresh = tokens is not None and tokens.expired
        response: httpx.Response | None = None
        if not fresh:
            response = yield _signed(request, tokens)
            if tokens is None or response.status_code != httpx.codes.UNAUTHORIZED:
                return
        assert tokens is not None  # noqa: S101 — either expired or refused, so there were some
        async with self._lock_held():
            current = self._store.load()
            if current is not None and current.access_token == tokens.access_token:
                answer = yield self._refresh_request(current)
                await answer.aread()
                current = self._take(answer)
        yield _signed(request, current)

    def headers(self) -> dict[str, str]:
        """What signs a handshake, which no flow of httpx does; nothing without tokens."""
        tokens = self._store.load()
        return {"Authorization": f"Bearer {tokens.access_token}"} if tokens is not None else {}

    @property
    def is_stale(self) -> bool:
        """Whether the access token has ended, or is about to."""
        tokens = self._store.load()
        return tokens is not None and tokens.expired

    def _refresh(self, stale: Tokens) -> Generator[httpx.Request, httpx.Response, Tokens | None]:
        with self._store.lock():
            current = self._store.load()
            if current is None or current.access_token != stale.access_token:
                return current  # another thread or process was quicker
            answer = yield self._refresh_request(current)
            answer.read()
            return self._take(answer)

    @contextlib.asynccontextmanager
    async def _lock_held(self) -> AsyncIterator[None]:
        lock = self._store.lock()
        entering = asyncio.ensure_future(asyncio.to_thread(lock.__enter__))
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            # The thread cannot be called back: whatever it still gets is given back at once.
            entering.add_done_callback(lambda done: None if done.exception() else lock.__exit__(None, None, None))
            raise
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    def _refresh_request(self, tokens: Tokens) -> httpx.Request:
        return httpx.Request("POST", self._refresh_url, json={"refresh_token": tokens.refresh_token})

    def _take(self, answer: httpx.Response) -> Tokens:
        if answer.is_success:
            tokens = Tokens.from_pair(TokenPair.model_validate_json(answer.content))
            self._store.save(tokens)
            return tokens
        error = ApiError.from_response(answer)
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            self._store.clear()
        raise error


def _signed(request: httpx.Request, tokens: Tokens | None) -> httpx.Request:
    if tokens is not None:
        request.headers["Authorization"] = f"Bearer {tokens.access_token}"
    return request


class ApiKeyAuth(httpx.Auth):
    """Adds an API key."""

    def __init__(self, key: str) -> None:
        self._key = key

    def headers(self) -> dict[str, str]:
        """What signs a handshake."""
        return {"X-API-Key": self._key}

    @property
    def is_stale(self) -> bool:
        """Never: keys are not exchanged."""
        return False

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The flow of both clients."""
        request.headers["X-API-Key"] = self._key
        yield request
