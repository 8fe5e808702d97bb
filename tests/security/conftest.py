"""A gateway without rate limits: the matrix sends more refused credentials than any window allows."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.gateway_fixtures import ada, backend, bob, gateway_valkey_url
from tests.support.gateway_platform import Backend, Gateway, running_gateway

__all__ = ["ada", "backend", "bob", "gateway", "gateway_valkey_url"]


@pytest_asyncio.fixture(scope="session")
async def gateway(backend: Backend) -> AsyncIterator[Gateway]:
    async with running_gateway(backend, rate_limits="off") as running:
        yield running
