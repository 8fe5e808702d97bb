"""Texts that mean something to SQL, file systems, headers and pages, in every field of every operation.

The fields come from the OpenAPI document: a new one is tried without anybody thinking of it. Whether a text was ever
run as SQL, PostgreSQL itself tells: each calls a sequence, which counts even when its transaction is rolled back.
"""

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests.security.test_matrix import DOCUMENT, OPERATIONS, Operation, ids_of, things_of
from tests.support.account_server import PASSPHRASE, AccountServer
from tests.support.real_services import real_services
from tests.support.schema_places import Place, places, texts_in, with_text
from tests.support.user_management import UserManagement

pytestmark = pytest.mark.integration

SCHEMAS = DOCUMENT["components"]["schemas"]
ESCAPED = f"mg-escaped-{uuid.uuid4().hex}"

# Each would call the sequence `canary`, if it were run, from another kind of place in a statement.
SQL = [
    "' || nextval('canary') || '",
    "'; SELECT nextval('canary'); --",
    "1); SELECT pg_sleep(5), nextval('canary'); --",
    "' OR nextval('canary') > 0 OR 'a' = 'b",
    "\" OR nextval('canary') > 0 --",
    "\\'; SELECT nextval('canary'); --",
    "%' AND nextval('canary') > 0 --",
    "$$; SELECT nextval('canary'); $$",
    "'}'::text[]; SELECT nextval('canary'); --",
    "'; DROP TABLE users; --",
]
OTHERS = [
    "../../../../etc/passwd",
    f"../../../../../../../../tmp/{ESCAPED}",
    "..\\..\\windows\\win.ini",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "file:///etc/passwd",
    "a\r\nSet-Cookie: evil=1",
    "<script>alert(1)</script>",
    "${jndi:ldap://evil.example/x}",
    "{{7*7}}",
    "\u0000",
    "\ud7ff\U0010ffff\u202e",
    "A" * 5_000,
]
HOSTILE = [*SQL, *OTHERS]

# They end the session that everything else is sent with, or the account; their bodies hold a password alone.
ENDING = {"DELETE /api/v1/auth/session", "POST /api/v1/auth/logout", "POST /api/v1/auth/password/change"}
# Where the example's password would keep the other fields from being looked at.
RIGHT = {"/api/v1/auth/email/change": {"password": PASSPHRASE}}
# Refusals of a part that has enough to do: of these, too, the text was looked at.
BUSY = {"/problems/queue-full", "/problems/overloaded"}


@dataclass(frozen=True)
class Attempt:
    """One operation with a text in one place."""

    operation: Operation
    kind: str
    place: Place

    @property
    def name(self) -> str:
        return f"{self.operation.name} {self.kind} {'.'.join(map(str, self.place))}"


def media_of(operation: Operation, media_type: str) -> dict[str, Any] | None:
    found = operation.spec.get("requestBody", {}).get("content", {}).get(media_type)
    return found["schema"] if found is not None else None


def fields_of(schema: dict[str, Any]) -> list[Place]:
    """Where a body may hold a text, by its schema and by its examples."""
    resolved = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    shown = [place for example in resolved.get("examples", ()) for place in texts_in(example)]
    return list(dict.fromkeys([*places(schema, SCHEMAS), *shown]))


def attempts() -> Iterator[Attempt]:
    for operation in OPERATIONS:
        for parameter in operation.spec.get("parameters", ()):
            if parameter["in"] != "cookie":
                yield Attempt(operation, parameter["in"], (parameter["name"],))
        schema = media_of(operation, "application/json")
        for place in fields_of(schema) if schema else ():
            yield Attempt(operation, "body", place)
        if media_of(operation, "multipart/form-data") is not None:
            yield Attempt(operation, "file", ("filename",))
            yield Attempt(operation, "file", ("type",))


ATTEMPTS = [attempt for attempt in attempts() if attempt.operation.name not in ENDING]


