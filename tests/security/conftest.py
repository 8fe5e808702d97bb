"""Gateways without rate limits: the matrix sends more refused credentials than any window allows."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.conftest import (
    database_template,
    database_url,
    postgres_server,
    secrets_dir,
    servers_folder,
    start_user_management,
    user_management,
    valkey_server,
    valkey_url,
)
from tests.support.account_server import accounts, sql, start_accounts
from tests.support.gateway_fixtures import ada, backend, bob, gateway_valkey_url
from tests.support.gateway_platform import Backend, Gateway, running_gateway

__all__ = [
    "accounts",
    "ada",
    "backend",
    "bob",
    "database_template",
    "database_url",
    "gateway",
    "gateway_valkey_url",
    "postgres_server",
    "secrets_dir",
    "servers_folder",
    "sql",
    "start_accounts",
    "start_user_management",
    "user_management",
    "valkey_server",
    "valkey_url",
]


@pytest_asyncio.fixture(scope="session")
async def gateway(backend: Backend) -> AsyncIterator[Gateway]:
    async with running_gateway(backend, rate_limits="off") as running:
        yield running
