"""A gateway whose webhooks may call loopback, its database, and a server that they call."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from services.user_management.database import Database, open_engine
from tests.support.account_server import AccountServer
from tests.support.webhook_receiver import Receiver, receiving


@pytest_asyncio.fixture
async def accounts(start_accounts: Any) -> AccountServer:
    return await start_accounts(webhook_private_networks=True)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest_asyncio.fixture
async def database(accounts: AccountServer) -> AsyncIterator[Database]:
    found = Database(open_engine(accounts.users.settings.database_url, connections=5))
    yield found
    await found.close()