def test_fields_are_found_wherever_they_stand() -> None:
    """What the walk has to come upon: nested, optional, within lists, behind references and as keys."""
    found = {attempt.name for attempt in ATTEMPTS}
    assert {
        "POST /api/v1/generate body prompt",
        "POST /api/v1/generate body webhook_url",
        "POST /api/v1/generate body structure.0.prompt",
        "POST /api/v1/generate/batch body requests.0.prompt",
        "POST /api/v1/processing/mix body tracks.0.track_id",
        "POST /api/v1/processing/transcribe body track_id",
        "POST /api/v1/auth/login body identifier",
        "POST /api/v1/auth/register body full_name",
        "POST /api/v1/auth/password/reset body token",
        "PATCH /api/v1/tracks/{track_id} body tags.0",
        "PATCH /api/v1/tracks/{track_id} header If-Match",
        "GET /api/v1/search query q",
        "POST /api/v1/uploads file filename",
    } <= found
    bodies = {attempt.operation.name for attempt in ATTEMPTS if attempt.kind in {"body", "file"}}
    with_bodies = {operation.name for operation in OPERATIONS if "requestBody" in operation.spec} - ENDING
    assert with_bodies - bodies == {name for name in with_bodies - bodies if not has_text(name)}
    print(f"{len(ATTEMPTS)} fields of {len({attempt.operation.name for attempt in ATTEMPTS})} operations")
    assert len(ATTEMPTS) > 400


def has_text(name: str) -> bool:
    """Whether the body of an operation can hold any text."""
    [operation] = [operation for operation in OPERATIONS if operation.name == name]
    return "string" in str(media_of(operation, "application/json"))


@pytest_asyncio.fixture
async def platform(
    user_management: UserManagement, servers_folder: Path, tmp_path: Path
) -> AsyncIterator[AccountServer]:
    options: dict[str, Any] = {"worker": False, "rate_limits": "off", "trusted_proxies": ("127.0.0.1",)}
    async with real_services(user_management, servers_folder, tmp_path, **options) as url:
        yield AccountServer(url, user_management)


