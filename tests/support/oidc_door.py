"""A gateway at which people sign in by an identity provider; fixtures for whoever imports them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.account_server import PASSPHRASE, AccountServer
from tests.support.oidc_provider import OidcProvider, running_oidc_provider

START = "/api/v1/auth/oidc/loopback/start"
CALLBACK = "/api/v1/auth/oidc/loopback/callback"
BROWSER = {"accept": "text/html,application/xhtml+xml", "host": "localhost"}


@pytest.fixture(scope="session")
def provider_process() -> Iterator[OidcProvider]:
    with running_oidc_provider() as running:
        yield running


@pytest.fixture
def provider(provider_process: OidcProvider) -> OidcProvider:
    provider_process.control()
    return provider_process


@dataclass
class Door:
    """A gateway with the provider, and its accounts."""

    accounts: AccountServer
    provider: OidcProvider

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self.accounts.client(host="localhost") as http:
            yield http

    async def callback(self, http: httpx.AsyncClient, next_page: str = "/") -> dict[str, str]:
        """Go to the provider and come back with the parameters of the callback."""
        started = await http.get(START, params={"next": next_page})
        assert started.status_code == 303, started.text
        return await asyncio.to_thread(self.provider.authorize, started.headers["location"])

    async def sign_in(self, http: httpx.AsyncClient, **headers: str) -> httpx.Response:
        return await http.get(CALLBACK, params=await self.callback(http), headers=headers)


@pytest.fixture
def start_door(
    start_accounts: Callable[..., Awaitable[AccountServer]], provider: OidcProvider, tmp_path: Path
) -> Callable[..., Awaitable[Door]]:
    async def start(users: dict[str, Any] | None = None, **changes: Any) -> Door:
        gateway = {"oidc_file": provider.configuration(tmp_path, **changes), "public_url": "http://localhost:8000"}
        return Door(await start_accounts(gateway=gateway, **(users or {})), provider)

    return start


@pytest.fixture
async def door(start_door: Callable[..., Awaitable[Door]]) -> Door:
    return await start_door()


async def verified_account(door: Door, sql: asyncpg.Connection, name: str, email: str) -> dict[str, Any]:
    """An account with a password, whose address was confirmed."""
    body = {"username": name, "email": email, "password": PASSPHRASE}
    async with door.accounts.client() as http:
        user = (await http.post("/api/v1/auth/register", json=body)).json()["user"]
    await sql.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", user["id"])
    return user


async def audit(sql: asyncpg.Connection, action: str) -> list[tuple[str, str]]:
    query = "SELECT outcome, details::text AS details FROM audit_entries WHERE action = $1 ORDER BY id"
    return [(row["outcome"], row["details"]) for row in await sql.fetch(query, action)]
