"""Everything of an account in one archive: complete, without secrets, over killed workers, gone after a week."""

import asyncio
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tracemalloc
import uuid
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore
from services.user_management.accounts.farewell import Farewell
from services.user_management.background.cleanup import sweep
from services.user_management.database import Database, open_engine
from services.user_management.exports.archive import ArchiveFile, zipped
from services.user_management.exports.exports import FRESH, MOST_ATTEMPTS, Exporter
from tests.support.account_server import AccountServer
from tests.support.user_management import Person, eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
EXPORT = "/api/v1/users/me/export"


@pytest_asyncio.fixture
async def database(accounts: AccountServer) -> AsyncIterator[Database]:
    found = Database(open_engine(accounts.users.settings.database_url, connections=5))
    yield found
    await found.close()


@pytest.fixture
def store(accounts: AccountServer) -> ObjectStore:
    return ObjectStore.from_url(accounts.users.settings.storage_url)


async def person(accounts: AccountServer) -> tuple[Person, httpx.AsyncClient]:
    found = await accounts.users.sign_up()
    return found, accounts.client(found.tokens.access_token)


async def song(accounts: AccountServer, store: ObjectStore, owner: Person, title: str) -> dict[str, bytes]:
    """A track with its objects: what they hold, by key."""
    job = await accounts.users.make_track(owner, title=title)
    folder = f"jobs/{job.id}/1"
    objects = {
        f"{folder}/master.flac": os.urandom(300_000),
        f"{folder}/stems/bass.flac": os.urandom(1_000),
        f"{folder}/song.mid": b"MThd",
    }
    for key, data in objects.items():
        await store.put(key, data)
    return objects


async def publish(http: httpx.AsyncClient, track_id: str) -> str:
    assert (await http.patch(f"/api/v1/tracks/{track_id}", json={"public": True})).status_code == 200
    return track_id


