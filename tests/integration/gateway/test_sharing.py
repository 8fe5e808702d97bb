"""Links to tracks on the real user_management: what they open, for how long, and how hard they are to guess."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

import asyncpg
import httpx
import pytest

from protos.users.v1 import sharing_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal, acting_as
from services.user_management.auth import passwords as hashing
from services.user_management.auth.passwords import Passwords
from services.user_management.database import Database, open_engine
from services.user_management.sharing.guesses import FROM_A_NETWORK, IN_ALL, Guesses
from services.user_management.sharing.service import SharingServicer
from services.user_management.sharing.share import MOST_SHARES
from tests.support.account_server import PASSPHRASE, AccountServer
from tests.support.user_management import Person

pytestmark = pytest.mark.integration

OPEN = "/api/v1/shared"
PASSWORD = "only for the 🎸 band"
# What a hash costs; the services of other tests make cheaper ones.
HASHING = {name: getattr(hashing, name) for name in ("_MEMORY_KIB", "_PASSES")}


@pytest.fixture
async def ann(accounts: AccountServer) -> Person:
    return await accounts.users.sign_up()


async def made(accounts: AccountServer, person: Person, **body: object) -> tuple[str, dict[str, object], str]:
    """A new private track of the person, a link to it, and the link's token."""
    track_id = (await accounts.users.make_track(person, title="Rain")).track_ids[0]
    async with accounts.client(person.tokens.access_token) as http:
        answer = await http.post(f"/api/v1/tracks/{track_id}/share", json=body)
    assert answer.status_code == 201, answer.text
    return track_id, answer.json()["share"], answer.json()["token"]


async def test_a_link_opens_a_private_track_for_strangers(accounts: AccountServer, ann: Person) -> None:
    track_id, share, token = await made(accounts, ann)
    assert token.startswith(str(share["prefix"]))
    async with accounts.client() as http, accounts.client(ann.tokens.access_token) as hers:
        assert (await http.get(f"/api/v1/tracks/{track_id}")).status_code == 401
        shared = (await http.post(OPEN, json={"token": token})).json()
        assert (shared["title"], shared["by"], shared["expires_at"]) == ("Rain", ann.username, share["expires_at"])
        assert set(shared) == {
            "title", "by", "duration", "bpm", "key", "licence", "created_at", "expires_at", "links",
        }  # fmt: skip
        await asyncio.gather(*(http.post(OPEN, json={"token": token}) for _ in range(19)))
        [listed] = (await hers.get(f"/api/v1/tracks/{track_id}/shares")).json()["items"]
        assert listed["opened_count"] == 20
        assert listed["last_opened_at"] is not None


async def test_only_the_hash_of_a_token_is_stored(
    accounts: AccountServer, ann: Person, sql: asyncpg.Connection, capfd: pytest.CaptureFixture[str]
) -> None:
    _, _, token = await made(accounts, ann, password=PASSWORD)
    async with accounts.client() as http:
        assert (await http.post(OPEN, json={"token": token, "password": PASSWORD})).status_code == 200
    for table in ("share_links", "audit_entries"):
        rows = [str(dict(row)) for row in await sql.fetch(f"SELECT * FROM {table}")]
        assert rows
        assert not any(token[12:] in row or PASSWORD in row for row in rows), table
    stored = await sql.fetchval("SELECT password_hash FROM share_links")
    assert stored.startswith("$argon2id$")
    assert token[12:] not in "".join(capfd.readouterr())
    actions = [row["action"] for row in await sql.fetch("SELECT action FROM audit_entries")]
    assert "share.made" in actions


