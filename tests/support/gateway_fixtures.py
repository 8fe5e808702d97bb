"""One gateway for a whole run, reduced services behind it; tests that need other settings start their own."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.standalone.valkey import ValkeyServer
from tests.support.gateway_platform import Backend, Gateway, Person, running_backend, running_gateway


@pytest.fixture(scope="session")
def gateway_valkey_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        server = ValkeyServer(Path(folder) / "valkey", durable=False)
        server.start()
        yield server.url()
        server.stop()


@pytest_asyncio.fixture(scope="session")
async def backend(gateway_valkey_url: str) -> AsyncIterator[Backend]:
    # A short path: a unix socket's may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        async with running_backend(Path(folder), gateway_valkey_url) as running:
            yield running


@pytest_asyncio.fixture(scope="session")
async def gateway(backend: Backend) -> AsyncIterator[Gateway]:
    async with running_gateway(backend) as running:
        yield running


@pytest_asyncio.fixture
async def ada(gateway: Gateway) -> AsyncIterator[Person]:
    async with gateway.person() as person:
        yield person


@pytest_asyncio.fixture
async def bob(gateway: Gateway) -> AsyncIterator[Person]:
    async with gateway.person() as person:
        yield person
