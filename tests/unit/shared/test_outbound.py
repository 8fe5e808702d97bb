"""Requests to addresses of others: what is asked, and what never is."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from services.shared.networks import is_inner, is_public
from services.shared.outbound import Outbound, OutboundError, is_web_address

INNER = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::",
    "2001:0:7f00:1::", "2001:db8::1", "100::1", "::ffff:1.1.1.1", "192.88.99.1", "fec0::1", "fe80::1%eth0",
    "example.org", "", "1", "0x7f.1", "127.1",
]  # fmt: skip


@pytest.mark.parametrize("address", INNER)
def test_inner_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)
    assert not is_inner(address)


def test_operators_open_private_networks_but_never_link_local_ones() -> None:
    assert all(is_inner(address) for address in ("127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd00::1"))
    assert not any(is_inner(address) for address in ("169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "x"))
    assert not is_inner("::ffff:169.254.169.254")


@pytest.mark.parametrize(
    "url",
    ["http://example.org", "ftp://example.org", "https://", "https://u:p@example.org", "https://x/#y", "//x", "https://x:0",
     "https://x:99999", "javascript:alert(1)", ""],
)  # fmt: skip
def test_only_plain_https_urls_are_web_addresses(url: str) -> None:
    assert not is_web_address(url)
    assert is_web_address("https://example.org:8443/path?query")
    assert is_web_address("http://127.0.0.1:1/", inner=True)


class Recorder(httpx.AsyncBaseTransport):
    """Answers instead of the network, and keeps what it was asked."""

    def __init__(self, body: bytes = b"ok", status: int = 200) -> None:
        self.asked: list[httpx.Request] = []
        self._body, self._status = body, status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return httpx.Response(self._status, headers={"location": "http://127.0.0.1/"}, content=self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 1000):
            yield self._body[start : start + 1000]


def resolver(*answers: list[str]):
    """Names that resolve differently each time they are asked for."""
    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    transport = Recorder()
    async with Outbound(resolve=resolver(["1.1.1.1"], ["127.0.0.1"]), transport=transport) as outbound:
        assert (await outbound.request("GET", "https://id.example:8443/x?y=1")).body == b"ok"
        (asked,) = transport.asked
        assert (asked.url.host, asked.url.port, asked.headers["host"]) == ("1.1.1.1", 8443, "id.example:8443")
        assert asked.extensions["sni_hostname"] == "id.example"
        # The name has moved inside by the next request: it is looked up, and refused, anew.
        with pytest.raises(OutboundError, match="not on the open internet"):
            await outbound.request("GET", "https://id.example:8443/x")
    assert len(transport.asked) == 1


@pytest.mark.parametrize(
    "address", [address for address in INNER if address[:1] in "0123456789:f" and len(address) > 5]
)
async def test_names_of_inner_addresses_are_not_asked(address: str) -> None:
    transport = Recorder()
    for found in ([address], ["1.1.1.1", address], [address, "1.1.1.1"]):
        async with Outbound(resolve=resolver(found), transport=transport) as outbound:
            with pytest.raises(OutboundError):
                await outbound.request("GET", "https://id.example/")
    assert transport.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/",
        "ftp://id.example/",
        "https://u:p@id.example/",
        "https:///x",
        "https://[::1/",
        "x",
        "https://\x00/",
    ],
)
async def test_other_urls_are_not_asked(url: str) -> None:
    transport = Recorder()
    async with Outbound(resolve=resolver(["1.1.1.1"]), transport=transport) as outbound:
        with pytest.raises(OutboundError):
            await outbound.request("GET", url)
    assert transport.asked == []


async def test_numbers_that_resolvers_read_as_this_machine_are_refused() -> None:
    async with Outbound() as outbound:
        for host in (
            "127.0.0.1",
            "[::1]",
            "localhost",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "[::ffff:7f00:1]",
        ):
            with pytest.raises(OutboundError):
                await outbound.request("GET", f"https://{host}/")


async def test_redirects_are_answers_and_not_followed() -> None:
    transport = Recorder(status=302)
    async with Outbound(resolve=resolver(["1.1.1.1"]), transport=transport) as outbound:
        assert (await outbound.request("GET", "https://id.example/")).status == 302
    assert len(transport.asked) == 1


async def test_answers_are_cut_off_by_size() -> None:
    async with Outbound(resolve=resolver(["1.1.1.1"]), transport=Recorder(b"x" * 5000), largest_bytes=4999) as outbound:
        with pytest.raises(OutboundError, match="larger"):
            await outbound.request("GET", "https://id.example/")
    async with Outbound(resolve=resolver(["1.1.1.1"]), transport=Recorder(b"x" * 5000), largest_bytes=5000) as outbound:
        assert len((await outbound.request("GET", "https://id.example/")).body) == 5000


async def test_answers_are_cut_off_by_time() -> None:
    stalled = asyncio.Event()

    async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await stalled.wait()
        writer.close()

    server = await asyncio.start_server(stall, "127.0.0.1", 0, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    try:
        async with Outbound(inner=True, seconds=0.2) as outbound:
            with pytest.raises(OutboundError, match=r"0\.2 s|Timeout"):
                await outbound.request("GET", f"http://127.0.0.1:{port}/")
    finally:
        stalled.set()
        server.close()
