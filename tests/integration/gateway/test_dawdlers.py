"""Connections whose request does not come are closed, those in use are not."""

import asyncio

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
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            writer.close()
        # One that has asked may rest, and ask again, for longer than that.
        reader, writer = await asyncio.open_connection(url.host, url.port)
        for _ in range(3):
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await reader.read(1)
        writer.close()
