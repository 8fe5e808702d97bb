"""The matrix of rights, generated from the OpenAPI document: every operation × every kind of caller, on real accounts.

`test_every_route` has the forged tokens; here are those that are real and not enough: somebody else, an API key without
the scope, a suspended person, a browser without its CSRF token, a person where an administrator is asked for.
"""

import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from services.gateway.admission import GatewayRoute
from services.gateway.main import API_ROUTERS, build_api
from services.gateway.openapi_examples import example_of
from tests.support.account_server import PASSPHRASE, AccountServer
from tests.support.user_management import Person

pytestmark = pytest.mark.integration

DOCUMENT = build_api().openapi()
SCOPES = {"read", "generate", "write", "admin"}


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    spec: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> str | None:
        """The scope that a key needs; None when no key will do."""
        return next((item["api_key"][0] for item in self.spec["security"] if "api_key" in item), None)

    def body(self) -> Any:
        """An example that the schema takes, where there is a JSON body."""
        media = self.spec.get("requestBody", {}).get("content", {}).get("application/json")
        return example_of(media["schema"], DOCUMENT["components"]["schemas"]) if media else None

    async def send(self, http: httpx.AsyncClient, ids: dict[str, str], **options: Any) -> httpx.Response:
        path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], self.path)
        return await http.request(self.method, path, json=self.body(), **options)


OPERATIONS = [
    Operation(method.upper(), path, spec) for path, item in DOCUMENT["paths"].items() for method, spec in item.items()
]
SIGNED_IN = [operation for operation in OPERATIONS if "security" in operation.spec]
ADMIN = [operation for operation in SIGNED_IN if operation.path.startswith("/api/v1/admin/")]
MODERATION = [operation for operation in SIGNED_IN if operation.path.startswith("/api/v1/moderation/")]
# What the real user_management answers alone; the others need services that are not started here.
ALONE = [
    operation
    for operation in SIGNED_IN
    if not re.search(
        r"/(generate|remix|render|models|processing|stream|uploads)|/(audio|waveform|spectrogram|midi|file)",
        operation.path,
    )
]
OWNED = re.compile(
    r"\{(job_id|track_id|session_id|key_id|playlist_id|share_id|project_id|mix_id|webhook_id|delivery_id)\}"
)


def ids_of(**known: str) -> dict[str, str]:
    """A value for every parameter of a path; those that are not known are ids of nothing."""
    names = {name for operation in OPERATIONS for name in re.findall(r"\{(\w+)\}", operation.path)}
    return {name: known.get(name, str(uuid.uuid4())) for name in names} | {
        "name": "bass",
        "model_id": "composer",
        "number": "1",
    }


async def things_of(accounts: AccountServer, person: Person, http: httpx.AsyncClient) -> dict[str, str]:
    """A track, its job, a session, a key and one of everything else that people have."""
    job = await accounts.users.make_track(person)
    sessions = (await http.get("/api/v1/auth/sessions")).json()["items"]
    key = (await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]})).json()["key"]
    share = (await http.post(f"/api/v1/tracks/{job.track_ids[0]}/share", json={})).json()["share"]
    project = (await http.post("/api/v1/projects", json={"title": "x"})).json()
    session = {"tracks": [{"track_id": job.track_ids[0]}]}
    mix = (await http.post("/api/v1/mixes", json={"title": "x", "session": session})).json()
    playlist = (await http.post("/api/v1/playlists", json={"title": "x"})).json()
    hook = {"url": "https://example.org/hook", "events": ["job.failed"]}
    webhook = (await http.post("/api/v1/webhooks", json=hook)).json()["webhook"]
    delivery = (await http.post(f"/api/v1/webhooks/{webhook['id']}/test")).json()
    return ids_of(
        job_id=job.id,
        track_id=job.track_ids[0],
        session_id=sessions[0]["id"],
        key_id=key["id"],
        playlist_id=playlist["id"],
        webhook_id=webhook["id"],
        delivery_id=delivery["id"],
        share_id=share["id"],
        project_id=project["id"],
        mix_id=mix["id"],
    )


