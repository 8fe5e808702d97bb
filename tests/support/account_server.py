"""A gateway whose accounts are real: PostgreSQL, Valkey, a folder of mails; fixtures for whoever imports them."""

import contextlib
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.gateway.config import GatewaySettings
from tests.support.gateway_platform import serving
from tests.support.user_management import UserManagement, eventually

PASSPHRASE = "correct horse battery"
OTHER = "staple zebra lantern"


@dataclass
class AccountServer:
    """A gateway in front of the real user_management: PostgreSQL, Valkey, a folder of mails."""

    url: str
    users: UserManagement

    def client(self, token: str = "", **headers: str) -> httpx.AsyncClient:
        if token:
            headers["authorization"] = f"Bearer {token}"
        # By plain HTTP: to read all the world's certificates takes longer than most calls.
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, verify=False, timeout=30)

    @contextlib.asynccontextmanager
    async def somebody(self, name: str = "") -> AsyncIterator[httpx.AsyncClient]:
        """A new person's client, signed in by access token."""
        name = name or f"u{uuid.uuid4().hex[:12]}"
        body = {"username": name, "email": f"{name}@example.org", "password": PASSPHRASE}
        async with self.client() as http:
            answer = await http.post("/api/v1/auth/register", json=body)
            assert answer.status_code == 201, answer.text
            http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
            yield http

    async def mails_to(self, address: str, count: int = 1) -> list[str]:
        """The texts of the mails to an address, once there are so many."""

        async def found() -> list[str]:
            texts = mails_in(self.users.settings.outbox_dir, address)
            return texts if len(texts) >= count else []

        return await eventually(found, what=f"{count} mails to {address}")

    async def token_to(self, address: str, count: int = 1) -> str:
        """The token in the newest mail to an address that has one."""
        found = [re.search(r"#token=(\S+)", text) for text in await self.mails_to(address, count)]
        tokens = [match[1] for match in found if match is not None]
        assert tokens
        return tokens[-1]


def mails_in(folder: Path, address: str) -> list[str]:
    """The texts of the mails to an address, oldest first."""
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]
    return [mail.get_content() for mail in mails if mail["To"] == address]


def gateway_settings(users: UserManagement, **changes: Any) -> GatewaySettings:
    """A gateway's in front of the service, with nothing else behind it."""
    values: dict[str, Any] = {
        "environment": "development",
        "redis_url": users.settings.redis_url,
        "storage_url": users.settings.storage_url,
        "secrets_dir": users.secrets_dir,
        "users_address": users.address,
        "generation_address": "unix:/nonexistent/none.sock",
        "processing_address": "unix:/nonexistent/none.sock",
        "rate_limits": "off",
        "trusted_proxies": "127.0.0.1",
    }
    return GatewaySettings(**{**values, **changes})


@pytest.fixture
async def start_accounts(
    start_user_management: Callable[..., Awaitable[UserManagement]], tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[AccountServer]]]:
    async with contextlib.AsyncExitStack() as stack:

        async def start(gateway: dict[str, Any] | None = None, **settings: Any) -> AccountServer:
            users = await start_user_management(mail_dir=tmp_path / "outbox", **settings)
            url, _, _ = await stack.enter_async_context(serving(gateway_settings(users, **(gateway or {}))))
            return AccountServer(url, users)

        yield start


@pytest.fixture
async def accounts(start_accounts: Callable[..., Awaitable[AccountServer]]) -> AccountServer:
    return await start_accounts()


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own to the accounts' database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def me(http: httpx.AsyncClient) -> dict[str, Any]:
    answer = await http.get("/api/v1/users/me")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def login(accounts: Any, identifier: str, password: str = PASSPHRASE, **more: str) -> httpx.Response:
    async with accounts.client() as http:
        return await http.post("/api/v1/auth/login", json={"identifier": identifier, "password": password, **more})


async def signs_out(http: httpx.AsyncClient) -> None:
    """The client's session ends within 5 s."""

    async def refused() -> bool:
        return (await http.get("/api/v1/users/me")).status_code == 401

    await eventually(refused, within=60, what="the session is refused")
