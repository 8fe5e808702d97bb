"""Entity tags on the real user_management: nothing is read twice, and nobody's edit is lost to another's."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from services.gateway.main import build_api
from tests.support.account_server import AccountServer
from tests.support.user_management import Person

pytestmark = pytest.mark.integration

STRONG = re.compile(r'"\d+-[0-9a-f]{20}(-gzip)?"')
WRITERS = 12
DOCUMENT = build_api().openapi()


@dataclass(frozen=True)
class Edited:
    """Something that people edit: where it is read and changed, and a change by the writer of a number."""

    name: str
    method: str
    path: str
    field: str
    read_at: str = ""

    def body(self, number: int) -> dict[str, Any]:
        if self.field == "digest":
            return {"digest": ("daily", "weekly")[number % 2]}
        if self.field == "session":
            return {"session": {"tracks": [{"track_id": "x", "gain_db": -float(number + 1)}]}}
        return {self.field: f"writer {number}"}


EDITED = (
    Edited("track", "PATCH", "/api/v1/tracks/{track_id}", "title"),
    Edited("project", "PATCH", "/api/v1/projects/{project_id}", "title"),
    Edited("playlist", "PATCH", "/api/v1/playlists/{playlist_id}", "title"),
    Edited("mix", "POST", "/api/v1/mixes/{mix_id}/versions", "session", "/api/v1/mixes/{mix_id}"),
    Edited("profile", "PATCH", "/api/v1/users/me", "bio"),
    Edited("preferences", "PATCH", "/api/v1/notifications/preferences", "digest"),
)
REMOVED = tuple(f"/api/v1/{name}s/{{{name}_id}}".replace("mixs", "mixes") for name in (
    "track", "project", "playlist", "mix"
))  # fmt: skip


@contextlib.asynccontextmanager
async def somebody(accounts: AccountServer) -> AsyncIterator[tuple[Person, httpx.AsyncClient]]:
    person = await accounts.users.sign_up()
    async with accounts.client(person.tokens.access_token) as http:
        yield person, http


async def things_of(accounts: AccountServer, person: Person, http: httpx.AsyncClient) -> dict[str, str]:
    """A track, project, playlist and mix."""
    session = {"tracks": [{"track_id": "x"}]}
    return {
        "track_id": (await accounts.users.make_track(person)).track_ids[0],
        "project_id": (await http.post("/api/v1/projects", json={"title": "x"})).json()["id"],
        "playlist_id": (await http.post("/api/v1/playlists", json={"title": "x"})).json()["id"],
        "mix_id": (await http.post("/api/v1/mixes", json={"title": "x", "session": session})).json()["id"],
    }


async def tag_of(http: httpx.AsyncClient, path: str) -> str:
    answer = await http.get(path)
    assert answer.status_code == 200, answer.text
    return str(answer.headers["etag"])


def test_what_takes_if_match_is_tested_here() -> None:
    """A new call that takes it is added above, and says in the document what it answers."""
    taking = {
        (method.upper(), path): operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if any(parameter["name"] == "If-Match" for parameter in operation.get("parameters", ()))
    }
    assert set(taking) == {(one.method, one.path) for one in EDITED} | {("DELETE", path) for path in REMOVED}
    assert all("412" in operation["responses"] for operation in taking.values())
    for one in EDITED:
        reading = DOCUMENT["paths"][one.read_at or one.path]["get"]
        assert {"ETag"} <= reading["responses"]["200"]["headers"].keys() & reading["responses"]["304"]["headers"].keys()
        assert "If-None-Match" in {parameter["name"] for parameter in reading["parameters"]}


@pytest.mark.parametrize("one", EDITED, ids=lambda one: one.name)
async def test_of_many_writers_who_saw_the_same_exactly_one_wins(accounts: AccountServer, one: Edited) -> None:
    async with somebody(accounts) as (ann, http):
        ids = await things_of(accounts, ann, http)
        path, read_at = one.path.format(**ids), (one.read_at or one.path).format(**ids)
        etag = await tag_of(http, read_at)
        assert STRONG.fullmatch(etag)
        known = await http.get(read_at, headers={"if-none-match": f'"other", {etag}'})
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
        head = await http.head(read_at, headers={"if-none-match": etag})
        assert head.status_code == 304

        answers = await asyncio.gather(
            *(
                http.request(one.method, path, json=one.body(number), headers={"if-match": etag})
                for number in range(WRITERS)
            )
        )
        statuses = Counter(answer.status_code for answer in answers)
        print(f"{WRITERS} writers of one {one.name} with one ETag:", dict(statuses))
        assert statuses == {200 if one.method == "PATCH" else 201: 1, 412: WRITERS - 1}
        [won] = [number for number, answer in enumerate(answers) if answer.is_success]
        lost = next(answer for answer in answers if not answer.is_success)
        assert lost.headers["content-type"] == "application/problem+json"
        assert lost.json()["type"] == "/problems/precondition-failed"
        assert "Read it again" in lost.json()["detail"]

        fresh = await http.get(read_at, headers={"if-none-match": etag})
        assert fresh.status_code == 200
        if one.method == "PATCH":
            assert fresh.json()[one.field] == one.body(won)[one.field]
            assert answers[won].headers["etag"] == fresh.headers["etag"], "the answer to an edit tells the new state"
        # Whoever reads again may go on; without the header the last one wins, as ever.
        for headers in ({"if-match": fresh.headers["etag"]}, {"if-match": "*"}, {}):
            again = await http.request(one.method, path, json=one.body(won + 1), headers=headers)
            assert again.is_success, again.text
            won += 1


@pytest.mark.parametrize("header", ['W/"1-00000000000000000000"', '"1"', "1", '"x-1"', "", f'"{"9" * 19}-{"0" * 20}"'])
async def test_what_names_no_state_changes_nothing(accounts: AccountServer, header: str) -> None:
    async with somebody(accounts) as (_, http):
        path = "/api/v1/users/me"
        answer = await http.patch(path, json={"bio": "new"}, headers={"if-match": header})
        assert (answer.status_code, answer.json()["type"]) == (412, "/problems/precondition-failed")
        too_long = await http.patch(path, json={"bio": "new"}, headers={"if-match": '"1-0",' * 1_000})
        assert (too_long.status_code, too_long.json()["errors"][0]["in"]) == (422, "header")
        assert (await http.get(path)).json()["bio"] == ""


async def test_things_are_removed_only_as_they_were_seen(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    async with somebody(accounts) as (ann, http), somebody(accounts) as (_, other):
        ids = await things_of(accounts, ann, http)
        edits = {one.read_at or one.path: one for one in EDITED}
        for template in REMOVED:
            path, one = template.format(**ids), edits[template]
            seen = await tag_of(http, path)
            assert (await other.delete(path, headers={"if-match": seen})).status_code == 404, "there is no oracle"
            edited = await http.request(one.method, one.path.format(**ids), json=one.body(3))
            assert edited.is_success
            stale = await http.delete(path, headers={"if-match": seen})
            assert stale.status_code == 412, path
            for query in ({"forever": "true"},) if "track" in path else ():
                assert (await http.delete(path, params=query, headers={"if-match": seen})).status_code == 412
            now = await tag_of(http, path)
            assert (await http.delete(path, headers={"if-match": f"{seen}, {now}"})).status_code == 204
            assert (await http.delete(path, headers={"if-match": now})).status_code == 404
        assert await sql.fetchval("SELECT deleted_at FROM tracks WHERE owner_id = $1", ann.id) is not None


async def test_whatever_edits_a_thing_makes_another_revision_and_what_others_count_does_not(
    accounts: AccountServer,
) -> None:
    async with somebody(accounts) as (ann, http), somebody(accounts) as (_, ben):
        ids = await things_of(accounts, ann, http)
        track = f"/api/v1/tracks/{ids['track_id']}"
        seen = await tag_of(http, track)
        bulk = {"track_ids": [ids["track_id"]], "add_tags": ["rain"], "public": True}
        assert (await http.post("/api/v1/tracks/bulk", json=bulk)).status_code == 200
        assert (await http.patch(track, json={"title": "y"}, headers={"if-match": seen})).status_code == 412
        seen = await tag_of(http, track)
        assert (await ben.put(f"{track}/like")).is_success
        liked = await http.get(track, headers={"if-none-match": seen})
        assert (liked.status_code, liked.json()["likes"]) == (200, 1), "nobody is told that nothing changed"
        assert (await http.patch(track, json={"title": "y"}, headers={"if-match": seen})).status_code == 200
        # What stays as it was is no edit.
        seen = await tag_of(http, track)
        assert (await http.patch(track, json={"title": "y"})).status_code == 200
        assert await tag_of(http, track) == seen
        playlist = f"/api/v1/playlists/{ids['playlist_id']}"
        seen = await tag_of(http, playlist)
        assert (await http.put(f"{playlist}/tracks/{ids['track_id']}", json={})).status_code == 200
        assert await tag_of(http, playlist) != seen
        assert (await http.patch(playlist, json={"title": "y"}, headers={"if-match": seen})).status_code == 200


async def test_lists_are_read_again_only_when_they_changed(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, http):
        await things_of(accounts, ann, http)
        for path in ("/api/v1/tracks", "/api/v1/projects", "/api/v1/playlists", "/api/v1/mixes", "/api/v1/jobs"):
            etag = await tag_of(http, path)
            assert etag.startswith('W/"')
            known = await http.get(path, headers={"if-none-match": etag})
            assert (known.status_code, known.content) == (304, b"")
            refused = await http.patch("/api/v1/users/me", json={"bio": "x"}, headers={"if-match": etag})
            assert refused.status_code == 412, "a list's tag is weak: it protects nothing"
        etag = await tag_of(http, "/api/v1/projects")
        await http.post("/api/v1/projects", json={"title": "another"})
        assert (await http.get("/api/v1/projects", headers={"if-none-match": etag})).status_code == 200


async def test_the_tag_of_a_packed_answer_protects_as_well(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, http):
        [track_id] = (await accounts.users.make_track(ann, prompt="rain on tin " * 300)).track_ids
        path = f"/api/v1/tracks/{track_id}"
        packed = await http.get(path)
        plain = await http.get(path, headers={"accept-encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["etag"] == plain.headers["etag"].removesuffix('"') + '-gzip"', "two representations"
        for etag in (packed.headers["etag"], plain.headers["etag"]):
            known = await http.get(path, headers={"if-none-match": etag})
            assert (known.status_code, known.headers["etag"]) == (304, etag)
        edit = await http.patch(path, json={"title": "y"}, headers={"if-match": packed.headers["etag"]})
        assert edit.status_code == 200
        assert (await http.patch(path, json={"title": "z"}, headers={"if-match": plain.headers["etag"]})).is_error
