"""What somebody would try on the open internet, against the real platform."""

import asyncio
import contextlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.shared.ids import new_id
from tests.security.test_matrix import DOCUMENT, person
from tests.support.account_server import PASSPHRASE, AccountServer
from tests.support.real_services import real_services
from tests.support.timing import PATIENCE_SECONDS
from tests.support.user_management import UserManagement

pytestmark = pytest.mark.integration


async def test_fifty_refreshes_at_once_leave_one_family_or_none(
    accounts: AccountServer, sql: asyncpg.Connection
) -> None:
    ann, hers = await person(accounts)
    body = {"refresh_token": ann.tokens.refresh_token}
    async with hers, accounts.client() as http:
        answers = await asyncio.gather(*(http.post("/api/v1/auth/refresh", json=body) for _ in range(50)))
        statuses = Counter(answer.status_code for answer in answers)
        families = await sql.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1 AND revoked_at IS NULL", ann.id)
        print("50 refreshes at once:", dict(statuses), "live families:", families)
        assert statuses.keys() <= {200, 401}
        assert families <= 1
        # A thief who comes later ends the whole family.
        await sql.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
        assert (await http.post("/api/v1/auth/refresh", json=body)).status_code == 401
        newest = {"refresh_token": answers[-1].json().get("refresh_token", "x")}
        assert (await http.post("/api/v1/auth/refresh", json=newest)).status_code == 401
        assert not await sql.fetchval("SELECT count(*) FROM sessions WHERE user_id = $1 AND revoked_at IS NULL", ann.id)
        assert (await hers.get("/api/v1/users/me")).status_code == 401
        log = await sql.fetch("SELECT outcome FROM audit_entries WHERE action = 'account.refresh_token_reused'")
        assert [row["outcome"] for row in log] == ["refused"]


@pytest_asyncio.fixture
async def url(user_management: UserManagement, servers_folder: Path, tmp_path: Path) -> AsyncIterator[str]:
    async with real_services(user_management, servers_folder, tmp_path, rate_limits="off") as address:
        yield address


