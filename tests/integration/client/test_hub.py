"""The client on the hub of a real gateway, over connections that are cut."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from musicgen_client import AsyncClient, Client, MemoryTokenStore, UnauthenticatedError
from musicgen_client.hub_events import HubEvent, HubOpened, JobStatusChanged, JobSucceeded
from musicgen_client.tokens import Tokens

from protos.users.v1 import jobs_pb2
from services.shared.user_feed import publish_to_feed
from tests.support.gateway_fixtures import ada
from tests.support.gateway_platform import Gateway, Person

__all__ = ["ada"]

pytestmark = pytest.mark.integration


class Relay:
    """Hands bytes on between clients and the gateway, and can cut all connections without a farewell."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: list[asyncio.StreamWriter] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, inner_writer]
        await asyncio.gather(self._copy(reader, inner_writer), self._copy(inner_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


@contextlib.asynccontextmanager
async def relayed(gateway: Gateway) -> AsyncIterator[tuple[str, Relay]]:
    relay = Relay(int(gateway.url.rpartition(":")[2]))
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", relay
    finally:
        server.close()
        relay.cut()


def store_of(person: Person) -> MemoryTokenStore:
    pair = person.tokens
    return MemoryTokenStore(Tokens(pair.access_token, pair.refresh_token, 9e9, person.user.username))


async def tell(gateway: Gateway, person: Person, kind: str, data: dict[str, Any], job_id: str) -> None:
    await publish_to_feed(gateway.backend.redis, person.user.id, kind, data, job_id)


async def next_of(events: AsyncIterator[HubEvent], kind: type[HubEvent]) -> Any:
    """The next event of a kind."""
    async with asyncio.timeout(60):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError("the hub ended")


async def threaded(events: Iterator[HubEvent]) -> AsyncIterator[HubEvent]:
    """A synchronous client's events: the gateway runs on this loop, so the client waits in threads."""
    try:
        while True:
            yield await asyncio.to_thread(next, events)
    finally:
        await asyncio.to_thread(events.close)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [AsyncClient, Client])
async def test_nothing_is_lost_or_told_twice_over_a_cut_connection(
    gateway: Gateway, ada: Person, kind: type[AsyncClient | Client]
) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    async with relayed(gateway) as (url, relay), contextlib.AsyncExitStack() as stack:
        if kind is AsyncClient:
            listening = await stack.enter_async_context(AsyncClient(url, tokens=store_of(ada)))
            events = listening.hub()
        else:
            events = threaded(stack.enter_context(Client(url, tokens=store_of(ada))).hub())
        opened = await next_of(events, HubOpened)
        assert not opened.resumed
        await tell(gateway, ada, "status", {"status": "queued"}, job.id)
        first = await next_of(events, JobStatusChanged)
        assert (first.status, first.job_id) == ("queued", job.id)
        relay.cut()
        # While nobody listens.
        await tell(gateway, ada, "status", {"status": "running"}, job.id)
        job.status = jobs_pb2.JOB_STATUS_SUCCEEDED
        await tell(gateway, ada, "status", {"status": "succeeded"}, job.id)
        await tell(gateway, ada, "done", {}, job.id)
        again = await next_of(events, HubOpened)
        assert again.resumed
        assert [(await next_of(events, JobStatusChanged)).status for _ in range(2)] == ["running", "succeeded"]
        done = await next_of(events, JobSucceeded)
        assert (done.job.id, done.job.status) == (job.id, "succeeded")
        assert relay.connections == 2
        # A program that starts anew goes on from what it wrote down.
        async with AsyncClient(url, tokens=store_of(ada)) as later:
            events_of_later = later.hub(last_event_id=first.id)
            assert (await next_of(events_of_later, HubOpened)).resumed
            assert (await next_of(events_of_later, JobStatusChanged)).status == "running"
            await events_of_later.aclose()
        relay.cut()
        await events.aclose()


async def test_a_session_that_ends_ends_the_hub(gateway: Gateway, ada: Person) -> None:
    ended = MemoryTokenStore(Tokens(ada.tokens.access_token, "spent", 9e9, ada.user.username))
    async with AsyncClient(gateway.url, tokens=ended) as listening:
        events = listening.hub()
        await next_of(events, HubOpened)
        assert (await ada.http.post("/api/v1/auth/logout")).status_code == 204
        with pytest.raises(UnauthenticatedError):
            await next_of(events, HubEvent)
    async with AsyncClient(gateway.url) as stranger:
        with pytest.raises(UnauthenticatedError):
            await anext(stranger.hub())
