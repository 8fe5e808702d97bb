"""Connections whose request does not come are closed, those in use are not."""

import asyncio
import contextlib

import httpx
import pytest

from services.gateway import http_protocol
from tests.support.gateway_platform import Backend, running_gateway


async def test_a_head_that_does_not_come_in_time_closes_its_connection(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.3)
    async with running_gateway(backend) as gateway:
        url = httpx.URL(gateway.url)
        for said in (b"", b"GET /health/live HTTP/1.1\r\nHost:"):
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(said)
            async with asyncio.timeout(60):
                assert await reader.read() == b""
            writer.close()
        # One that has asked may rest, and ask again, for longer than that.
        reader, writer = await asyncio.open_connection(url.host, url.port)
        for _ in range(3):
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(60):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await reader.read(1)
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """One answer with a Content-Length: its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    return head


async def _ends_while_fed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes) -> bytes:
    """What the server said before it closed the connection, at which `piece` came again and again."""

    async def feed() -> None:
        while True:
            writer.write(piece)
            await asyncio.sleep(0.02)

    feeding = asyncio.create_task(feed())
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        feeding.cancel()
        writer.close()


CHUNKED = (
    b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n"
)


@pytest.mark.parametrize(
    "piece",
    [pytest.param(b"X-T: 12345678\r\n" * 100, id="many"), pytest.param(b"a" * 1_000, id="one that does not end")],
)
async def test_trailers_that_do_not_end_are_refused(backend: Backend, piece: bytes) -> None:
    async with running_gateway(backend) as gateway:
        url = httpx.URL(gateway.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(CHUNKED + b"X-Endless: ")
        answer, sent = None, 0
        while answer is None and sent < 200_000:
            writer.write(piece)
            sent += len(piece)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    answer = await reader.read(65_536)
        writer.close()
        assert answer is not None, "the trailers were taken"
        assert answer[9:12] == b"431"
        assert b"at most 8 KiB" in answer


async def test_trailers_are_no_fields_of_the_request_nor_of_the_next(backend: Backend) -> None:
    async with running_gateway(backend) as gateway:
        url = httpx.URL(gateway.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        following = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(CHUNKED + b"X-Request-ID: from-a-trailer\r\n\r\n" + following)
        async with asyncio.timeout(60):
            first, second = await _answer(reader), await _answer(reader)
        assert (first[9:12], second[9:12]) == (b"422", b"200")
        assert b"from-a-trailer" not in first + second
        writer.close()


async def test_a_request_that_was_answered_has_to_end_soon(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "REST_SECONDS", 0.5)
    async with running_gateway(backend) as gateway:
        url = httpx.URL(gateway.url)
        unfinished = b"GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(unfinished % 100_000)
        async with asyncio.timeout(60):
            assert (await _answer(reader))[9:12] == b"200"
        assert await _ends_while_fed(reader, writer, b"x") == b""
        # One that ends in time goes on, also behind its time.
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(unfinished % 2 + b"x")
        async with asyncio.timeout(60):
            await _answer(reader)
        writer.write(b"x")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await reader.read(1)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(60):
            assert (await _answer(reader))[9:12] == b"200"
        writer.close()


async def test_empty_lines_keep_no_connection(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.5)
    async with running_gateway(backend) as gateway:
        url = httpx.URL(gateway.url)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(60):
            await _answer(reader)
        assert await _ends_while_fed(reader, writer, b"\r\n") == b""
