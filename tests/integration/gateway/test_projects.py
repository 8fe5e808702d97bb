"""Projects, changes of many tracks at once, and the tree of versions, on the real user_management."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from services.shared.ids import new_id
from tests.support.account_server import AccountServer
from tests.support.user_management import Person, UserManagement, claimed

pytestmark = pytest.mark.integration

PROJECTS, TRACKS, BULK = "/api/v1/projects", "/api/v1/tracks", "/api/v1/tracks/bulk"


@contextlib.asynccontextmanager
async def somebody(accounts: AccountServer) -> AsyncIterator[tuple[Person, httpx.AsyncClient]]:
    person = await accounts.users.sign_up()
    async with accounts.client(person.tokens.access_token) as http:
        yield person, http


async def tracks(accounts: AccountServer, person: Person, count: int, **fields: Any) -> list[str]:
    return [str((await accounts.users.make_track(person, **fields)).track_ids[0]) for _ in range(count)]


async def ids(http: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await http.get(TRACKS, params={"sort": "oldest", **query})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def project(http: httpx.AsyncClient, title: str = "Album") -> str:
    answer = await http.post(PROJECTS, json={"title": title})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_tracks_lie_in_projects_that_are_found_and_removed(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, http):
        album = await project(http)
        one, two, three = await tracks(accounts, ann, 3)
        for track in (one, two):
            assert (await http.patch(f"{TRACKS}/{track}", json={"project_id": album})).json()["project_id"] == album
        assert await ids(http, project_id=album) == [one, two]
        assert await ids(http, project_id="none") == [three]
        assert (await http.patch(f"{TRACKS}/{two}", json={"title": "B"})).json()["project_id"] == album
        assert (await http.patch(f"{TRACKS}/{two}", json={"project_id": None})).json()["project_id"] is None
        assert (await http.get(f"{PROJECTS}/{album}")).json()["track_count"] == 1
        await http.delete(f"{TRACKS}/{one}")
        assert (await http.get(f"{PROJECTS}/{album}")).json()["track_count"] == 0
        await http.post(f"{TRACKS}/{one}/restore")
        changed = (await http.patch(f"{PROJECTS}/{album}", json={"description": "b-sides"})).json()
        assert (changed["title"], changed["description"], changed["track_count"]) == ("Album", "b-sides", 1)
        assert (await http.delete(f"{PROJECTS}/{album}")).status_code == 204
        assert (await http.delete(f"{PROJECTS}/{album}")).status_code == 404
        assert (await http.get(f"{TRACKS}/{one}")).json()["project_id"] is None


async def test_projects_are_their_owners_alone(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, hers), somebody(accounts) as (ben, his):
        album = await project(hers)
        [song] = await tracks(accounts, ann, 1, public=True)
        await hers.patch(f"{TRACKS}/{song}", json={"project_id": album})
        [mine] = await tracks(accounts, ben, 1)
        assert (await his.get(f"{PROJECTS}/{album}")).status_code == 404
        assert (await his.patch(f"{PROJECTS}/{album}", json={"title": "x"})).status_code == 404
        assert (await his.delete(f"{PROJECTS}/{album}")).status_code == 404
        refused = await his.patch(f"{TRACKS}/{mine}", json={"project_id": album})
        unknown = await his.patch(f"{TRACKS}/{mine}", json={"project_id": new_id()})
        assert (refused.status_code, refused.json()["errors"]) == (422, unknown.json()["errors"])
        assert (await his.post(BULK, json={"track_ids": [mine], "project_id": album})).status_code == 422
        assert (await his.get(f"{TRACKS}/{song}")).json()["project_id"] is None, "how she keeps it is hers to know"
        assert await ids(his, project_id=album) == []


async def test_projects_are_listed_page_by_page_and_made_once_a_key(accounts: AccountServer) -> None:
    async with somebody(accounts) as (_, http):
        made = [await project(http, f"P{number}") for number in range(3)]
        headers = {"idempotency-key": "k"}
        answers = await asyncio.gather(
            *(http.post(PROJECTS, json={"title": "Once"}, headers=headers) for _ in range(10))
        )
        assert len({answer.json()["id"] for answer in answers}) == 1
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            page = (await http.get(PROJECTS, params={"limit": 2, "cursor": cursor})).json()
            found += [item["title"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert found == ["Once", "P2", "P1", "P0"]
        assert len(made) == 3


async def test_many_tracks_are_changed_at_once_each_with_its_outcome(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, http), somebody(accounts) as (ben, _):
        album = await project(http)
        full = [f"t{number}" for number in range(20)]
        plain, tagged = await tracks(accounts, ann, 2, tags=["old"])
        [crowded] = await tracks(accounts, ann, 1, tags=full)
        [trashed] = await tracks(accounts, ann, 1)
        [others] = await tracks(accounts, ben, 1, public=True)
        await http.delete(f"{TRACKS}/{trashed}")
        unknown = new_id()
        body = {
            "track_ids": [plain, others, crowded, plain, tagged, "nonsense", trashed, unknown],
            "add_tags": ["New", "new"],
            "remove_tags": ["old"],
            "project_id": album,
            "public": True,
        }
        items = (await http.post(BULK, json=body)).json()["items"]
        assert [(item["track_id"], item["done"], item["type"]) for item in items] == [
            (plain, True, None),
            (others, False, "/problems/not-found"),
            (crowded, False, "/problems/validation"),
            (tagged, True, None),
            ("nonsense", False, "/problems/not-found"),
            (trashed, False, "/problems/not-found"),
            (unknown, False, "/problems/not-found"),
        ]
        for track in (plain, tagged):
            now = (await http.get(f"{TRACKS}/{track}")).json()
            assert (now["tags"], now["project_id"], now["public"]) == (["new"], album, True)
        untouched = (await http.get(f"{TRACKS}/{crowded}")).json()
        assert (untouched["tags"], untouched["project_id"], untouched["public"]) == (full, None, False)


async def test_many_tracks_go_into_the_trash_and_come_back(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    async with somebody(accounts) as (ann, http):
        songs = await tracks(accounts, ann, 4)
        for _ in range(2):
            items = (await http.post(BULK, json={"track_ids": songs[:3], "trashed": True})).json()["items"]
            assert [item["done"] for item in items] == [True] * 3
        assert await ids(http) == songs[3:]
        await sql.execute("UPDATE tracks SET deleted_at = '2026-01-01' WHERE id = $1", uuid.UUID(songs[0]))
        await http.post(BULK, json={"track_ids": songs, "trashed": True})
        since = await sql.fetchval("SELECT deleted_at FROM tracks WHERE id = $1", uuid.UUID(songs[0]))
        assert since.isoformat() == "2026-01-01T00:00:00+00:00", "its month in the trash does not begin anew"
        items = (await http.post(BULK, json={"track_ids": songs, "trashed": False, "add_tags": ["back"]})).json()
        assert all(item["done"] for item in items["items"])
        assert await ids(http, tag="back") == songs


async def test_changes_at_the_same_time_lose_nothing(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, http):
        songs = await tracks(accounts, ann, 6)
        answers = await asyncio.gather(
            *(
                http.post(BULK, json={"track_ids": songs[:: (-1) ** number], "add_tags": [f"tag{number}"]})
                for number in range(12)
            )
        )
        assert {answer.status_code for answer in answers} == {200}
        for track in (await http.get(TRACKS)).json()["items"]:
            assert sorted(track["tags"]) == sorted(f"tag{number}" for number in range(12))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"track_ids": []},
        {"track_ids": ["x"]},
        {"track_ids": ["x"] * 201, "public": True},
        {"track_ids": ["x"], "public": 1},
        {"track_ids": ["x"], "add_tags": ["a"], "remove_tags": ["A"]},
        {"track_ids": ["x"], "add_tags": [""]},
        {"track_ids": ["x"], "add_tags": [f"t{n}" for n in range(21)]},
        {"track_ids": ["x"], "project_id": "'; DROP TABLE tracks --"},
        {"track_ids": "x", "public": True},
    ],
)
async def test_bad_changes_are_refused(accounts: AccountServer, body: dict[str, Any]) -> None:
    async with somebody(accounts) as (_, http):
        answer = await http.post(BULK, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def child(users: UserManagement, person: Person, parent_id: str, *, kind: str = "generate", **fields: Any) -> str:
    """A track that a job of some kind made of another one."""
    await users.create(person, kind=kind, request_json='{"prompt": "x", "variation_of_id": "x"}')
    leased = await claimed(users)
    folder = f"jobs/{leased.job.id}/{leased.fencing_token}"
    from protos.users.v1 import jobs_pb2, tracks_pb2
    from services.shared.grpc_client import call

    content = tracks_pb2.TrackContent(
        **{"title": kind, "master_object_key": f"{folder}/m.flac", "parent_id": parent_id, **fields}
    )
    request = jobs_pb2.CompleteRequest(
        job_id=leased.job.id, lease_id=leased.lease_id, fencing_token=leased.fencing_token, tracks=[content]
    )
    return str((await call(users.jobs.Complete, request)).job.track_ids[0])


async def test_the_tree_of_versions_says_how_each_came_to_be(accounts: AccountServer) -> None:
    async with somebody(accounts) as (ann, hers), somebody(accounts) as (ben, his):
        [song] = await tracks(accounts, ann, 1, public=True)
        variation = await child(accounts.users, ann, song)
        stem = await child(accounts.users, ann, variation, kind="separate")
        master = await child(accounts.users, ann, song, kind="master", public=True)
        remix = await child(accounts.users, ben, song)
        of_remix = await child(accounts.users, ben, remix, kind="mix")

        async def tree(http: httpx.AsyncClient, track: str) -> list[tuple[str, str | None, str | None]]:
            answer = await http.get(f"{TRACKS}/{track}/versions")
            assert answer.status_code == 200, answer.text
            return [(item["id"], item["parent_id"], item["relation"]) for item in answer.json()["items"]]

        own = [
            (song, None, None),
            (variation, song, "variation"),
            (stem, variation, "stem"),
            (master, song, "master"),
        ]
        assert await tree(hers, song) == own, "his remix is private"
        assert await tree(hers, stem) == own
        his_own = [(remix, song, "remix"), (of_remix, remix, "mix")]
        assert await tree(his, remix) == [own[0], *his_own]
        assert await tree(his, song) == [own[0], own[3], *his_own]
        assert (await his.get(f"{TRACKS}/{variation}/versions")).status_code == 404
        await his.patch(f"{TRACKS}/{remix}", json={"public": True})
        assert await tree(hers, song) == [*own, his_own[0]]
        # Withdrawn, the song is out of sight; that the remix came from it stays told.
        await hers.patch(f"{TRACKS}/{song}", json={"public": False})
        assert await tree(his, remix) == his_own
