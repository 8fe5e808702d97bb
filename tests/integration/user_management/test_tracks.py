"""The library: who may see, change and delete what."""

import uuid
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from protos.common.v1 import common_pb2
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.storage import ObjectStore
from services.user_management.background.cleanup import delete_objects, sweep
from services.user_management.database import Database, open_engine
from services.user_management.library.objects import derivatives_prefix
from tests.support.user_management import Person, UserManagement

pytestmark = pytest.mark.integration


async def make_track(service: UserManagement, person: Person, **fields: Any) -> tracks_pb2.Track:
    """A finished job's track."""
    return await get(service, person, (await service.make_track(person, **fields)).track_ids[0])


async def get(service: UserManagement, person: Person, track_id: str) -> tracks_pb2.Track:
    request = tracks_pb2.GetTrackRequest(track_id=track_id)
    track: tracks_pb2.Track = (await call(service.tracks.GetTrack, request, token=service.token(person))).track
    return track


async def update(service: UserManagement, person: Person, track_id: str, **fields: Any) -> tracks_pb2.Track:
    request = tracks_pb2.UpdateTrackRequest(track_id=track_id, **fields)
    track: tracks_pb2.Track = (await call(service.tracks.UpdateTrack, request, token=service.token(person))).track
    return track


async def delete(service: UserManagement, person: Person, track_id: str, *, forever: bool = True) -> None:
    request = tracks_pb2.DeleteTrackRequest(track_id=track_id, forever=forever)
    await call(service.tracks.DeleteTrack, request, token=service.token(person))


async def code_of(attempt: Awaitable[object]) -> ErrorCode:
    with pytest.raises(AppError) as refused:
        await attempt
    return refused.value.code


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(open_engine(database_url, connections=2))
    yield found
    await found.close()


