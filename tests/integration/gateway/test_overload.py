"""More at once than the gateway takes: it says so at once, and those who were let in are answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.gateway.collaborators import Collaborators
from tests.support.gateway_platform import Backend, Gateway, Person, eventually, running_gateway


@pytest.fixture
async def small(backend: Backend) -> AsyncIterator[Gateway]:
    """A gateway that has four calls in hand at most, two of a class, and one stream."""
    async with running_gateway(backend, most_in_flight=4, most_transfers=1, most_streams=1) as gateway:
        yield gateway
        backend.tracks.answering.set()


def in_hand(gateway: Gateway, name: str) -> int:
    collaborators: Collaborators = gateway.app.state.collaborators
    return collaborators.in_flight.count_of(name)


async def test_flood_is_answered_at_once_and_those_let_in_succeed(small: Gateway) -> None:
    tracks = small.backend.tracks
    async with small.person() as ada:
        track = tracks.add(ada.user)
        path = f"/api/v1/tracks/{track.id}"
        tracks.arrived = 0
        tracks.answering.clear()
        limits = httpx.Limits(max_connections=40)
        async with small.client(ada.tokens.access_token, limits=limits) as http:
            calls = [asyncio.create_task(http.get(path)) for _ in range(40)]
            # All but two are answered although those two are not.
            await eventually(lambda: sum(call.done() for call in calls) == 38, "38 refusals")
            await eventually(lambda: tracks.arrived == 2, "two reach the library")
            # Neither health nor other classes nor what makes room is held up by them.
            assert (await http.get("/health/live")).status_code == 200
            renamed = await http.patch(path, json={"title": "Still here"})
            assert renamed.status_code == 200
            tracks.answering.set()
            answers = await asyncio.gather(*calls)
        assert Counter(answer.status_code for answer in answers) == {200: 2, 503: 38}
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.json()["type"] == "/problems/overloaded"
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["content-type"] == "application/problem+json"
        assert in_hand(small, "read") == 0
        assert (await ada.http.get(path)).status_code == 200


async def test_cancel_is_taken_by_a_full_server(small: Gateway) -> None:
    tracks = small.backend.tracks
    async with small.person() as ada:
        job = await small.backend.jobs.add(ada.user.id)
        collaborators: Collaborators = small.app.state.collaborators
        held = [collaborators.in_flight.enter(name) for name in ("read", "read", "write", "write")]
        assert (await ada.http.get("/api/v1/tracks")).status_code == 503
        assert (await ada.http.post("/api/v1/generate", json={"prompt": "x"})).status_code == 503
        assert (await ada.http.post(f"/api/v1/jobs/{job.id}/cancel")).status_code == 202
        assert (await ada.http.get("/health/ready")).status_code == 200
        for place in held:
            place.leave()
        assert (await ada.http.get("/api/v1/tracks")).status_code == 200
    assert tracks.answering.is_set()


async def test_client_that_leaves_makes_room(small: Gateway) -> None:
    tracks = small.backend.tracks
    async with small.person() as ada:
        path = f"/api/v1/tracks/{tracks.add(ada.user).id}"
        tracks.answering.clear()
        calls = [asyncio.create_task(ada.http.get(path)) for _ in range(2)]
        await eventually(lambda: in_hand(small, "read") == 2, "both wait")
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        tracks.answering.set()
        await eventually(lambda: in_hand(small, "read") == 0, "room again")
        assert (await ada.http.get(path)).status_code == 200


async def test_calls_that_wait_are_counted_among_the_long_ones(small: Gateway, bob: Person) -> None:
    jobs = small.backend.jobs
    async with small.person() as ada:
        job = await jobs.add(ada.user.id)
        waiting = asyncio.create_task(ada.http.get(f"/api/v1/jobs/{job.id}", params={"wait": 30}))
        await eventually(lambda: in_hand(small, "stream") == 1, "it waits")
        assert in_hand(small, "read") == 0
        refused = await ada.http.get(f"/api/v1/jobs/{job.id}", params={"wait": 30})
        assert refused.status_code == 503
        assert refused.json()["type"] == "/problems/overloaded"
        assert (await ada.http.get(f"/api/v1/jobs/{job.id}")).status_code == 200
        await jobs.end(job.id, 4)
        assert (await waiting).status_code == 200
        assert in_hand(small, "stream") == 0


async def test_stream_holds_its_place_until_it_is_left(small: Gateway) -> None:
    async with small.person() as ada:
        job = await small.backend.jobs.add(ada.user.id)
        path = f"/api/v1/jobs/{job.id}/events"
        async with ada.http.stream("GET", path) as events:
            assert events.status_code == 200
            async with aclosing(events.aiter_raw()) as pieces:
                await anext(pieces)
                assert (await ada.http.get(path)).status_code == 503
                assert (await ada.http.get("/api/v1/tracks")).status_code == 200
        await eventually(lambda: in_hand(small, "stream") == 0, "the stream's place is free")


async def test_sockets_are_bounded_over_all_people(small: Gateway) -> None:
    address = small.url.replace("http", "ws", 1) + "/api/v1/ws"
    async with small.person() as ada, small.person() as bob:
        hers, his = ({"authorization": f"Bearer {person.tokens.access_token}"} for person in (ada, bob))
        async with connect(address, additional_headers=hers, proxy=None) as socket:
            assert '"hello"' in await socket.recv()
            with pytest.raises(InvalidStatus) as refused:
                async with connect(address, additional_headers=his, proxy=None):
                    pass
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["retry-after"] == "1"
        await eventually(lambda: in_hand(small, "socket") == 0, "the place is free again")
        with pytest.raises(InvalidStatus):
            async with connect(address, proxy=None):
                pass
        await eventually(lambda: in_hand(small, "socket") == 0, "who is refused leaves no place behind")
        async with connect(address, additional_headers=his, proxy=None) as socket:
            assert '"hello"' in await socket.recv()
