"""The load generator counts from when a request was due, and leaves nothing out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.load import open_loop

ACCOUNTS = [open_loop.Account("token", "track", "job")]
Answer = Callable[[bytes], Awaitable[bytes]]


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """One that reads heads and answers what it is told to."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0
                )
                await reader.readexactly(length)
                said = await answer(head)
                if not said:
                    break
                writer.write(said)
                await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


async def fine(_: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def test_every_request_that_was_due_is_answered_or_counted() -> None:
    async with server(fine) as url:
        result = await open_loop.run(url, ACCOUNTS, users=20, rate=400, seconds=0.5, seed=3)
    assert result.failures == {}
    assert result.answered == len(result.lateness) > 100
    assert result.latencies.keys() <= open_loop.MIX.keys()


async def test_what_a_slow_server_makes_wait_is_measured_in_full() -> None:
    turn = asyncio.Lock()

    async def slow(head: bytes) -> bytes:
        async with turn:
            await asyncio.sleep(0.02)
        return await fine(head)

    # 50 a second can be answered, 100 are due: the last of them waited about as long as the others took.
    async with server(slow) as url:
        result = await open_loop.run(url, ACCOUNTS, users=40, rate=100, seconds=1.0, seed=4)
    everything = [value for values in result.latencies.values() for value in values]
    assert result.answered == len(result.lateness)
    assert max(everything) > 0.5, "a closed loop would have said 0.02 s for each of its users"


@pytest.mark.parametrize(
    ("said", "why"), [(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "500"), (b"", "connection lost")]
)
async def test_failures_are_counted_by_what_they_were(said: bytes, why: str) -> None:
    async def fail(_: bytes) -> bytes:
        return said

    async with server(fail) as url:
        result = await open_loop.run(url, ACCOUNTS, users=5, rate=100, seconds=0.3, seed=5)
    assert result.answered == 0
    assert result.failures.total() == len(result.lateness) > 5
    assert {what.rpartition(": ")[2] for what in result.failures} == {why}


async def test_a_server_that_is_not_there_is_a_failure() -> None:
    async with server(fine) as url:
        pass
    result = await open_loop.run(url, ACCOUNTS, users=3, rate=50, seconds=0.3, seed=6)
    assert result.failures.total() == len(result.lateness) > 3