async def test_fifty_posts_with_one_key_make_one_job_and_one_debit(
    url: str, user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    headers = {"authorization": f"Bearer {ann.tokens.access_token}", "idempotency-key": new_id()}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
        body = {"prompt": "a tone", "model": "tone", "duration": 5}
        answers = await asyncio.gather(*(http.post("/api/v1/generate", json=body) for _ in range(50)))
    statuses = Counter(answer.status_code for answer in answers)
    made = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    debits = await sql.fetchval("SELECT count(*) FROM quota_entries WHERE owner_id = $1 AND kind = 'reserve'", ann.id)
    print("50 posts with one key:", dict(statuses), "jobs:", len(made), "debits:", debits)
    assert statuses.keys() <= {202, 409}
    assert (len(made), debits) == (1, 1)
    assert await sql.fetchval("SELECT count(*) FROM jobs WHERE owner_id = $1", ann.id) == 1


async def test_fifty_requests_at_the_last_unit_of_quota_pass_one(
    url: str, user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    await sql.execute("UPDATE quota_accounts SET balance_ms = 5000 WHERE owner_id = $1", ann.id)
    await sql.execute("UPDATE quota_entries SET amount_ms = 5000 WHERE owner_id = $1", ann.id)
    headers = {"authorization": f"Bearer {ann.tokens.access_token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as http:
        body = {"prompt": "a tone", "model": "tone", "duration": 5}
        answers = await asyncio.gather(*(http.post("/api/v1/generate", json=body) for _ in range(50)))
    outcomes = Counter((answer.status_code, answer.json().get("type", "")) for answer in answers)
    print("50 requests at the last unit:", dict(outcomes))
    assert outcomes == {(202, ""): 1, (429, "/problems/quota-exceeded"): 49}
    account = await sql.fetchrow("SELECT * FROM quota_accounts WHERE owner_id = $1", ann.id)
    ledger = await sql.fetchval("SELECT sum(amount_ms) FROM quota_entries WHERE owner_id = $1", ann.id)
    assert account["balance_ms"] == ledger


# Below HTTP


def raw(url: str, request: bytes) -> bytes:
    """What the server answers to bytes that no library would send, until it closes the connection."""
    parts = httpx.URL(url)
    with socket.create_connection((parts.host, parts.port), timeout=PATIENCE_SECONDS) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := connection.recv(65_536):
                answer += chunk
        return answer


async def test_header_splitting_and_smuggling_get_nowhere(accounts: AccountServer) -> None:
    end = b"\r\nHost: x\r\nConnection: close\r\n"
    chunked = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    for request in (
        b"GET /api/v1/users/me HTTP/1.1" + end + b"X-Request-ID: a\r\n Set-Cookie: evil=1\r\n\r\n",
        b"GET /health/live HTTP/1.1" + end + b"X-Request-ID: a%0d%0aSet-Cookie:%20evil=1\r\n\r\n",
        b"GET /api/v1/tracks/a%0d%0aSet-Cookie:%20evil=1 HTTP/1.1" + end + b"\r\n",
        b"POST /api/v1/auth/login HTTP/1.1" + end + chunked + b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health/live HTTP/1.1" + end + b"Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd",
    ):
        answer = await asyncio.to_thread(raw, accounts.url, request)
        heads = [part.lower() for part in answer.split(b"\r\n\r\n")]
        assert not any(line.startswith(b"set-cookie") for head in heads for line in head.split(b"\r\n"))
        # One request, one answer: nothing was taken for a second one.
        assert answer.count(b"HTTP/1.1 ") == 1, request


async def test_oversized_headers_are_refused_and_the_server_goes_on(accounts: AccountServer) -> None:
    begin = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    for size, status in ((30_000, b"200"), (70_000, b"431"), (5_000_000, b"431")):
        one = begin + b"X-Large: " + b"a" * size + b"\r\n\r\n"
        many = begin + b"".join(b"X-%07d: y\r\n" % number for number in range(size // 14)) + b"\r\n"
        path = b"GET /health/live?q=" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        for request in (one, many, path):
            answer = await asyncio.to_thread(raw, accounts.url, request)
            # A client that still sends may meet a closed connection before it reads the answer.
            assert answer[9:12] == status or (size > 1_000_000 and answer == b""), (size, answer[:50])
    # A head that never ends is not collected.
    endless = await asyncio.to_thread(raw, accounts.url, begin + b"X-Large: " + b"a" * 5_000_000)
    assert endless[9:12] in {b"431", b""}
    async with accounts.client() as http:
        assert (await http.get("/health/live")).status_code == 200
        large_body = await http.post(
            "/api/v1/auth/login", content=b"{" + b" " * 500_000 + b"}", headers={"content-type": "application/json"}
        )
        assert large_body.status_code == 422, "bodies have a limit of their own"


async def test_connections_that_dawdle_keep_nobody_waiting(accounts: AccountServer) -> None:
    parts = httpx.URL(accounts.url)
    writers = []
    for _ in range(200):
        _, writer = await asyncio.open_connection(parts.host, parts.port)
        writer.write(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-")
        writers.append(writer)
    try:
        async with accounts.client() as http:
            answers = await asyncio.gather(*(http.get("/health/live") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
    finally:
        for writer in writers:
            writer.close()


async def test_a_flood_of_sockets_without_credentials_is_turned_away(accounts: AccountServer) -> None:
    address = accounts.url.replace("http", "ws", 1) + "/api/v1/ws"
    ways: list[dict[str, Any]] = [
        {},
        {"additional_headers": {"authorization": "Bearer x"}},
        {"additional_headers": {"cookie": f"musicgen_session=mgb_{'x' * 43}"}},
        {"subprotocols": ["musicgen.v1", "bearer.x"]},
        {"additional_headers": {"x-api-key": f"mga_{'x' * 43}"}},
    ]

    async def knock(number: int) -> int:
        try:
            async with connect(address, proxy=None, open_timeout=60, **ways[number % len(ways)]):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    async with accounts.somebody() as http:
        token = http.headers["authorization"]
        async with connect(address, additional_headers={"authorization": token}, proxy=None) as hub:
            assert json.loads(await hub.recv())["type"] == "hello"
            statuses = Counter(await asyncio.gather(*(knock(number) for number in range(300))))
            print("300 sockets without a credential that holds:", dict(statuses))
            assert statuses.keys() <= {401, 403, 429}
            # Whoever is there already notices nothing.
            await hub.send(json.dumps({"type": "ping"}))
            async with asyncio.timeout(60):
                assert json.loads(await hub.recv())["type"] == "pong"
        assert (await http.get("/api/v1/users/me")).status_code == 200


async def test_clients_cannot_choose_their_address(accounts: AccountServer) -> None:
    """Only a trusted proxy's word counts, and of its list only the last address that is not a proxy's."""
    async with accounts.somebody() as http:
        name = (await http.get("/api/v1/users/me")).json()["username"]
        body = {"identifier": name, "password": PASSPHRASE}
        forwarded = {"x-forwarded-for": "6.6.6.6, 203.0.113.5"}
        assert (await http.post("/api/v1/auth/login", json=body, headers=forwarded)).status_code == 200
        addresses = {item["address"] for item in (await http.get("/api/v1/auth/sessions")).json()["items"]}
    assert addresses == {"127.0.0.1", "203.0.113.5"}


def test_the_document_names_nothing_inner() -> None:
    text = str(DOCUMENT).lower()
    for word in ("postgres", "valkey", "grpc", "/work/", "traceback"):
        assert word not in text, word