async def person(accounts: AccountServer) -> tuple[Person, httpx.AsyncClient]:
    found = await accounts.users.sign_up()
    return found, accounts.client(found.tokens.access_token)


async def sign_in(accounts: AccountServer, who: Person) -> httpx.Response:
    async with accounts.client() as http:
        return await http.post("/api/v1/auth/login", json={"identifier": who.username, "password": PASSPHRASE})


def test_the_document_has_every_route() -> None:
    """A route that the document left out would be left out of the matrix."""
    routes = {
        f"{method} {route.path}"
        for router in API_ROUTERS
        for route in router.routes
        if isinstance(route, GatewayRoute)
        for method in route.methods
    }
    assert {operation.name for operation in OPERATIONS} == routes
    assert len(SIGNED_IN) > 40


# Ids in paths that are nobody's own: of what is everybody's, a moderator's or an administrator's, or lies below an id
# that is owned.
SHARED_IDS = {"model_id", "user_id", "comment_id", "report_id"}


def test_no_id_of_a_path_was_forgotten() -> None:
    """A new kind of thing is in the matrix, or is shared on purpose."""
    names = {name for operation in OPERATIONS for name in re.findall(r"\{(\w+_id)\}", operation.path)}
    owned = {name for name in names if OWNED.search(f"{{{name}}}")}
    assert names - owned == SHARED_IDS


@pytest.mark.parametrize("role", ["user", "moderator", "admin"])
async def test_what_is_somebody_elses_does_not_exist(
    accounts: AccountServer, sql: asyncpg.Connection, role: str
) -> None:
    """For administrators neither: their rights are below /admin, and people's private things are not among them."""
    ann, hers = await person(accounts)
    other, his = await person(accounts)
    await sql.execute("UPDATE users SET role = $1 WHERE id = $2", role, other.id)
    his.headers["authorization"] = f"Bearer {(await sign_in(accounts, other)).json()['access_token']}"
    async with hers, his:
        ids = await things_of(accounts, ann, hers)
        checked, wrong = 0, []
        for operation in ALONE:
            if not OWNED.search(operation.path) or operation in MODERATION:
                continue
            own, unknown = await operation.send(his, ids), await operation.send(his, ids_of())
            checked += 1
            bodies = [
                {k: v for k, v in answer.json().items() if k not in {"instance", "request_id"}}
                for answer in (own, unknown)
            ]
            if (own.status_code, unknown.status_code) != (404, 404) or bodies[0] != bodies[1]:
                wrong.append((operation.name, own.status_code, unknown.status_code))
        for name in ("job_id", "track_id"):
            path = f"/api/v1/{name.removesuffix('_id')}s/{ids[name]}"
            assert (await hers.get(path)).status_code == 200, "nothing of hers was touched"
    print(f"matrix: {checked} operations of a {role} on somebody else's things, all 404")
    assert checked >= 8
    assert wrong == []


