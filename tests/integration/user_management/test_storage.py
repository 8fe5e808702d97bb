"""What a person keeps in storage: counted, bounded, and gone when it has had its time."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from protos.users.v1 import jobs_pb2, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.storage import ObjectStore
from services.user_management.background import cleanup
from services.user_management.background.cleanup import sweep
from services.user_management.database import Database, open_engine
from tests.support.user_management import Person, UserManagement

pytestmark = pytest.mark.integration

LIMIT_BYTES = 50 * 1024**3


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(open_engine(database_url, connections=2))
    yield opened
    await opened.close()


@pytest.fixture
def store(user_management: UserManagement) -> ObjectStore:
    return ObjectStore.from_url(user_management.settings.storage_url)


async def stored_bytes(service: UserManagement, person: Person) -> int:
    return (await service.usage(person)).stored_bytes


async def ended(
    service: UserManagement,
    person: Person,
    store: ObjectStore,
    *,
    with_track: bool = False,
    sources: Sequence[str] = (),
    files: Sequence[str] = (),
    **request: Any,
) -> jobs_pb2.Job:
    """A job that stored a track of 3 bytes, or files of 5 bytes each."""
    body = {"_sources": [{"track_id": track_id} for track_id in sources], **request}
    await service.create(person, queue="processing", request_json=orjson.dumps(body).decode(), reserve_bytes=1_000)
    leased = await service.claim(queue="processing")
    assert leased is not None
    folder = f"jobs/{leased.job.id}/{leased.fencing_token}"
    tracks, entries = [], []
    if with_track:
        tracks.append(tracks_pb2.TrackContent(title="Rain", master_object_key=f"{folder}/master.flac"))
        await store.put(f"{folder}/master.flac", b"abc")
    for name in files:
        entries.append({"name": name, "object_key": f"{folder}/files/{name}"})
        await store.put(entries[-1]["object_key"], b"12345")
    done = jobs_pb2.CompleteRequest(
        job_id=leased.job.id,
        lease_id=leased.lease_id,
        fencing_token=leased.fencing_token,
        tracks=tracks,
        stored_bytes=3 * len(tracks) + 5 * len(entries),
        result_json=orjson.dumps({"files": entries}).decode(),
    )
    return (await call(service.jobs.Complete, done)).job


async def clean(database: Database, store: ObjectStore, sql: asyncpg.Connection) -> None:
    """As if the time of every clean-up had come that is planned."""
    await sql.execute("UPDATE jobs SET cleanup_due_at = now() WHERE cleanup_due_at IS NOT NULL")
    await sweep(database, store)


async def keys(store: ObjectStore, folder: str = "jobs") -> set[str]:
    return {info.key.rpartition("/")[2] async for info in store.list(folder)}


async def test_running_job_holds_what_it_is_expected_to_take(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann, queue="processing", reserve_bytes=1_000)
    assert await stored_bytes(user_management, ann) == 1_000
    await call(user_management.jobs.Cancel, jobs_pb2.CancelRequest(job_id=job.id), token=user_management.token(ann))
    assert await stored_bytes(user_management, ann) == 0


async def test_ended_job_counts_what_it_stored(user_management: UserManagement, store: ObjectStore) -> None:
    ann = await user_management.sign_up()
    await ended(user_management, ann, store, with_track=True, files=["notes.mid"])
    assert await stored_bytes(user_management, ann) == 8
    assert await stored_bytes(user_management, await user_management.sign_up()) == 0


async def test_job_that_does_not_fit_is_refused_with_what_is_left(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    assert (await user_management.usage(ann)).stored_bytes_limit == LIMIT_BYTES
    await user_management.create(ann, queue="processing", reserve_bytes=LIMIT_BYTES - 1_000)
    with pytest.raises(AppError) as raised:
        await user_management.create(ann, queue="processing", reserve_bytes=1_001)
    assert raised.value.code is ErrorCode.QUOTA_EXCEEDED
    await user_management.create(ann, queue="processing", reserve_bytes=1_000)


async def test_clean_up_counts_what_is_left(
    user_management: UserManagement, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    job = await ended(user_management, ann, store, with_track=True)
    await store.put(f"jobs/{job.id}/0/master.flac", b"a lost attempt")
    await sql.execute("UPDATE jobs SET stored_bytes = 0")
    await clean(database, store, sql)
    assert await stored_bytes(user_management, ann) == 3
    request = tracks_pb2.DeleteTrackRequest(track_id=job.track_ids[0], forever=True)
    await call(user_management.tracks.DeleteTrack, request, token=user_management.token(ann))
    await clean(database, store, sql)
    assert await stored_bytes(user_management, ann) == 0


async def test_files_are_kept_for_a_week(
    user_management: UserManagement, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    source = await ended(user_management, ann, store, with_track=True)
    job = await ended(user_management, ann, store, sources=source.track_ids, files=["notes.mid"])
    await clean(database, store, sql)
    assert await keys(store) == {"master.flac", "notes.mid"}
    again_at = await sql.fetchval("SELECT cleanup_due_at - finished_at FROM jobs WHERE id = $1", uuid.UUID(job.id))
    assert again_at == timedelta(days=7)
    await sql.execute("UPDATE jobs SET finished_at = finished_at - interval '7 days'")
    await clean(database, store, sql)
    assert await keys(store) == {"master.flac"}
    assert await stored_bytes(user_management, ann) == 3
    assert await sql.fetchval("SELECT count(*) FROM jobs WHERE cleanup_due_at IS NOT NULL") == 0


async def test_files_go_with_the_track_that_they_come_from(
    user_management: UserManagement, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    sources = [await ended(user_management, ann, store, with_track=True) for _ in range(2)]
    for source in sources:
        await ended(user_management, ann, store, sources=source.track_ids, files=[f"{source.id}.mid"])
    await clean(database, store, sql)
    request = tracks_pb2.DeleteTrackRequest(track_id=sources[0].track_ids[0], forever=True)
    await call(user_management.tracks.DeleteTrack, request, token=user_management.token(ann))
    due = "SELECT count(*) FROM jobs WHERE cleanup_due_at < now() + interval '1 hour'"
    assert await sql.fetchval(due) == 2, "the track's own job, and the one whose file comes from it"
    await clean(database, store, sql)
    assert await keys(store) == {"master.flac", f"{sources[1].id}.mid"}


async def test_file_that_was_sent_goes_with_its_job(
    user_management: UserManagement, database: Database, store: ObjectStore, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    await store.put("uploads/ann/1", b"RIFF")
    await store.put("uploads/ann/2", b"RIFF")
    await ended(user_management, ann, store, with_track=True, _upload="uploads/ann/1")
    await clean(database, store, sql)
    assert await keys(store, "uploads") == {"2"}, "nobody took it yet"


async def test_file_that_no_job_took_is_forgotten(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.put("uploads/ann/2", b"RIFF")
    await sweep(database, store)
    assert await keys(store, "uploads") == {"2"}
    monkeypatch.setattr(cleanup, "UPLOADS_KEPT", timedelta(0))
    await sweep(database, store)
    assert await keys(store, "uploads") == set()
