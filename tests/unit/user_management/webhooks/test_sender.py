"""One message goes to one checked address, within its time, and nowhere else."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from services.user_management.webhooks.names import Names
from services.user_management.webhooks.rules import Target
from services.user_management.webhooks.sender import Reply, WebhookSender
from tests.support.certificates import certificate
from tests.support.webhook_receiver import Receiver, receiving

HEADERS = {"Content-Type": "application/json"}


def names(*answers: list[str]) -> Any:
    """A resolver that answers one list after the other, and keeps what it was asked."""
    left = list(answers)

    async def resolver(host: str, port: int, owner: str) -> list[str]:
        resolver.asked.append((host, port))  # type: ignore[attr-defined]
        return left.pop(0)

    resolver.asked = []  # type: ignore[attr-defined]
    return resolver


async def post(receiver: Receiver, *, private: bool = True, **options: Any) -> Reply:
    sender = WebhookSender(private=private, **options)
    return await sender.post(Target("http", "hooks.example", receiver.port, "/hook?a=b"), HEADERS, b"{}")


async def test_a_message_arrives_with_the_name_as_its_host() -> None:
    async with receiving() as receiver:
        reply = await post(receiver, resolver=names(["127.0.0.1"]))
    assert (reply.status, reply.arrived, reply.error) == (204, True, "")
    got = receiver.got[0]
    assert got.line == "POST /hook?a=b HTTP/1.1"
    assert got.headers["host"] == f"hooks.example:{receiver.port}"
    assert got.body == b"{}"


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["::1"], ["93.184.216.34", "127.0.0.1"]],
)
async def test_a_name_of_a_private_address_is_not_called(addresses: list[str]) -> None:
    async with receiving() as receiver:
        reply = await post(receiver, private=False, resolver=names(addresses))
    assert not reply.arrived
    assert "not on the public internet" in reply.error
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "localhost", "127.1"])
async def test_spellings_of_loopback_are_not_called(host: str) -> None:
    async with receiving() as receiver:
        sender = WebhookSender(private=False, resolver=Names().resolve)
        reply = await sender.post(Target("http", host, receiver.port, "/"), HEADERS, b"{}")
    assert not reply.arrived
    assert receiver.connections == 0


async def test_a_name_that_changes_its_answer_is_asked_once_and_pinned() -> None:
    connected: list[str] = []

    async def connect(address: str, port: int, **_: Any) -> Any:
        connected.append(address)
        raise ConnectionRefusedError

    resolver = names(["93.184.216.34"], ["127.0.0.1"])
    async with receiving() as receiver:
        reply = await post(receiver, private=False, resolver=resolver, connect=connect)
        assert connected == ["93.184.216.34"]
        assert len(resolver.asked) == 1
        assert not reply.arrived
        # Asked again for the next attempt, and checked again.
        reply = await post(receiver, private=False, resolver=resolver, connect=connect)
    assert connected == ["93.184.216.34"]
    assert "not on the public internet" in reply.error
    assert receiver.connections == 0


async def test_redirects_are_not_followed() -> None:
    async with receiving() as inner, receiving() as receiver:
        location = f"Location: http://127.0.0.1:{inner.port}/\r\n".encode()
        for status in (301, 302, 303, 307, 308):
            receiver.answer = f"HTTP/1.1 {status} Moved\r\n".encode() + location + b"\r\n"
            reply = await post(receiver, resolver=names(["127.0.0.1"]))
            assert (reply.status, reply.arrived) == (status, False)
            assert "redirect" in reply.error.lower()
        assert inner.connections == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 999 X\r\n\r\n",
        b"HTTP/1.1 200",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"\x00" * 1000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    async with receiving() as receiver:
        receiver.answer = answer
        reply = await post(receiver, resolver=names(["127.0.0.1"]))
    assert not reply.arrived
    assert reply.error


async def test_interim_answers_are_skipped_and_endless_bodies_not_read() -> None:
    async with receiving() as receiver:
        receiver.answer = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
        reply = await post(receiver, resolver=names(["127.0.0.1"]), seconds=5)
    assert reply.status == 200


async def test_a_server_that_never_answers_costs_its_time_and_no_more() -> None:
    async with receiving() as receiver:
        receiver.answer = None
        reply = await post(receiver, resolver=names(["127.0.0.1"]), seconds=0.3)
    assert reply == Reply(error="There was no answer within 0.3 s.")


async def test_a_resolver_that_never_answers_costs_its_time_and_no_more() -> None:
    async def never(host: str, port: int, owner: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with receiving() as receiver:
        reply = await post(receiver, resolver=never, seconds=0.1)
    assert "no answer" in reply.error


async def test_names_that_lead_nowhere_and_ports_that_are_closed_are_told() -> None:
    async def unknown(host: str, port: int, owner: str) -> list[str]:
        raise OSError

    async with receiving() as receiver:
        assert "leads nowhere" in (await post(receiver, resolver=unknown)).error
        assert "leads nowhere" in (await post(receiver, resolver=names([]))).error
    assert "connection" in (await post(receiver, resolver=names(["127.0.0.1"]))).error


async def test_the_next_address_is_tried_when_one_is_dead() -> None:
    async with receiving() as receiver:
        # Nothing listens on the second address of loopback.
        reply = await post(receiver, resolver=names(["127.0.0.2", "127.0.0.1"]))
    assert reply.arrived


async def test_tls_is_checked_against_the_name_while_the_address_is_pinned(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "hooks.example")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, key)
    seen: list[str | None] = []
    server.sni_callback = lambda _, name, __: seen.append(name)
    trusted = ssl.create_default_context(cafile=str(pem))
    async with receiving(server) as receiver:

        async def send(host: str, tls: ssl.SSLContext | None) -> Reply:
            sender = WebhookSender(private=True, resolver=names(["127.0.0.1"]), tls=tls)
            return await sender.post(Target("https", host, receiver.port, "/"), HEADERS, b"{}")

        assert (await send("hooks.example", trusted)).status == 204
        assert seen == ["hooks.example"]
        assert "certificate" in (await send("other.example", trusted)).error
        assert "certificate" in (await send("hooks.example", None)).error
    assert len(receiver.got) == 1