async def test_private_track_exists_for_its_owner_only(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    track = await make_track(user_management, ann)
    for attempt in (
        get(user_management, ben, track.id),
        update(user_management, ben, track.id, title="Mine"),
        delete(user_management, ben, track.id),
    ):
        assert await code_of(attempt) is ErrorCode.NOT_FOUND
    assert await get(user_management, ann, track.id) == track


async def test_public_track_can_be_read_but_not_changed_by_others(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    track = await make_track(user_management, ann)
    published = await update(user_management, ann, track.id, public=True)
    heard = await get(user_management, ben, track.id)
    assert heard.credit == f"“Rain” by {ann.username}"
    heard.credit = ""
    assert heard == published
    assert await code_of(update(user_management, ben, track.id, title="Mine")) is ErrorCode.NOT_FOUND
    assert await code_of(delete(user_management, ben, track.id)) is ErrorCode.NOT_FOUND
    await update(user_management, ann, track.id, public=False)
    assert await code_of(get(user_management, ben, track.id)) is ErrorCode.NOT_FOUND


async def test_only_what_is_named_changes(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    track = await make_track(user_management, ann, tags=["old"])
    renamed = await update(user_management, ann, track.id, title=" Storm ")
    assert (renamed.content.title, list(renamed.content.tags), renamed.content.public) == ("Storm", ["old"], False)
    tagged = await update(user_management, ann, track.id, tags=["Jazz", "jazz"], set_tags=True)
    assert (tagged.content.title, list(tagged.content.tags)) == ("Storm", ["jazz"])
    assert list((await update(user_management, ann, track.id, set_tags=True)).content.tags) == []
    assert (await update(user_management, ann, track.id)).content.title == "Storm"
    assert await code_of(update(user_management, ann, str(uuid.uuid4()))) is ErrorCode.NOT_FOUND


async def test_empty_title_is_refused(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    track = await make_track(user_management, ann)
    assert await code_of(update(user_management, ann, track.id, title="  ")) is ErrorCode.VALIDATION


async def test_list_is_paged_newest_first(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    made = [(await make_track(user_management, ann)).id for _ in range(3)]
    await make_track(user_management, ben)
    token = user_management.token(ann)
    request = tracks_pb2.ListTracksRequest(page=common_pb2.PageRequest(limit=2))
    first = await call(user_management.tracks.ListTracks, request, token=token)
    assert [track.id for track in first.tracks] == [made[2], made[1]]
    request = tracks_pb2.ListTracksRequest(page=common_pb2.PageRequest(limit=2, cursor=first.next_cursor))
    second = await call(user_management.tracks.ListTracks, request, token=token)
    assert [track.id for track in second.tracks] == [made[0]]
    assert second.next_cursor == ""
    assert [stem.name for stem in second.tracks[0].content.stems] == ["bass"]


@pytest.mark.parametrize("page", [{"limit": -1}, {"limit": 101}, {"cursor": "forged"}])
async def test_bad_page_is_refused(user_management: UserManagement, page: dict[str, Any]) -> None:
    ann = await user_management.sign_up()
    request = tracks_pb2.ListTracksRequest(page=common_pb2.PageRequest(**page))
    attempt = call(user_management.tracks.ListTracks, request, token=user_management.token(ann))
    assert await code_of(attempt) is ErrorCode.VALIDATION


@pytest.mark.parametrize("track_id", ["", "nonsense", "01a1fdea-3ed7-76fa-b20f-cd595922d4bd"])
async def test_unknown_track_is_not_found(user_management: UserManagement, track_id: str) -> None:
    ann = await user_management.sign_up()
    for attempt in (get(user_management, ann, track_id), delete(user_management, ann, track_id)):
        assert await code_of(attempt) is ErrorCode.NOT_FOUND


async def test_deleted_track_is_gone_and_its_objects_follow_even_if_the_message_was_lost(
    user_management: UserManagement, database: Database, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    kept, track = await make_track(user_management, ann), await make_track(user_management, ann)
    store = ObjectStore.from_url(user_management.settings.storage_url)
    for one in (kept, track):
        folder = one.content.master_object_key.rpartition("/")[0]
        for key in (
            one.content.master_object_key,
            one.content.stems[0].object_key,
            one.content.midi_object_key,
            f"{folder}/live/0.s16",
            f"{derivatives_prefix(one.content.master_object_key)}audio.mp3",
        ):
            await store.put(key, b"x")
    await delete(user_management, ann, track.id)
    assert await code_of(get(user_management, ann, track.id)) is ErrorCode.NOT_FOUND

    assert (await sweep(database, store)).jobs == 0
    await sql.execute("UPDATE jobs SET cleanup_due_at = now()")
    swept = await sweep(database, store)
    assert (swept.jobs, swept.objects) == (2, 6)
    left = {info.key async for info in store.list()}
    assert left == {
        kept.content.master_object_key,
        kept.content.stems[0].object_key,
        kept.content.midi_object_key,
        f"{derivatives_prefix(kept.content.master_object_key)}audio.mp3",
    }
    assert (await sweep(database, store)).jobs == 0


async def test_sweep_forgets_what_has_had_its_time(
    user_management: UserManagement, database: Database, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up("ann")
    key = jobs_pb2.Idempotency(route="POST /api/v1/generate", key="k", body_sha256=b"0" * 32)
    await user_management.create(ann, idempotency=key)
    store = ObjectStore.from_url("memory://")
    assert (await sweep(database, store)).idempotency_keys == 0
    await sql.execute("UPDATE idempotency_keys SET expires_at = now()")
    await sql.execute("UPDATE sessions SET revoked_at = now() - interval '8 days'")
    swept = await sweep(database, store)
    assert (swept.idempotency_keys, swept.sessions) == (1, 1)
    assert await sql.fetchval("SELECT count(*) FROM refresh_tokens") == 0


async def test_objects_are_deleted_by_key_and_by_folder_and_twice_is_harmless() -> None:
    store = ObjectStore.from_url("memory://")
    for key in ("jobs/1/1/master.flac", "derivatives/ab/audio.mp3", "derivatives/ab/peaks.bin", "jobs/2/1/master.flac"):
        await store.put(key, b"x")
    for _ in range(2):
        await delete_objects(store, ["jobs/1/1/master.flac", "derivatives/ab/"])
    assert [info.key async for info in store.list()] == ["jobs/2/1/master.flac"]


async def test_storage_that_does_not_answer_is_asked_again(
    user_management: UserManagement, database: Database, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    await make_track(user_management, ann)
    await sql.execute("UPDATE jobs SET cleanup_due_at = now()")

    class Broken(ObjectStore):
        def list(self, prefix: str = "") -> Any:
            raise AppError(ErrorCode.UNAVAILABLE, "Storage does not answer.")

    memory = ObjectStore.from_url("memory://")
    assert (await sweep(database, Broken(memory._backend))).jobs == 0
    assert (await sweep(database, memory)).jobs == 1


async def test_deletion_while_a_sweep_is_at_work_gets_a_sweep_of_its_own(
    user_management: UserManagement, database: Database, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    track = await make_track(user_management, ann)
    await sql.execute("UPDATE jobs SET cleanup_due_at = now()")

    class Slow(ObjectStore):
        def list(self, prefix: str = "") -> Any:
            return self._listed(prefix)

        async def _listed(self, prefix: str) -> AsyncIterator[Any]:
            if prefix.startswith("jobs/"):
                await delete(user_management, ann, track.id)
            async for info in super().list(prefix):
                yield info

    memory = ObjectStore.from_url("memory://")
    await memory.put(track.content.master_object_key, b"x")
    await sweep(database, Slow(memory._backend))
    assert await memory.exists(track.content.master_object_key)
    await sql.execute("UPDATE jobs SET cleanup_due_at = now() WHERE cleanup_due_at IS NOT NULL")
    await sweep(database, memory)
    assert not await memory.exists(track.content.master_object_key)


async def set_cover(service: UserManagement, person: Person, track_id: str, key: str) -> tracks_pb2.Track:
    request = tracks_pb2.SetCoverRequest(track_id=track_id, object_key=key)
    track: tracks_pb2.Track = (await call(service.tracks.SetCover, request, token=service.token(person))).track
    return track


async def test_picture_goes_with_its_track_and_the_one_that_it_replaces_with_the_sweep(
    user_management: UserManagement, database: Database, sql: asyncpg.Connection
) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    track = await make_track(user_management, ann)
    store = ObjectStore.from_url("memory://")
    folder = f"jobs/{track.job_id}/cover"
    for name in ("a", "b"):
        for key in (f"{folder}/{name}.jpg", f"{derivatives_prefix(f'{folder}/{name}.jpg')}cover-320.jpg"):
            await store.put(key, b"x")
        changed = await set_cover(user_management, ann, track.id, f"{folder}/{name}.jpg")
        assert changed.cover_object_key == f"{folder}/{name}.jpg"
    assert await get(user_management, ann, track.id) == changed
    assert await set_cover(user_management, ann, track.id, f"{folder}/b.jpg") == changed, "twice is once"
    for other_key in ("", f"{folder}/b.jpg"):
        assert await code_of(set_cover(user_management, ben, track.id, other_key)) is ErrorCode.NOT_FOUND

    async def swept(age: str) -> set[str]:
        await sql.execute("UPDATE jobs SET cleanup_due_at = now()")

        class Aged(ObjectStore):
            async def list(self, prefix: str = "") -> AsyncIterator[Any]:
                async for info in super().list(prefix):
                    yield replace(info, modified=info.modified - timedelta(minutes=int(age)))

        await sweep(database, Aged(store._backend))
        return {info.key async for info in store.list()}

    assert f"{folder}/a.jpg" in await swept("0"), "a young picture may be about to be named"
    due = await sql.fetchval("SELECT cleanup_due_at FROM jobs WHERE id = $1", track.job_id)
    assert due is not None, "it is looked at again"
    kept = {f"{folder}/b.jpg", f"{derivatives_prefix(f'{folder}/b.jpg')}cover-320.jpg"}
    assert await swept("11") == kept
    assert await sql.fetchval("SELECT stored_bytes FROM jobs WHERE id = $1", track.job_id) == 1
    await delete(user_management, ann, track.id)
    assert await swept("11") == set()


async def test_track_in_the_trash_takes_no_picture(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    track = await make_track(user_management, ann)
    await delete(user_management, ann, track.id, forever=False)
    attempt = set_cover(user_management, ann, track.id, f"jobs/{track.job_id}/cover/a.jpg")
    assert await code_of(attempt) is ErrorCode.NOT_FOUND