async def test_keys_do_what_their_scopes_say(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, hers = await person(accounts)
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", ann.id)
    async with hers, accounts.client() as http:
        body = {"identifier": ann.username, "password": PASSPHRASE}
        hers.headers["authorization"] = (
            f"Bearer {(await http.post('/api/v1/auth/login', json=body)).json()['access_token']}"
        )
        ids = ids_of()
        keys: dict[frozenset[str], str] = {}
        wrong, denied, let_in = [], 0, 0
        for operation in SIGNED_IN:
            for scopes in (SCOPES - {operation.scope}, {operation.scope} if operation.scope else set()):
                if not scopes:
                    continue
                name = frozenset(filter(None, scopes))
                if name not in keys:
                    asked = {"name": "k", "scopes": sorted(name)}
                    keys[name] = (await hers.post("/api/v1/api-keys", json=asked)).json()["secret"]
                enough = operation.scope in name
                if enough and operation not in ALONE:
                    continue
                status = (await operation.send(http, ids, headers={"x-api-key": keys[name]})).status_code
                if enough:
                    let_in += 1
                    ok = status not in {401, 403}
                else:
                    denied += 1
                    ok = status == 403
                if not ok:
                    wrong.append((operation.name, sorted(name), status))
    print(f"matrix: {denied} operations refused to keys without the scope, {let_in} open to keys with it alone")
    assert denied == len(SIGNED_IN)
    assert wrong == []


async def test_suspended_people_may_nothing_by_any_credential(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, hers = await person(accounts)
    boss, admin = await person(accounts)
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", boss.id)
    async with hers, admin, accounts.client() as http:
        secret = (await hers.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read", "write"]})).json()["secret"]
        body = {"identifier": ann.username, "password": PASSPHRASE}
        answer = await http.post("/api/v1/auth/session", json=body, headers={"host": "localhost"})
        cookies = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        credentials = {
            "token": {"authorization": hers.headers["authorization"]},
            "key": {"x-api-key": secret},
            "cookie": {"cookie": cookies, "x-csrf-token": answer.cookies["musicgen_csrf"]},
        }
        http.cookies.clear()
        for headers in credentials.values():
            assert (await http.get("/api/v1/users/me", headers=headers)).status_code == 200
        change = await admin.patch(f"/api/v1/admin/users/{ann.id}", json={"suspended": True})
        assert change.status_code == 200
        ids, wrong = ids_of(), []
        for operation in SIGNED_IN:
            for kind, headers in credentials.items():
                status = (await operation.send(http, ids, headers=headers)).status_code
                if status != 401:
                    wrong.append((operation.name, kind, status))
        refresh = {"refresh_token": ann.tokens.refresh_token}
        assert (await http.post("/api/v1/auth/refresh", json=refresh)).status_code == 401
        assert (await http.post("/api/v1/auth/login", json=body)).status_code == 403
    print(f"matrix: {len(SIGNED_IN) * len(credentials)} calls of a suspended person, all 401")
    assert wrong == []


async def test_a_browser_changes_nothing_without_its_token(accounts: AccountServer) -> None:
    ann, hers = await person(accounts)
    async with hers, accounts.client() as http:
        body = {"identifier": ann.username, "password": PASSPHRASE}
        answer = await http.post("/api/v1/auth/session", json=body, headers={"host": "localhost"})
        session = {"cookie": f"musicgen_session={answer.cookies['musicgen_session']}"}
        http.cookies.clear()
        evil = {**session, "x-csrf-token": answer.cookies["musicgen_csrf"], "origin": "https://evil.example"}
        ids, wrong, checked = ids_of(), [], 0
        for operation in SIGNED_IN:
            if operation.method == "GET":
                continue
            for headers in (session, {**session, "x-csrf-token": "x"}, evil):
                checked += 1
                status = (await operation.send(http, ids, headers=headers)).status_code
                if status != 403:
                    wrong.append((operation.name, status))
        assert (await http.get("/api/v1/users/me", headers=session)).status_code == 200, "the session lives"
    print(f"matrix: {checked} forged calls of a signed-in browser, all 403")
    assert wrong == []


async def test_administration_is_closed_to_people_and_open_to_administrators(
    accounts: AccountServer, sql: asyncpg.Connection
) -> None:
    _, hers = await person(accounts)
    boss, admin = await person(accounts)
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", boss.id)
    mod, moderator = await person(accounts)
    await sql.execute("UPDATE users SET role = 'moderator' WHERE id = $1", mod.id)
    async with hers, admin, moderator:
        ids = ids_of()
        for operation in ADMIN:
            assert (await operation.send(hers, ids)).status_code == 403, operation.name
            assert (await operation.send(moderator, ids)).status_code == 403, operation.name
            assert (await operation.send(admin, ids)).status_code in {200, 404}, operation.name
    assert len(ADMIN) >= 6


# What guests may do beside reading what is everybody's or their own.
OPEN_TO_GUESTS = {
    "POST /api/v1/auth/guest/register",
    "POST /api/v1/auth/logout",
    "DELETE /api/v1/auth/session",
    "POST /api/v1/generate",
    "POST /api/v1/jobs/{job_id}/cancel",
    "PATCH /api/v1/tracks/{track_id}",
    "DELETE /api/v1/tracks/{track_id}",
    "POST /api/v1/tracks/{track_id}/restore",
}


async def test_guests_read_make_and_nothing_else(start_accounts: Callable[..., Awaitable[AccountServer]]) -> None:
    accounts = await start_accounts(gateway={"guests": True}, guests=True)
    ann, hers = await person(accounts)
    async with hers, accounts.client(host="localhost") as http:
        ids = await things_of(accounts, ann, hers)
        unknown = ids_of()
        entered = await http.post("/api/v1/auth/guest")
        http.headers["x-csrf-token"] = entered.cookies["musicgen_csrf"]
        http.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in entered.cookies.items())
        http.cookies.clear()
        wrong, refused, reached = [], 0, 0
        for operation in SIGNED_IN:
            reads = operation.method == "GET" and operation.scope == "read"
            if operation.path.endswith(("/logout", "/session", "/guest/register")):
                # They would end the guest; test_guests has them.
                continue
            answer = await operation.send(http, ids)
            signs_up = answer.status_code == 403 and answer.json()["type"] == "/problems/sign-up-required"
            if operation.name == "PATCH /api/v1/tracks/{track_id}":
                assert signs_up, "the example publishes"
                continue
            if reads or operation.name in OPEN_TO_GUESTS:
                reached += 1
                allowed = not signs_up and answer.status_code != 401
            else:
                refused += 1
                allowed = signs_up
            if not allowed:
                wrong.append((operation.name, answer.status_code))
            elif operation in ALONE and OWNED.search(operation.path) and not signs_up:
                nobodys = await operation.send(http, unknown)
                if (answer.status_code, nobodys.status_code) != (404, 404):
                    wrong.append((operation.name, answer.status_code))
    print(f"matrix: {refused} operations tell a guest to sign up, {reached} are open to guests")
    assert wrong == []
    assert {operation.name for operation in SIGNED_IN} >= OPEN_TO_GUESTS
    assert refused > 60


async def test_models_are_fetched_and_removed_by_administrators_only(
    accounts: AccountServer, sql: asyncpg.Connection
) -> None:
    changes = [operation for operation in SIGNED_IN if "/models/" in operation.path and operation.method != "GET"]
    ids = ids_of()
    for role in ("user", "moderator", "admin"):
        one, http = await person(accounts)
        await sql.execute("UPDATE users SET role = $2 WHERE id = $1", one.id, role)
        http.headers["authorization"] = f"Bearer {(await sign_in(accounts, one)).json()['access_token']}"
        async with http:
            for operation in changes:
                refused = (await operation.send(http, ids)).status_code == 403
                assert refused == (role != "admin"), (operation.name, role)
    assert len(changes) == 2


async def test_moderation_is_closed_to_people_and_open_to_moderators(
    accounts: AccountServer, sql: asyncpg.Connection
) -> None:
    ann, hers = await person(accounts)
    _, his = await person(accounts)
    staff: dict[str, httpx.AsyncClient] = {}
    for role in ("moderator", "admin"):
        one, staff[role] = await person(accounts)
        await sql.execute("UPDATE users SET role = $2 WHERE id = $1", one.id, role)
    async with hers, his, staff["moderator"], staff["admin"]:
        ids = await things_of(accounts, ann, hers)
        for operation in MODERATION:
            for anybody in (hers, his):
                assert (await operation.send(anybody, ids)).status_code == 403, operation.name
            for role, http in staff.items():
                assert (await operation.send(http, ids)).status_code in {200, 204, 404}, (operation.name, role)
        assert (await hers.get(f"/api/v1/tracks/{ids['track_id']}")).json()["hidden_at"] is None
    assert len(MODERATION) >= 5
