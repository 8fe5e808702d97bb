"""What people are told of: once, only what they want, live, and by mail."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from protos.common.v1 import common_pb2
from protos.users.v1 import notifications_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.storage import ObjectStore
from services.shared.user_feed import FeedEntry, read_feed
from services.user_management.background.cleanup import sweep
from services.user_management.database import Database, open_engine
from services.user_management.notifications.digest import send_digests
from services.user_management.notifications.unsubscribing import Unsubscribing
from tests.support.social import Society, strangers
from tests.support.user_management import Person, UserManagement, eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def society(user_management: UserManagement) -> Society:
    return Society(user_management)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(open_engine(database_url, connections=2))
    yield database
    await database.close()


async def told(society: Society, person: Person, **asked: Any) -> list[tuple[str, str]]:
    return [(item.kind, item.actor_username) for item in (await society.told(person, **asked)).notifications]


async def mark(society: Society, person: Person, ids: list[str]) -> int:
    request = notifications_pb2.MarkReadRequest(ids=ids)
    stub = society.service.notifications.MarkRead
    return (await call(stub, request, token=society.service.token(person))).unread


async def unread(society: Society, person: Person) -> int:
    request = notifications_pb2.CountUnreadRequest()
    stub = society.service.notifications.CountUnread
    return (await call(stub, request, token=society.service.token(person))).unread


async def test_people_are_told_what_others_do_once_and_never_of_themselves(society: Society) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann, "Rain")
    for on in (True, False, True):
        await society.tie(ben, ann, on=on)
        await society.like(ben, track_id, on)
    comment = await society.say(ben, track_id, "x" * 200)
    await society.like(ann, track_id)
    await society.say(ann, track_id, "Thanks")
    answer = await society.told(ann)
    assert [item.kind for item in answer.notifications] == ["comment", "like", "follow"]
    assert answer.unread == 3
    said, liked, followed = answer.notifications
    assert (said.comment_id, said.excerpt, said.track_title) == (comment.id, "x" * 140, "Rain")
    assert (liked.track_id, liked.comment_id, followed.track_id) == (track_id, "", "")
    assert {item.actor_username for item in answer.notifications} == {ben.username}
    assert await told(society, ben) == []
    # What is taken back is not told any more.
    await society.remove(ben, comment)
    assert await told(society, ann) == [("like", ben.username), ("follow", ben.username)]


async def test_lists_are_paged_and_read_by_their_owner_alone(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    fans = await strangers(sql, 5)
    for fan in fans:
        await society.tie(fan, ann)
    page = await society.told(ann, page=common_pb2.PageRequest(limit=2))
    first = [item.id for item in page.notifications]
    rest = await society.told(ann, page=common_pb2.PageRequest(limit=3, cursor=page.next_cursor))
    assert (len(rest.notifications), rest.next_cursor) == (3, "")
    assert await mark(society, ben, first) == 0
    assert await unread(society, ann) == 5
    assert await mark(society, ann, [*first, "nothing", "01a1ff6f-a417-72c2-b2d9-9695fbf576c9"]) == 3
    assert await told(society, ann, unread=True) == [("follow", fan.username) for fan in reversed(fans[:3])]
    read = (await society.told(ann)).notifications
    assert [item.HasField("read_at") for item in read] == [True, True, False, False, False]
    assert await mark(society, ann, []) == 0
    with pytest.raises(AppError) as error:
        await mark(society, ann, ["x"] * 101)
    assert error.value.code is ErrorCode.VALIDATION


async def test_people_are_told_only_what_they_want(society: Society) -> None:
    ann, ben, cat, dan = [await society.join() for _ in range(4)]
    track_id = await society.track(ann)
    await society.mute(ann, ben)
    await society.like(ben, track_id)
    await society.say(ben, track_id)
    assert await told(society, ann) == []
    assert await society.prefer(ann, like=False) == notifications_pb2.NotificationPreferences(
        follow=True, like=False, comment=True, invitation=True, digest="off", revision=1
    )
    await society.like(cat, track_id)
    await society.tie(cat, ann)
    assert await told(society, ann) == [("follow", cat.username)]
    assert (await society.prefer(ann, follow=False, comment=True, like=True)).follow is False
    await society.tie(dan, ann)
    await society.like(dan, track_id)
    assert await told(society, ann) == [("like", dan.username), ("follow", cat.username)]
    # Whoever is muted later is not shown, and counts no more; whoever is blocked is forgotten.
    await society.mute(ann, dan)
    assert (await society.told(ann)).unread == 1
    await society.block(ann, cat)
    await society.block(ann, cat, on=False)
    assert await told(society, ann) == []
    with pytest.raises(AppError) as error:
        await society.prefer(ann, digest="hourly")
    assert error.value.violations[0].pointer == "/digest"


async def test_fifty_at_once_are_told_once_each(society: Society, sql: asyncpg.Connection) -> None:
    ann = await society.join()
    track_id = await society.track(ann)
    fans = await strangers(sql, 25)
    await asyncio.gather(*(society.like(fan, track_id) for fan in fans for _ in range(2)))
    answer = await society.told(ann, page=common_pb2.PageRequest(limit=100))
    assert (len(answer.notifications), answer.unread) == (25, 25)


async def test_open_sockets_are_told_what_lists_say(society: Society, valkey: Redis) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann, "Rain")
    await society.say(ben, track_id, "Nice")

    async def entries() -> list[FeedEntry]:
        return [entry for entry in await read_feed(valkey, ann.id, "0-0") if entry.type == "notification"]

    [entry] = await eventually(entries, what="a notification in the feed")
    [listed] = (await society.told(ann)).notifications
    assert entry.data["id"] == listed.id
    assert entry.data["actor"] == {"id": ben.id, "username": ben.username, "display_name": ""}
    assert entry.data["track"] == {"id": track_id, "title": "Rain"}
    assert entry.data["comment"] == {"id": listed.comment_id, "excerpt": "Nice"}
    assert entry.data["read_at"] is None


async def test_old_notifications_are_swept(society: Society, sql: asyncpg.Connection, database: Database) -> None:
    ann = await society.join()
    for fan in await strangers(sql, 2):
        await society.tie(fan, ann)
    await sql.execute("UPDATE notifications SET created_at = now() - interval '91 days' WHERE actor_id = $1", fan.id)
    assert (await sweep(database, ObjectStore.from_url("memory://"))).notifications == 1
    assert len(await told(society, ann)) == 1


def digest_mails(folder: Path) -> list[tuple[str, str]]:
    """Recipients and texts of the digests that the courier has delivered."""
    mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in sorted(folder.glob("*.eml"))]
    return [(mail["To"], mail.get_content()) for mail in mails if mail["Subject"].startswith("What you missed")]


async def test_digest_sums_up_what_is_unread_and_only_for_proven_addresses(
    start_user_management: Any, sql: asyncpg.Connection, database: Database, tmp_path: Path
) -> None:
    service: UserManagement = await start_user_management(mail_dir=tmp_path / "outbox")
    society = Society(service)
    ann, ben, cat = [await society.join() for _ in range(3)]
    track_id = await society.track(ann, "Rain")
    await society.tie(ben, ann)
    for person in (ann, ben):
        await society.prefer(person, digest="daily")
    # What was before is not told again.
    for fan in await strangers(sql, 25):
        await society.like(fan, track_id)
    await society.say(ben, track_id, "Nice")
    due = "UPDATE notification_preferences SET digest_due_at = now() - interval '1 minute'"
    unsubscribing = Unsubscribing("k" * 32)
    await sql.execute(due)
    assert await send_digests(database, "https://music.example/", unsubscribing) == 0, "the address was never proven"
    await sql.execute("UPDATE users SET email_verified_at = now() WHERE id = $1 OR id = $2", ann.id, ben.id)
    # Its time begins anew with each digest, sent or not.
    assert await sql.fetchval("SELECT count(*) FROM notification_preferences WHERE digest_due_at > now()") == 2
    await society.like(cat, track_id)
    await society.say(ben, track_id, "Again")
    await sql.execute(due)
    outcomes = await asyncio.gather(
        *(send_digests(database, "https://music.example/", unsubscribing) for _ in range(4))
    )
    assert sum(outcomes) == 1, "one mail, whichever replica comes first; and none without news"

    async def delivered() -> list[tuple[str, str]]:
        return digest_mails(tmp_path / "outbox")

    [(recipient, text)] = await eventually(delivered, what="a digest")
    assert recipient == f"{ann.username}@example.com"
    assert f"- {ben.username} wrote about \N{LEFT DOUBLE QUOTATION MARK}Rain\N{RIGHT DOUBLE QUOTATION MARK}" in text
    assert f"- {cat.username} likes" in text
    assert text.count("\n- ") == 2
    link = unsubscribing.link("https://music.example", uuid.UUID(ann.id))
    assert link in text
    headers = message_from_bytes(next((tmp_path / "outbox").glob("*.eml")).read_bytes(), policy=policy.default)
    assert headers["List-Unsubscribe"] == f"<{link}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # Read, nothing is left to tell; off, nothing comes due.
    await mark(society, ann, [])
    await sql.execute(due)
    assert await send_digests(database, "https://music.example/", unsubscribing) == 0
    await society.prefer(ann, digest="off")
    assert await sql.fetchval("SELECT digest_due_at FROM notification_preferences WHERE person_id = $1", ann.id) is None


async def test_asking_for_the_same_digest_again_does_not_put_it_off(society: Society, sql: asyncpg.Connection) -> None:
    ann = await society.join()
    await society.prefer(ann, digest="weekly")
    query = "SELECT digest_due_at, digested_at FROM notification_preferences"
    before = await sql.fetchrow(query)
    await society.prefer(ann, digest="weekly", like=False)
    assert await sql.fetchrow(query) == before
    await society.prefer(ann, digest="daily")
    assert (await sql.fetchrow(query))["digest_due_at"] < before["digest_due_at"]
