"""The library: found by words and filters, in every order; the trash; the tree of versions."""

import asyncio
import base64
import json
from typing import Any

import asyncpg
import pytest

from protos.common.v1 import common_pb2
from protos.users.v1 import tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.storage import ObjectStore
from services.user_management.background.cleanup import sweep
from services.user_management.database import Database, open_engine
from tests.support.user_management import Person, UserManagement

pytestmark = pytest.mark.integration


async def make(service: UserManagement, person: Person, title: str, **fields: Any) -> str:
    """A finished track; its id."""
    return (await service.make_track(person, title=title, **fields)).track_ids[0]


async def listed(service: UserManagement, person: Person, limit: int = 20, cursor: str = "", **asked: Any) -> list[str]:
    """Titles of one page; the cursor of the next at the end, when there is one."""
    page = common_pb2.PageRequest(limit=limit, cursor=cursor)
    request = tracks_pb2.ListTracksRequest(page=page, **asked)
    answer = await call(service.tracks.ListTracks, request, token=service.token(person))
    titles = [track.content.title for track in answer.tracks]
    return [*titles, answer.next_cursor] if answer.next_cursor else titles


@pytest.fixture
async def shelf(user_management: UserManagement) -> tuple[UserManagement, Person]:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    await make(user_management, ann, "Rain on tin", prompt="dusty piano", tags=["lofi", "calm"], model="composer")
    await make(user_management, ann, "Árbol", prompt="nylon guitar in the rain", tags=["bossa"], model="composer")
    await make(user_management, ann, "Storm", prompt="epic battle", tags=["epic", "calm"], model="other", public=True)
    await make(user_management, ben, "Rainy", prompt="rain", tags=["calm"])
    return user_management, ann


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        ({}, ["Storm", "Árbol", "Rain on tin"]),
        ({"order": tracks_pb2.TRACK_ORDER_OLDEST}, ["Rain on tin", "Árbol", "Storm"]),
        ({"query": "rain"}, ["Árbol", "Rain on tin"]),
        # The title weighs more than the prompt.
        ({"query": "rain", "order": tracks_pb2.TRACK_ORDER_RELEVANCE}, ["Rain on tin", "Árbol"]),
        ({"query": "PIA dus"}, ["Rain on tin"]),
        ({"query": "árb"}, ["Árbol"]),
        ({"query": "epic storm"}, ["Storm"]),
        ({"query": "polka"}, []),
        ({"query": "rain' | 'storm:* & !x"}, []),
        ({"tags": ["calm"]}, ["Storm", "Rain on tin"]),
        ({"tags": ["Calm", "lofi"]}, ["Rain on tin"]),
        ({"model": "composer"}, ["Árbol", "Rain on tin"]),
        ({"public": True}, ["Storm"]),
        ({"public": False, "query": "rain"}, ["Árbol", "Rain on tin"]),
        ({"trashed": True}, []),
    ],
)
async def test_filters_and_words_choose_and_order(
    shelf: tuple[UserManagement, Person], asked: dict[str, Any], titles: list[str]
) -> None:
    assert await listed(*shelf, **asked) == titles