class Sender:
    """Sends attempts as an administrator who owns one of everything, each from another address."""

    def __init__(self, http: httpx.AsyncClient, ids: dict[str, str], valkey: Redis) -> None:
        self._http, self._ids, self._valkey = http, ids, valkey
        self._sent = 0
        self.statuses: Counter[int] = Counter()
        self.wrong: list[tuple[str, str, int]] = []

    async def send(self, attempt: Attempt, text: str) -> None:
        self._sent += 1
        operation, place = attempt.operation, attempt.place
        # What is removed is nobody's, so that the rest is there for every text.
        ids = ids_of() if operation.method == "DELETE" else self._ids
        if attempt.kind == "path":
            ids = {**ids, str(place[0]): quote(text, safe="")}
        options: dict[str, Any] = {"headers": {"x-forwarded-for": f"2001:db8:{self._sent:x}::1"}}
        if attempt.kind == "query":
            options["params"] = {place[0]: text}
        elif attempt.kind == "header":
            if not text.isascii() or not text.isprintable():
                return
            options["headers"][str(place[0])] = text
        elif attempt.kind == "file":
            name, media_type = (text, "audio/wav") if place == ("filename",) else ("x.wav", text)
            if not media_type.isprintable():
                return
            options["files"] = {"file": (name, b"RIFF", media_type)}
        schema = media_of(operation, "application/json")
        if schema is not None:
            body = {**self._base(operation), **RIGHT.get(operation.path, {})}
            options["json"] = with_text(body, schema, SCHEMAS, place, text) if attempt.kind == "body" else body
        path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], operation.path)
        answer = await self._http.request(operation.method, path, **options)
        await self._look(attempt, text, answer)

    def _base(self, operation: Operation) -> dict[str, Any]:
        body = dict(operation.body())
        if {"username", "email"} <= body.keys():
            body |= {"username": f"h{self._sent}", "email": f"h{self._sent}@example.org"}
        if operation.path == "/api/v1/generate":
            body = {"prompt": "a tone", "model": "tone", "duration": 1}
        if operation.path == "/api/v1/generate/batch":
            body = {"requests": [{"prompt": "a tone", "model": "tone", "duration": 1}]}
        return body

    async def _look(self, attempt: Attempt, text: str, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        told = answer.text + str(answer.headers)
        failed = answer.status_code >= 500 and answer.json()["type"] not in BUSY
        if failed or "root:" in told or "evil=1" in answer.headers.get("set-cookie", ""):
            self.wrong.append((attempt.name, text[:30], answer.status_code))
        if answer.status_code == 202 and "location" in answer.headers:
            await self._http.post(f"{answer.headers['location']}/cancel")

    async def forget_failures(self) -> None:
        """So that what is said of passwords is looked at to the end."""
        async for key in self._valkey.scan_iter("mg:signin:*"):
            await self._valkey.delete(key)


# One text in so many of each field's. All of them are 10,400 requests: a hundred seconds of processor time.
SHARES = [
    pytest.param(10, id="some", marks=pytest.mark.timeout(600)),
    pytest.param(1, id="all", marks=[pytest.mark.slow, pytest.mark.timeout(3_600)]),
]


@pytest.mark.parametrize("every", SHARES)
async def test_hostile_texts_are_texts_in_every_field(
    platform: AccountServer, sql: asyncpg.Connection, every: int
) -> None:
    """Some of them in each field, each in many fields; in the slow tests all in all."""
    await sql.execute("CREATE SEQUENCE canary")
    await proven(sql)
    person = await platform.users.sign_up()
    async with platform.client(person.tokens.access_token) as hers:
        ids = await things_of(platform, person, hers)
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", person.id)
    valkey = Redis.from_url(platform.users.settings.redis_url)
    # httpx closes connections that it has just given to a request, where the loop stands still for as long as they are
    # kept idle: this process, on a busy machine. The server closes none in that time.
    kept = httpx.Limits(keepalive_expiry=None)
    async with httpx.AsyncClient(base_url=platform.url, trust_env=False, timeout=60, limits=kept) as http:
        signed_in = {"identifier": person.username, "password": PASSPHRASE}
        token = (await http.post("/api/v1/auth/login", json=signed_in)).json()["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        sender = Sender(http, ids, valkey)
        for turn, attempt in enumerate(ATTEMPTS):
            texts = [text for number, text in enumerate(HOSTILE) if (number + turn) % every == 0]
            await asyncio.gather(*(sender.send(attempt, text) for text in texts))
            if "/auth/" in attempt.operation.path or attempt.operation.path.endswith("/me"):
                await sender.forget_failures()
        me = await http.get("/api/v1/users/me")
    await valkey.aclose()
    print(f"{sum(sender.statuses.values())} requests with hostile texts:", dict(sorted(sender.statuses.items())))
    assert sender.wrong == []
    assert (me.status_code, me.json()["username"]) == (200, person.username)
    assert not await sql.fetchval("SELECT is_called FROM canary"), "a text was run as SQL"
    assert await sql.fetchval("SELECT count(*) FROM users WHERE id = $1", person.id) == 1
    assert not await asyncio.to_thread(lambda: list(Path("/tmp").glob(f"{ESCAPED}*")))


async def proven(sql: asyncpg.Connection) -> None:
    """The sequence tells of a text that is run, also in a transaction that comes to nothing."""
    control = await sql.fetchval("SELECT is_called FROM canary")
    assert control is False
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute(f"SELECT '{SQL[0]}'")
    await transaction.rollback()
    assert await sql.fetchval("SELECT is_called FROM canary") is True
    await sql.execute("ALTER SEQUENCE canary RESTART")
    assert await sql.fetchval("SELECT is_called FROM canary") is False


async def test_hostile_texts_sign_nobody_in(platform: AccountServer) -> None:
    await platform.users.sign_up()
    async with platform.client() as http:
        for number, hostile in enumerate(HOSTILE):
            headers = {"x-forwarded-for": f"2001:db8:{number:x}::1"}
            for body in (
                {"identifier": hostile, "password": hostile},
                {"identifier": "admin' --", "password": hostile},
            ):
                answer = await http.post("/api/v1/auth/login", json=body, headers=headers)
                assert answer.status_code in {401, 422, 429}, hostile
            for path in ("refresh", "email/verify"):
                body = {"refresh_token" if path == "refresh" else "token": hostile}
                assert (await http.post(f"/api/v1/auth/{path}", json=body)).status_code in {401, 422}