async def test_guessing_at_links_keeps_no_sign_in_waiting_and_costs_nobody_a_guess(
    start_accounts: Callable[..., Awaitable[AccountServer]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in HASHING.items():
        monkeypatch.setattr(hashing, name, value)
    accounts = await start_accounts(link_password_threads=1, link_password_queue=1, password_queue=1)
    ann = await accounts.users.sign_up()
    links = [await made(accounts, ann, password=PASSWORD) for _ in range(2)]
    async with accounts.client() as http:

        async def guess(token: str) -> int:
            return (await http.post(OPEN, json={"token": token, "password": "wrong"})).status_code

        tokens = [token for _, _, token in links]
        guesses = [asyncio.create_task(guess(token)) for token in tokens * 8]
        body = {"identifier": ann.username, "password": PASSPHRASE}
        statuses = [(await http.post("/api/v1/auth/login", json=body)).status_code for _ in range(5)]
        judged = Counter(await asyncio.gather(*guesses))
        assert statuses == [200] * 5, "sign-in has a pool of its own"
        assert judged[503] > 0
        assert judged.keys() <= {422, 503}
        # What was not judged was not counted: the right one is still taken.
        for token in tokens:
            assert (await http.post(OPEN, json={"token": token, "password": PASSWORD})).status_code == 200


async def test_a_link_beyond_the_limit_is_refused_before_its_password_is_hashed(
    accounts: AccountServer, ann: Person, sql: asyncpg.Connection
) -> None:
    track_id, share, _ = await made(accounts, ann)
    await sql.execute(
        "INSERT INTO share_links (id, track_id, token_sha256, prefix) "
        "SELECT gen_random_uuid(), $1, decode(md5(n::text), 'hex'), 'mgs_x' FROM generate_series(2, $2) n",
        uuid.UUID(track_id),
        MOST_SHARES,
    )
    hashed: list[str] = []

    class Watched(Passwords):
        async def hash(self, password: str) -> str:
            hashed.append(password)
            return await super().hash(password)

    database = Database(open_engine(accounts.users.settings.database_url, connections=2))
    passwords = Watched(threads=1)
    servicer = SharingServicer(database, passwords, cast(Guesses, None))
    request = sharing_pb2.CreateShareRequest(track_id=track_id, password=PASSWORD)
    try:
        with acting_as(Principal(ann.id, "user")), pytest.raises(AppError) as refused:
            await servicer.CreateShare(request, None)
        assert refused.value.code is ErrorCode.CONFLICT
        assert hashed == []
        await sql.execute("UPDATE share_links SET expires_at = now() WHERE id <> $1", uuid.UUID(str(share["id"])))
        with acting_as(Principal(ann.id, "user")):
            await servicer.CreateShare(request, None)
        assert hashed == [PASSWORD]
    finally:
        passwords.close()
        await database.close()


async def test_a_link_ends_at_its_time_by_revocation_and_with_its_track(
    accounts: AccountServer, ann: Person, sql: asyncpg.Connection
) -> None:
    async with accounts.client() as http, accounts.client(ann.tokens.access_token) as hers:

        async def opens(token: str) -> bool:
            answer = await http.post(OPEN, json={"token": token})
            assert answer.status_code in {200, 404}
            if answer.status_code == 404:
                assert answer.json()["detail"].startswith("This link leads nowhere")
            return answer.status_code == 200

        assert not await opens("mgs_" + "A" * 43)
        _, share, token = await made(accounts, ann, expires_in_hours=1)
        assert await opens(token)
        await sql.execute("UPDATE share_links SET expires_at = now() WHERE id = $1", uuid.UUID(str(share["id"])))
        assert not await opens(token)

        track_id, share, token = await made(accounts, ann, expires_in_hours=None)
        path = f"/api/v1/tracks/{track_id}/shares/{share['id']}"
        assert await opens(token)
        assert (await hers.delete(path)).status_code == 204
        assert not await opens(token)
        assert (await hers.delete(path)).status_code == 404

        track_id, _, token = await made(accounts, ann)
        await hers.delete(f"/api/v1/tracks/{track_id}")
        assert not await opens(token)
        await hers.post(f"/api/v1/tracks/{track_id}/restore")
        assert await opens(token)
        await sql.execute("UPDATE tracks SET hidden_at = now() WHERE id = $1", uuid.UUID(track_id))
        assert not await opens(token)
        await sql.execute("UPDATE tracks SET hidden_at = NULL")
        await sql.execute("UPDATE users SET suspended_at = now() WHERE id = $1", uuid.UUID(ann.id))
        assert not await opens(token)
        await sql.execute("UPDATE users SET suspended_at = NULL")
        assert await opens(token)
        await hers.delete(f"/api/v1/tracks/{track_id}", params={"forever": "true"})
        assert not await opens(token)


async def test_the_password_is_asked_for_and_guesses_are_few(accounts: AccountServer, ann: Person) -> None:
    _, _, token = await made(accounts, ann, password=PASSWORD)
    async with accounts.client() as http:
        asked = await http.post(OPEN, json={"token": token})
        assert asked.status_code == 422
        assert asked.json()["errors"][0]["pointer"] == "/password"
        assert "Rain" not in asked.text
        guesses = await asyncio.gather(
            *(http.post(OPEN, json={"token": token, "password": f"guess {n}"}) for n in range(40))
        )
        statuses = sorted(answer.status_code for answer in guesses)
        assert statuses == [422] * FROM_A_NETWORK.failures + [429] * (40 - FROM_A_NETWORK.failures)
        late = await http.post(OPEN, json={"token": token, "password": PASSWORD})
        assert late.status_code == 429, "the right one waits as well: the throttle tells nothing"
        assert int(late.headers["retry-after"]) > 60
        # Others are not held up by what came from one network.
        elsewhere = {"x-forwarded-for": "203.0.113.9"}
        right = await http.post(OPEN, json={"token": token, "password": PASSWORD}, headers=elsewhere)
        assert right.status_code == 200


async def test_right_passwords_are_not_counted_as_guesses(accounts: AccountServer, ann: Person) -> None:
    _, _, token = await made(accounts, ann, password=PASSWORD)
    async with accounts.client() as http:
        for _ in range(FROM_A_NETWORK.failures + 2):
            assert (await http.post(OPEN, json={"token": token, "password": PASSWORD})).status_code == 200


async def test_a_thousand_networks_share_one_allowance(accounts: AccountServer, ann: Person) -> None:
    _, _, token = await made(accounts, ann, password=PASSWORD)
    async with accounts.client() as http:
        # As many at once as one thread judges in time, however busy the machine is.
        slots = asyncio.Semaphore(4)

        async def guess(number: int) -> int:
            headers = {"x-forwarded-for": f"198.51.{number // 200}.{number % 200 + 1}"}
            async with slots:
                body = {"token": token, "password": "x"}
                return (await http.post(OPEN, json=body, headers=headers)).status_code

        statuses = await asyncio.gather(*(guess(number) for number in range(IN_ALL.failures + 20)))
    assert statuses.count(422) == IN_ALL.failures
    assert statuses.count(429) == 20


async def test_links_of_others_do_not_exist(accounts: AccountServer, ann: Person) -> None:
    track_id, share, _ = await made(accounts, ann)
    ben = await accounts.users.sign_up()
    async with accounts.client(ben.tokens.access_token) as his, accounts.client(ann.tokens.access_token) as hers:
        path = f"/api/v1/tracks/{track_id}"
        assert (await his.post(f"{path}/share", json={})).status_code == 404
        await hers.patch(path, json={"public": True})
        assert (await his.post(f"{path}/share", json={})).status_code == 404, "public is not theirs to share"
        assert (await his.get(f"{path}/shares")).status_code == 404
        assert (await his.delete(f"{path}/shares/{share['id']}")).status_code == 404
        mine = (await accounts.users.make_track(ben)).track_ids[0]
        assert (await his.delete(f"/api/v1/tracks/{mine}/shares/{share['id']}")).status_code == 404
        assert len((await hers.get(f"{path}/shares")).json()["items"]) == 1


async def test_a_track_has_so_many_links_at_most(accounts: AccountServer, ann: Person, sql: asyncpg.Connection) -> None:
    track_id, _, _ = await made(accounts, ann)
    await sql.execute(
        "INSERT INTO share_links (id, track_id, token_sha256, prefix) "
        "SELECT gen_random_uuid(), $1, sha256(n::text::bytea), 'x' FROM generate_series(1, 48) AS n",
        uuid.UUID(track_id),
    )
    async with accounts.client(ann.tokens.access_token) as hers:
        path = f"/api/v1/tracks/{track_id}/share"
        answers = await asyncio.gather(*(hers.post(path, json={}) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
        # What has expired makes room.
        await sql.execute("UPDATE share_links SET expires_at = now()")
        assert (await hers.post(path, json={})).status_code == 201
        assert len((await hers.get(f"{path}s")).json()["items"]) == 1


async def test_signed_links_of_a_share_open_nothing_else(accounts: AccountServer, ann: Person) -> None:
    track_id, _, token = await made(accounts, ann)
    other_id, other, _ = await made(accounts, ann)
    async with accounts.client() as http:
        links = (await http.post(OPEN, json={"token": token})).json()["links"]
        for name in ("audio", "waveform", "cover"):
            path, _, query = links[name].partition("?")
            # Processing does not run here: what gets so far was let in.
            assert (await http.get(links[name])).status_code == 503, name
            signed = httpx.QueryParams(query)
            for url in (
                path,
                f"/api/v1/tracks/{track_id}/{name}?{query}",
                f"/api/v1/tracks/{other_id}/{name}?{query}",
                f"/api/v1/shared/{other['id']}/{name}?{query}",
                f"{path}?{signed.set('expires', str(int(signed['expires']) + 600))}",
                f"{path}?{signed.set('signature', signed['signature'].replace('share', ann.id))}",
                f"{path}?expires=&signature=",
            ):
                assert (await http.get(url)).status_code == 401, url
        assert (await http.get("/api/v1/users/me?" + links["audio"].partition("?")[2])).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"expires_in_hours": 0},
        {"expires_in_hours": -1},
        {"expires_in_hours": 8_785},
        {"expires_in_hours": 1.5},
        {"expires_in_hours": "1"},
        {"password": ""},
        {"password": "x" * 257},
        {"password": 7},
        {"token": "mgs_mine"},
    ],
)
async def test_bad_links_are_refused(accounts: AccountServer, ann: Person, body: dict[str, object]) -> None:
    track_id = (await accounts.users.make_track(ann)).track_ids[0]
    async with accounts.client(ann.tokens.access_token) as hers:
        answer = await hers.post(f"/api/v1/tracks/{track_id}/share", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"]
        assert (await hers.get(f"/api/v1/tracks/{track_id}/shares")).json()["items"] == []


@pytest.mark.parametrize("token", ["", " ", "mgs_", "\0", "' OR 1=1 --", "é" * 100, "mga_" + "A" * 43])
async def test_strange_tokens_lead_nowhere(accounts: AccountServer, token: str) -> None:
    async with accounts.client() as http:
        assert (await http.post(OPEN, json={"token": token})).status_code == (404 if token else 422)