async def archive_of(http: httpx.AsyncClient) -> zipfile.ZipFile:
    found = (await http.get(EXPORT)).json()
    assert (found["status"], found["progress"]) == ("ready", 1.0)
    async with httpx.AsyncClient(base_url=http.base_url, trust_env=False) as browser:
        answer = await browser.get(found["link"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert len(answer.content) == found["size_bytes"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


async def test_the_archive_holds_everything_that_is_mine_and_no_secret(
    accounts: AccountServer, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    ann, http = await person(accounts)
    bob, his = await person(accounts)
    async with http, his:
        assert (await http.get(EXPORT)).status_code == 404
        audio = await song(accounts, store, ann, "Regen/../über 'all'")
        trashed = await song(accounts, store, ann, "")
        await song(accounts, store, bob, "His")
        tracks = (await http.get("/api/v1/tracks")).json()["items"]
        await http.delete(f"/api/v1/tracks/{tracks[0]['id']}")
        key = (await http.post("/api/v1/api-keys", json={"name": "daw", "scopes": ["read"]})).json()["secret"]
        hook = {"url": "https://example.org/hook", "events": ["job.failed"]}
        secret = (await http.post("/api/v1/webhooks", json=hook)).json()["secret"]
        lists = [(await http.post("/api/v1/playlists", json={"title": f"List {number}"})).json() for number in range(2)]
        for playlist in lists:
            added = await http.put(f"/api/v1/playlists/{playlist['id']}/tracks/{tracks[1]['id']}", json={})
            assert added.status_code < 300, added.text
        for path in (f"/api/v1/tracks/{tracks[1]['id']}/like", f"/api/v1/users/{bob.username}/follow"):
            assert (await http.put(path)).status_code < 300, path
        report = {"kind": "track", "id": (await publish(http, tracks[1]["id"])), "reason": "spam"}
        assert (await his.post("/api/v1/reports", json=report)).status_code == 201
        accused = {"kind": "user", "id": bob.id, "reason": "hate", "details": "He follows me."}
        assert (await http.post("/api/v1/reports", json=accused)).status_code == 201
        await sql.execute("UPDATE reports SET note = 'between moderators', decided_by = $1", uuid.UUID(bob.id))
        project = (await http.post("/api/v1/projects", json={"title": "Album"})).json()
        shares = f"/api/v1/tracks/{tracks[1]['id']}/share"
        share = (await http.post(shares, json={"password": "staple zebra lantern"})).json()
        comment = {"body": "Louder!", "position": 0}
        for said, client in ((comment, http), ({"body": "Softer"}, his)):
            answer = await client.post(f"/api/v1/tracks/{tracks[1]['id']}/comments", json=said)
            assert answer.status_code == 201, answer.text
        # Let into a list of his, where she brings a track, as she lets him into hers.
        theirs = (await his.post("/api/v1/playlists", json={"title": "Ours", "collaborative": True})).json()
        for inviting, playlist_id, guest in ((his, theirs["id"], ann), (http, lists[0]["id"], bob)):
            let_in = await inviting.put(f"/api/v1/playlists/{playlist_id}/members/{guest.username}")
            assert let_in.status_code < 300, let_in.text
        for guest, playlist_id in ((http, theirs["id"]), (his, lists[0]["id"])):
            assert (await guest.post(f"/api/v1/playlists/{playlist_id}/invitation")).status_code == 200
        added = await http.put(f"/api/v1/playlists/{theirs['id']}/tracks/{tracks[1]['id']}", json={})
        assert added.status_code < 300, added.text
        asked = await http.post(EXPORT)
        assert (asked.status_code, asked.json()["status"]) == (202, "queued")
        assert (await http.get(f"{EXPORT}/file")).status_code == 409
        assert await Exporter(database, store).run() == 1
        archive = await archive_of(http)
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert not any(".." in name or name.startswith("/") for name in names)
        assert {archive.read(name) for name in names if name.startswith("audio/")} == {
            *audio.values(),
            *trashed.values(),
        }
        documents = {name: json.loads(archive.read(name)) for name in names if name.endswith(".json")}
        assert documents["profile.json"][0]["username"] == ann.username
        assert sorted(track["title"] for track in documents["tracks.json"]) == ["", "Regen/../über 'all'"]
        assert [job["request"] for job in documents["jobs.json"]] == [{"prompt": "a tone"}] * 2
        assert [row["name"] for row in documents["api_keys.json"]] == ["daw"]
        assert [row["url"] for row in documents["webhooks.json"]] == ["https://example.org/hook"]
        assert {row["action"] for row in documents["audit_log.json"]} >= {"account.register", "webhook.made"}
        assert {row["actor_id"] for row in documents["audit_log.json"]} <= {ann.id, None}, "nobody learns who reported"
        assert (
            sum(row["amount_ms"] for row in documents["quota_entries.json"]) == documents["quota.json"][0]["balance_ms"]
        )
        assert [row["title"] for row in documents["playlists.json"]] == ["List 0", "List 1"]
        assert [row["track_id"] for row in documents["playlist_tracks.json"]] == [tracks[1]["id"]] * 2
        assert [row["track_id"] for row in documents["likes.json"]] == [tracks[1]["id"]]
        assert [row["other_id"] for row in documents["follows.json"]] == [bob.id]
        assert [row["title"] for row in documents["projects.json"]] == [project["title"]]
        assert [row["id"] for row in documents["share_links.json"]] == [share["share"]["id"]]
        assert [(row["body"], row["position_seconds"]) for row in documents["comments.json"]] == [("Louder!", 0)]
        assert [row["user_id"] for row in documents["playlist_members.json"]] == [bob.id]
        assert [row["playlist_id"] for row in documents["playlist_memberships.json"]] == [theirs["id"]]
        brought = [(row["playlist_id"], row["track_id"]) for row in documents["playlist_tracks_added.json"]]
        assert brought == [(theirs["id"], tracks[1]["id"])]
        [made] = documents["reports_made.json"]
        assert (made["subject_id"], made["reason"], made["details"]) == (bob.id, "hate", "He follows me.")
        assert documents["missing.json"] == []
        text = b"".join(archive.read(name) for name in names if name.endswith(".json"))
        for hidden in (
            key,
            secret,
            "password_hash",
            "secret_sha256",
            "sealed",
            "$argon2",
            "_trace",
            "His",
            "between moderators",
            "Softer",
            "spam",
            share["token"],
        ):
            assert hidden.encode() not in text, hidden
        assert (await his.get(EXPORT)).status_code == 404
        assert (await his.get(f"{EXPORT}/file")).status_code == 404


async def test_one_is_made_at_a_time_and_a_fresh_one_is_the_answer(
    accounts: AccountServer, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    _, http = await person(accounts)
    async with http:
        answers = await asyncio.gather(*(http.post(EXPORT) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.json()["id"] for answer in answers}) == 1
        made = await asyncio.gather(*(Exporter(database, store).run() for _ in range(3)))
        assert sum(made) == 1
        again = (await http.post(EXPORT)).json()
        assert (again["id"], again["status"]) == (answers[0].json()["id"], "ready")
        assert datetime.fromisoformat(again["next_at"]) - datetime.fromisoformat(again["finished_at"]) == FRESH
        await sql.execute("UPDATE account_exports SET finished_at = now() - interval '23 hours'")
        assert (await http.post(EXPORT)).json()["id"] == again["id"]
        await sql.execute("UPDATE account_exports SET finished_at = now() - interval '25 hours'")
        anew = (await http.post(EXPORT)).json()
        assert anew["id"] != again["id"]
        assert (anew["status"], anew["link"], anew["next_at"]) == ("queued", None, None)
        assert await Exporter(database, store).run() == 1
        assert len([info async for info in store.list("exports")]) == 1, "the earlier archive is gone"


async def test_a_key_or_a_stranger_gets_no_archive(accounts: AccountServer) -> None:
    _, http = await person(accounts)
    async with http, accounts.client() as nobody:
        made = await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read", "write", "generate"]})
        headers = {"x-api-key": made.json()["secret"]}
        for method, path in (("POST", EXPORT), ("GET", EXPORT), ("GET", f"{EXPORT}/file")):
            assert (await nobody.request(method, path, headers=headers)).status_code == 403
            assert (await nobody.request(method, path)).status_code == 401


async def test_what_storage_lost_is_named_and_holds_nothing_up(
    accounts: AccountServer, database: Database, store: ObjectStore
) -> None:
    ann, http = await person(accounts)
    async with http:
        await accounts.users.make_track(ann)
        await http.post(EXPORT)
        assert await Exporter(database, store).run() == 1
        archive = await archive_of(http)
        missing = json.loads(archive.read("missing.json"))
        assert [path.rpartition("/")[2] for path in missing] == ["master.flac", "01-bass.flac", "song.mid"]


@pytest.mark.slow
async def test_a_killed_worker_is_followed_by_another(
    accounts: AccountServer,
    store: ObjectStore,
    sql: asyncpg.Connection,
    secrets_dir: Path,
) -> None:
    ann, http = await person(accounts)
    for number in range(12):
        job = await accounts.users.make_track(ann, title=f"Song {number}")
        await store.put(f"jobs/{job.id}/1/master.flac", os.urandom(16_000_000))
    environment = {
        "PATH": os.environ["PATH"],
        "MUSICGEN_USER_MANAGEMENT_REDIS_URL": accounts.users.settings.redis_url,
        "MUSICGEN_USER_MANAGEMENT_DATABASE_URL": accounts.users.settings.database_url,
        "MUSICGEN_USER_MANAGEMENT_STORAGE_URL": accounts.users.settings.storage_url,
        "MUSICGEN_USER_MANAGEMENT_SECRETS_DIR": str(secrets_dir),
    }

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "services.user_management.background"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def status(wanted: str) -> bool:
        return bool(await sql.fetchval("SELECT status = $1 FROM account_exports", wanted))

    async with http:
        await http.post(EXPORT)
        worker = start()
        try:
            await eventually(lambda: status("running"), within=60, what="the export has begun")
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(10)
        row = await sql.fetchrow("SELECT status, attempts FROM account_exports")
        assert tuple(row) == ("running", 1)
        assert (await http.get(EXPORT)).json()["status"] == "running"
        await sql.execute("UPDATE account_exports SET due_at = now()")
        worker = start()
        try:
            await http.post(EXPORT)
            await eventually(lambda: status("ready"), within=90, what="another worker has made it")
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(10)
        archive = await archive_of(http)
        assert len([name for name in archive.namelist() if name.endswith("master.flac")]) == 12
        assert [info.key async for info in store.list("exports")] == [
            await sql.fetchval("SELECT object_key FROM account_exports")
        ]


class Broken(ObjectStore):
    """Storage that lets nothing be written."""

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        raise AppError(ErrorCode.UNAVAILABLE, "Storage does not answer. Try again.")


async def test_an_export_that_cannot_be_made_is_given_up_and_may_be_asked_for_again(
    accounts: AccountServer, database: Database, store: ObjectStore, sql: asyncpg.Connection, tmp_path: Path
) -> None:
    _, http = await person(accounts)
    broken = Broken.from_url((tmp_path / "broken").as_uri())
    async with http:
        await http.post(EXPORT)
        for attempt in range(1, MOST_ATTEMPTS + 1):
            assert await Exporter(database, broken).run() == 0
            found = (await http.get(EXPORT)).json()
            assert found["status"] == ("failed" if attempt == MOST_ATTEMPTS else "queued")
            await sql.execute("UPDATE account_exports SET due_at = now()")
        assert "Storage does not answer" in found["error"]
        assert (await http.post(EXPORT)).json()["status"] == "failed", "not at once"
        await sql.execute("UPDATE account_exports SET finished_at = now() - interval '2 hours'")
        assert (await http.post(EXPORT)).json()["status"] == "queued"
        assert await Exporter(database, store).run() == 1


async def test_an_account_that_goes_takes_its_archive_along(
    accounts: AccountServer, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    ann, http = await person(accounts)
    async with http:
        await http.post(EXPORT)
        assert await Exporter(database, store).run() == 1
    await sql.execute("UPDATE users SET deletion_due_at = now() WHERE id = $1", ann.id)
    assert await Farewell(database, store).once() == 1
    assert [info async for info in store.list("exports")] == []


async def test_archives_are_deleted_after_a_week(
    accounts: AccountServer, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    _, http = await person(accounts)
    async with http:
        await http.post(EXPORT)
        assert await Exporter(database, store).run() == 1
        expires = await sql.fetchval("SELECT expires_at - finished_at FROM account_exports")
        assert expires == timedelta(days=7)
        await sweep(database, store)
        assert (await http.get(f"{EXPORT}/file")).status_code == 200
        link = (await http.get(EXPORT)).json()["link"]
        await sql.execute("UPDATE account_exports SET expires_at = now()")
        assert (await http.get(EXPORT)).status_code == 404, "its time is over, swept or not"
        await sweep(database, store)
        assert [info async for info in store.list("exports")] == []
        assert (await http.get(link)).status_code == 404


async def test_an_archive_is_made_in_memory_that_does_not_grow_with_it() -> None:
    chunk = os.urandom(256 * 1024)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield chunk

    async def files() -> AsyncIterator[ArchiveFile]:
        for number in range(4):
            yield ArchiveFile(f"{number}.bin", datetime.now(UTC), chunks())

    tracemalloc.start()
    size = 0
    async for piece in zipped(files()):
        size += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 4 * 200 * 256 * 1024
    assert peak < 4_000_000
