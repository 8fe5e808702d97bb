"""One connection for the short calls of all requests: each gets its own answer, a server that went away is found."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.shared.valkey_line import Answer, ValkeyLine
from services.standalone.valkey import ValkeyServer
from tests.support.certificates import certificate


@pytest.fixture
async def line(valkey: ValkeyServer) -> AsyncIterator[ValkeyLine]:
    opened = ValkeyLine(valkey.url())
    yield opened
    await opened.aclose()


async def test_every_caller_gets_the_answer_to_its_own_question(line: ValkeyLine) -> None:
    async def echoed(number: int) -> Answer:
        await asyncio.sleep(number % 7 / 1000)
        return await line.call("ECHO", f"{number}\r\n$3\r\n{number}")

    answers = await asyncio.gather(*map(echoed, range(500)))
    assert answers == [f"{number}\r\n$3\r\n{number}".encode() for number in range(500)]


async def test_a_caller_that_leaves_takes_nobodys_answer(line: ValkeyLine) -> None:
    first, second = (asyncio.create_task(line.call("ECHO", word)) for word in ("one", "two"))
    await line.call("ECHO", "warm")
    leaving = asyncio.create_task(line.call("ECHO", "three"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await line.call("ECHO", "four") == b"four"
    assert [await first, await second] == [b"one", b"two"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("ECHO", "grün"), "grün".encode()),
        (("ECHO", ""), b""),
        (("GET", "mg:line:nothing"), None),
        (("EXISTS", "mg:line:nothing"), 0),
        (("MGET", "mg:line:nothing", "mg:line:neither"), [None, None]),
        (("PING",), b"PONG"),
        (("EVAL", "return {1, {2, 'x'}, -3}", "0"), [1, [2, b"x"], -3]),
        (("LRANGE", "mg:line:nothing", "0", "-1"), []),
    ],
)
async def test_answers_of_every_kind_are_read(line: ValkeyLine, command: tuple[str, ...], answer: Answer) -> None:
    assert await line.call(*command) == answer


async def test_what_the_server_refuses_is_raised_and_the_line_goes_on(line: ValkeyLine) -> None:
    with pytest.raises(NoScriptError):
        await line.call("EVALSHA", "0" * 40, "0")
    with pytest.raises(ResponseError):
        await line.call("NO-SUCH-COMMAND")
    assert await line.call("PING") == b"PONG"


async def test_a_killed_server_is_found_again(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "valkey" / "data")
    (tmp_path / "valkey").mkdir()
    await asyncio.to_thread(server.start)
    line = ValkeyLine(server.url())
    try:
        await line.call("SET", "mg:line", "kept")
        await asyncio.to_thread(server.kill)
        with pytest.raises((RedisError, OSError)):
            await line.call("GET", "mg:line")
        await asyncio.to_thread(server.start)
        assert await line.call("GET", "mg:line") == b"kept"
    finally:
        await line.aclose()
        server.stop()


async def test_a_connection_that_died_unused_costs_nobody_a_call(line: ValkeyLine, redis: Redis) -> None:
    await line.call("PING")
    await redis.client_kill_filter(_type="normal", skipme=True)
    assert await line.call("PING") == b"PONG"


async def served(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
    *,
    tls: ssl.SSLContext | None = None,
    path: Path | None = None,
) -> tuple[asyncio.Server, str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"PING\r\n"):
                answer(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    if path is not None:
        return await asyncio.start_unix_server(serve, path), f"unix://{path}"
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "redis" if tls is None else "rediss"
    return server, f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def test_answers_come_in_whatever_pieces() -> None:
    whole = b"*3\r\n:7\r\n$5\r\n\r\nabc\r\n*-1\r\n"

    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(len(whole)):
            asyncio.get_running_loop().call_later(at / 1000, writer.write, whole[at : at + 1])

    server, url = await served(answer)
    pieces = ValkeyLine(url)
    assert await pieces.call("PING") == [7, b"\r\nabc", None]
    await pieces.aclose()
    server.close()


def says_pong(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"+PONG\r\n")


async def test_a_socket_in_a_folder_is_an_address_too(tmp_path: Path) -> None:
    server, url = await served(says_pong, path=tmp_path / "valkey.sock")
    line = ValkeyLine(url)
    assert await line.call("PING") == b"PONG"
    await line.aclose()
    server.close()


async def test_a_server_behind_tls_has_to_show_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "127.0.0.1", "127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem, key)
    server, url = await served(says_pong, tls=tls)
    trusting, strange = ValkeyLine(f"{url}?ssl_ca_certs={pem}"), ValkeyLine(url)
    assert await trusting.call("PING") == b"PONG"
    with pytest.raises(ssl.SSLCertVerificationError):
        await strange.call("PING")
    await trusting.aclose()
    await strange.aclose()
    server.close()


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    server, url = await served(lambda reader, writer: None)
    line = ValkeyLine(url, answer_seconds=0.05)
    with pytest.raises(RedisTimeoutError):
        await asyncio.wait_for(line.call("PING"), 5)
    await line.aclose()
    server.close()


async def test_what_is_no_answer_ends_the_connection() -> None:
    server, url = await served(lambda reader, writer: writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    line = ValkeyLine(url)
    with pytest.raises(InvalidResponse):
        await line.call("PING")
    await line.aclose()
    server.close()


async def test_who_waits_when_it_is_closed_is_told() -> None:
    server, url = await served(lambda reader, writer: None)
    line = ValkeyLine(url)
    waiting = asyncio.create_task(line.call("PING"))
    await asyncio.sleep(0.02)
    server.close()
    await line.aclose()
    with pytest.raises((RedisConnectionError, OSError)):
        await waiting


async def test_the_password_and_the_database_of_the_address_are_used(valkey: ValkeyServer, redis: Redis) -> None:
    name, word = "line-test", "a:b/c@d%e"
    await redis.acl_setuser(name, enabled=True, passwords=[f"+{word}"], categories=["+@all"], keys=["*"])
    place = valkey.url().rpartition("@")[2].partition("/")[0]
    line = ValkeyLine(f"redis://{name}:a%3Ab%2Fc%40d%25e@{place}/3")
    assert await line.call("ACL", "WHOAMI") == name.encode()
    assert b"db=3" in str(await line.call("CLIENT", "INFO")).encode()
    wrong = ValkeyLine(f"redis://{name}:no@{place}/3")
    with pytest.raises(ResponseError):
        await wrong.call("PING")
    await line.aclose()
    await wrong.aclose()
    await redis.acl_deluser(name)