async def test_every_order_is_paged_without_gaps_or_doubles(shelf: tuple[UserManagement, Person]) -> None:
    service, ann = shelf
    for _ in range(3):
        await make(service, ann, "Rain on tin", prompt="dusty rain piano")
    for order in tracks_pb2.TrackOrder.values():
        whole = await listed(service, ann, order=order, query="rain")
        pages: list[str] = []
        cursor = ""
        while True:
            *page, last = await listed(service, ann, 2, cursor, order=order, query="rain")
            if len(page) < 2:
                pages += [*page, last]
                break
            pages += page
            cursor = last
        assert pages == whole
        assert len(whole) == 5


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [({"query": "x" * 201}, "/q"), ({"query": "&&&"}, "/q"), ({"parent_id": "nonsense"}, "/parent_id")],
)
async def test_what_cannot_be_searched_for_is_named(
    shelf: tuple[UserManagement, Person], asked: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(AppError) as refused:
        await listed(*shelf, **asked)
    assert [item.pointer for item in refused.value.violations] == [pointer]


async def test_cursor_of_another_order_is_refused(shelf: tuple[UserManagement, Person]) -> None:
    *_, cursor = await listed(*shelf, limit=1)
    with pytest.raises(AppError) as refused:
        await listed(*shelf, limit=1, cursor=cursor, order=tracks_pb2.TRACK_ORDER_TITLE)
    assert refused.value.violations[0].pointer == "/cursor"


async def test_forged_cursor_is_refused(shelf: tuple[UserManagement, Person]) -> None:
    for forged in (["title", "\0", "0190a0a0-0000-7000-8000-000000000000"], ["title", 5, "x"], {}, 7):
        cursor = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
        with pytest.raises(AppError) as refused:
            await listed(*shelf, cursor=cursor, order=tracks_pb2.TRACK_ORDER_TITLE)
        assert refused.value.violations[0].pointer == "/cursor"


async def test_trash_hides_a_track_until_it_is_restored(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    track_id = await make(user_management, ann, "Rain", public=True)
    tracks, token = user_management.tracks, user_management.token(ann)
    for _ in range(2):
        # The second time it lies there already.
        outcome = await asyncio.gather(
            call(tracks.DeleteTrack, tracks_pb2.DeleteTrackRequest(track_id=track_id), token=token),
            return_exceptions=True,
        )
    assert isinstance(outcome[0], AppError)
    for person in (ann, ben):
        with pytest.raises(AppError) as gone:
            await call(
                tracks.GetTrack, tracks_pb2.GetTrackRequest(track_id=track_id), token=user_management.token(person)
            )
        assert gone.value.code is ErrorCode.NOT_FOUND
    assert await listed(user_management, ann) == []
    assert await listed(user_management, ann, trashed=True) == ["Rain"]
    restore = tracks_pb2.RestoreTrackRequest(track_id=track_id)
    with pytest.raises(AppError) as refused:
        await call(tracks.RestoreTrack, restore, token=user_management.token(ben))
    assert refused.value.code is ErrorCode.NOT_FOUND
    for _ in range(2):
        answer = await call(tracks.RestoreTrack, restore, token=token)
        assert answer.track.content.title == "Rain"
        assert not answer.track.HasField("deleted_at")
    assert await listed(user_management, ann) == ["Rain"]


async def test_trash_is_emptied_after_a_month(
    user_management: UserManagement, database_url: str, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    track_ids = [await make(user_management, ann, title) for title in ("Old", "New", "Kept")]
    for track_id in track_ids[:2]:
        request = tracks_pb2.DeleteTrackRequest(track_id=track_id)
        await call(user_management.tracks.DeleteTrack, request, token=user_management.token(ann))
    await sql.execute("UPDATE tracks SET deleted_at = now() - interval '31 days' WHERE title = 'Old'")
    database = Database(open_engine(database_url, connections=2))
    swept = await sweep(database, ObjectStore.from_url("memory://"))
    await database.close()
    assert swept.tracks == 1
    assert await listed(user_management, ann, trashed=True) == ["New"]
    assert await listed(user_management, ann) == ["Kept"]


async def test_versions_are_the_whole_tree_of_ones_own(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    root = await make(user_management, ann, "Root")
    stem = await make(user_management, ann, "Stem", parent_id=root)
    master = await make(user_management, ann, "Master", parent_id=stem)
    sibling = await make(user_management, ann, "Sibling", parent_id=root)
    await make(user_management, ann, "Stranger")
    await make(user_management, ben, "Remix", parent_id=root)
    for track_id in (root, stem, master, sibling):
        request = tracks_pb2.ListVersionsRequest(track_id=track_id)
        answer = await call(user_management.tracks.ListVersions, request, token=user_management.token(ann))
        assert [track.content.title for track in answer.tracks] == ["Root", "Stem", "Master", "Sibling"]
    with pytest.raises(AppError) as refused:
        await call(
            user_management.tracks.ListVersions,
            tracks_pb2.ListVersionsRequest(track_id=root),
            token=user_management.token(ben),
        )
    assert refused.value.code is ErrorCode.NOT_FOUND
