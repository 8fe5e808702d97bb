"""The hub: one socket for all of a person's jobs."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from protos.users.v1 import jobs_pb2
from services.shared.user_feed import publish_to_feed
from tests.support.gateway_platform import Gateway, Person, running_gateway

PASSWORD = "correct horse"


def url_of(gateway: Gateway, last_event_id: str = "") -> str:
    return f"{gateway.url.replace('http', 'ws', 1)}/api/v1/ws?last_event_id={last_event_id}"


def bearer(person: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {person.tokens.access_token}"}


@contextlib.asynccontextmanager
async def socket_of(gateway: Gateway, person: Person, last_event_id: str = "") -> AsyncIterator[ClientConnection]:
    async with connect(url_of(gateway, last_event_id), additional_headers=bearer(person), proxy=None) as socket:
        yield socket


async def next_message(socket: ClientConnection, kind: str = "") -> dict[str, Any]:
    """The next message (of a kind), within 10 s."""
    async with asyncio.timeout(60):
        while True:
            message = json.loads(await socket.recv())
            if not kind or message["type"] == kind:
                return message


async def refusal(**options: Any) -> int:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with connect(**options, proxy=None):
            pass
    return caught.value.response.status_code


async def close_code(socket: ClientConnection) -> int:
    async with asyncio.timeout(60):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code is not None
    return socket.close_code


async def tell(gateway: Gateway, person: Person, kind: str, data: dict[str, Any], job_id: str = "") -> None:
    await publish_to_feed(gateway.backend.redis, person.user.id, kind, data, job_id)


async def test_a_persons_events_arrive_and_nobody_elses(gateway: Gateway, ada: Person, bob: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    async with socket_of(gateway, ada) as hers, socket_of(gateway, bob) as his:
        hello = await next_message(hers)
        assert (hello["type"], hello["data"]["user_id"], hello["data"]["resumed"]) == ("hello", ada.user.id, False)
        assert (await next_message(his))["type"] == "hello"
        await tell(gateway, ada, "status", {"status": "queued"}, job.id)
        await tell(gateway, bob, "notification", {"text": "hello Bob"})
        status = await next_message(hers)
        assert (status["type"], status["job_id"], status["data"]) == ("status", job.id, {"status": "queued"})
        assert (await next_message(his))["data"] == {"text": "hello Bob"}


async def test_a_running_jobs_progress_and_its_end_arrive(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    async with socket_of(gateway, ada) as socket:
        await next_message(socket, "hello")
        await tell(gateway, ada, "status", {"status": "running"}, job.id)
        await jobs.publish(job.id, "progress", {"progress": 0.5, "stage": "making the bass"})
        progress = await next_message(socket, "progress")
        assert (progress["job_id"], progress["id"], progress["data"]["progress"]) == (job.id, None, 0.5)
        job.status = jobs_pb2.JOB_STATUS_SUCCEEDED
        await tell(gateway, ada, "status", {"status": "succeeded"}, job.id)
        await tell(gateway, ada, "done", {}, job.id)
        done = await next_message(socket, "done")
        assert (done["data"]["id"], done["data"]["status"]) == (job.id, "succeeded")
        assert done["id"]


async def test_a_late_socket_sees_what_already_runs(gateway: Gateway, ada: Person) -> None:
    jobs = gateway.backend.jobs
    job = await jobs.add(ada.user.id)
    job.status = jobs_pb2.JOB_STATUS_RUNNING
    await jobs.publish(job.id, "progress", {"progress": 0.25, "stage": "x"})
    async with socket_of(gateway, ada) as socket:
        assert (await next_message(socket, "progress"))["data"]["progress"] == 0.25


async def test_a_socket_goes_on_where_the_last_one_ended(gateway: Gateway, ada: Person) -> None:
    async with socket_of(gateway, ada) as socket:
        last = (await next_message(socket, "hello"))["id"]
    for number in range(3):
        await tell(gateway, ada, "notification", {"number": number})
    async with socket_of(gateway, ada, last) as socket:
        assert (await next_message(socket, "hello"))["data"]["resumed"]
        seen = [await next_message(socket) for _ in range(3)]
        assert [message["data"]["number"] for message in seen] == [0, 1, 2]
    async with socket_of(gateway, ada, seen[1]["id"]) as socket:
        await next_message(socket, "hello")
        assert (await next_message(socket))["data"]["number"] == 2
    async with socket_of(gateway, ada, "1-0") as socket:
        assert not (await next_message(socket, "hello"))["data"]["resumed"]


async def test_an_ended_session_closes_its_sockets_at_once(gateway: Gateway, ada: Person, bob: Person) -> None:
    async with socket_of(gateway, ada) as hers, socket_of(gateway, bob) as his:
        await next_message(hers, "hello")
        await next_message(his, "hello")
        started = asyncio.get_running_loop().time()
        assert (await ada.http.post("/api/v1/auth/logout")).status_code == 204
        assert await close_code(hers) == 4401
        assert asyncio.get_running_loop().time() - started < 5
        await tell(gateway, bob, "notification", {})
        assert (await next_message(his))["type"] == "notification"
    assert await refusal(uri=url_of(gateway), additional_headers=bearer(ada)) == 401


async def test_a_browsers_cookie_opens_it_for_own_pages_only(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        body = {"identifier": ada.user.username, "password": PASSWORD}
        assert (await http.post("/api/v1/auth/session", json=body)).status_code == 204
        cookie = {"cookie": f"musicgen_session={http.cookies['musicgen_session']}"}
    async with connect(url_of(gateway), additional_headers=cookie, origin=gateway.url, proxy=None) as socket:
        assert (await next_message(socket))["data"]["user_id"] == ada.user.id
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", f"{gateway.url}.evil.example"):
        assert await refusal(uri=url_of(gateway), additional_headers=cookie, origin=origin) == 403


async def test_a_page_without_a_cookie_sends_its_token_as_a_subprotocol(gateway: Gateway, ada: Person) -> None:
    protocols = ["musicgen.v1", f"bearer.{ada.tokens.access_token}"]
    async with connect(
        url_of(gateway), subprotocols=protocols, origin="https://elsewhere.example", proxy=None
    ) as socket:
        assert socket.subprotocol == "musicgen.v1"
        assert (await next_message(socket))["data"]["user_id"] == ada.user.id
    forged = ["musicgen.v1", f"bearer.{ada.tokens.access_token}x"]
    assert await refusal(uri=url_of(gateway), subprotocols=forged) == 401


async def test_strangers_are_refused_with_a_problem(gateway: Gateway) -> None:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with connect(url_of(gateway), proxy=None):
            pass
    response = caught.value.response
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(response.body)["type"] == "/problems/unauthenticated"


async def test_pings_are_answered(gateway: Gateway, ada: Person) -> None:
    async with socket_of(gateway, ada) as socket:
        await next_message(socket, "hello")
        await socket.send('{"type": "ping"}')
        assert (await next_message(socket))["type"] == "pong"


@pytest.mark.parametrize("said", ["x", "[]", '{"type": "shout"}', "y" * 2_000, "\x00"])
async def test_whoever_says_something_else_is_let_go(gateway: Gateway, ada: Person, said: str) -> None:
    async with socket_of(gateway, ada) as socket:
        await next_message(socket, "hello")
        await socket.send(said)
        assert await close_code(socket) == 1008


async def test_binary_and_huge_messages_are_refused(gateway: Gateway, ada: Person) -> None:
    for said in (b"\x00\x01", "z" * 1_000_000):
        async with socket_of(gateway, ada) as socket:
            await next_message(socket, "hello")
            with contextlib.suppress(websockets.ConnectionClosed):
                await socket.send(said)
            assert await close_code(socket) in {1003, 1008, 1009, 1011}


async def test_a_flood_ends_its_own_socket_only(gateway: Gateway, ada: Person, bob: Person) -> None:
    async with socket_of(gateway, ada) as flooder, socket_of(gateway, bob) as other:
        await next_message(other, "hello")
        with contextlib.suppress(websockets.ConnectionClosed):
            for _ in range(2_000):
                await flooder.send('{"type": "ping"}')
        assert await close_code(flooder) == 1008
        await other.send('{"type": "ping"}')
        assert (await next_message(other))["type"] == "pong"


async def test_one_person_holds_so_many_sockets_and_no_more(gateway: Gateway, ada: Person, bob: Person) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(gateway.app.state.collaborators.sockets.most):
            socket = await stack.enter_async_context(socket_of(gateway, ada))
            await next_message(socket, "hello")
        assert await refusal(uri=url_of(gateway), additional_headers=bearer(ada)) == 429
        async with socket_of(gateway, bob) as other:
            await next_message(other, "hello")


async def test_a_slow_reader_costs_nobody_anything_and_misses_nothing(
    gateway: Gateway, ada: Person, bob: Person
) -> None:
    text = "x" * 20_000
    async with socket_of(gateway, ada) as slow, socket_of(gateway, bob) as quick:
        await next_message(slow, "hello")
        await next_message(quick, "hello")
        for number in range(200):
            await tell(gateway, ada, "notification", {"number": number, "text": text})
        await tell(gateway, bob, "notification", {})
        assert (await next_message(quick))["type"] == "notification"
        seen = [(await next_message(slow))["data"]["number"] for _ in range(200)]
        assert seen == list(range(200))


async def test_the_ending_process_says_so(gateway: Gateway, ada: Person) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with running_gateway(gateway.backend) as short_lived:
            socket = await stack.enter_async_context(socket_of(short_lived, ada))
            await next_message(socket, "hello")
        # 1012 when the server itself was quicker.
        assert await close_code(socket) in {1001, 1012}


async def test_single_user_mode_opens_for_this_machines_own_pages_only(gateway: Gateway) -> None:
    async with running_gateway(gateway.backend, single_user=True) as single:
        async with connect(url_of(single), origin=single.url, proxy=None) as socket:
            assert (await next_message(socket))["type"] == "hello"
        assert await refusal(uri=url_of(single), origin="https://evil.example") == 403
        evil_host = {"host": "evil.example"}
        assert await refusal(uri=url_of(single), additional_headers=evil_host, origin="http://evil.example") == 403


async def test_a_stream_of_events_ends_with_its_session(gateway: Gateway, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    async with ada.http.stream("GET", f"/api/v1/jobs/{job.id}/events") as events:
        chunks = events.aiter_raw()
        await anext(chunks)
        async with gateway.client(ada.tokens.access_token) as http:
            assert (await http.post("/api/v1/auth/logout")).status_code == 204
        async with asyncio.timeout(60):
            async for _ in chunks:
                pass
