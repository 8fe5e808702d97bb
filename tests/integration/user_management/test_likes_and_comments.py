"""What people do with tracks: counters under fire, words within limits, and who may take them away."""

import asyncio
import hashlib
import math
from typing import Any

import asyncpg
import pytest

from protos.users.v1 import jobs_pb2, social_pb2, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.user_management.social.rules import MOST_COMMENTS
from tests.support.social import Society, miscounted, strangers
from tests.support.user_management import Person, UserManagement

pytestmark = pytest.mark.integration


@pytest.fixture
def society(user_management: UserManagement) -> Society:
    return Society(user_management)


async def refused(asked: Any) -> ErrorCode:
    with pytest.raises(AppError) as error:
        await asked
    return error.value.code


async def test_a_like_is_counted_once_and_taken_back_once(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann)
    assert [await society.like(ben, track_id) for _ in range(2)] == [1, 1]
    assert (await society.get(ben, track_id)).liked
    assert not (await society.get(ann, track_id)).liked
    assert await society.like(ann, track_id) == 2
    assert [await society.like(ben, track_id, on=False) for _ in range(2)] == [1, 1]
    assert await miscounted(sql) == []


async def test_fifty_likes_and_unlikes_at_once_are_counted(society: Society, sql: asyncpg.Connection) -> None:
    ann = await society.join()
    track_id, other = await society.track(ann), await society.track(ann, "Sun")
    fans = await strangers(sql, 50)
    await asyncio.gather(*(society.like(fan, track_id) for fan in fans))
    assert (await society.get(ann, track_id)).likes == 50
    # The same people at once: half take it back, all of them twice, and go on to the other track.
    asked = [society.like(fan, track_id, on=False) for fan in fans[:25] for _ in range(2)]
    await asyncio.gather(*asked, *(society.like(fan, other) for fan in fans[25:] for _ in range(2)))
    likes = [(await society.get(ann, each)).likes for each in (track_id, other)]
    rows = await sql.fetch("SELECT track_id, count(*) AS n FROM likes GROUP BY track_id")
    print("100 likes and unlikes at once: counters", likes, "rows", sorted(row["n"] for row in rows))
    assert likes == [25, 25]
    assert await miscounted(sql) == []


async def test_what_one_cannot_hear_one_cannot_like(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann, public=False)
    for on in (True, False):
        assert await refused(society.like(ben, track_id, on)) is ErrorCode.NOT_FOUND
        assert await refused(society.like(ben, "nothing", on)) is ErrorCode.NOT_FOUND
    assert await society.like(ann, track_id) == 1
    await society.publish(ann, track_id)
    assert await society.like(ben, track_id) == 2
    await society.publish(ann, track_id, public=False)
    # What it is liked now is not told, but one's own like goes.
    assert await society.like(ben, track_id, on=False) == 0
    assert await refused(society.like(ben, track_id, on=False)) is ErrorCode.NOT_FOUND
    assert await miscounted(sql) == []


async def test_liked_tracks_come_latest_first_and_only_while_they_are_heard(society: Society) -> None:
    ann, ben = await society.join(), await society.join()
    made = {title: await society.track(ann, title) for title in ("a", "b", "c", "d")}
    for track_id in made.values():
        await society.like(ben, track_id)
    await society.publish(ann, made["c"], public=False)
    first, cursor = await society.liked(ben, limit=2)
    second, end = await society.liked(ben, limit=2, cursor=cursor)
    assert (first, second, end) == (["d", "b"], ["a"], "")
    assert (await society.liked(ann))[0] == []


async def test_comments_are_told_by_time_and_along_the_track(society: Society) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann)
    for body, at in (("end", 30.0), ("whole", None), ("start", 0.0), ("middle", 12.5), ("middle too", 12.5)):
        made = await society.say(ben, track_id, f"  {body}\r\n", **({} if at is None else {"position_seconds": at}))
        assert made.HasField("position_seconds") == (at is not None)
    order = social_pb2.COMMENT_ORDER_POSITION
    newest, along, cursors = [], [], ["", ""]
    for _ in range(3):
        page, cursors[0] = await society.said(ann, track_id, limit=2, cursor=cursors[0])
        newest += page
    for _ in range(2):
        page, cursors[1] = await society.said(ann, track_id, order, limit=2, cursor=cursors[1])
        along += page
    assert newest == ["middle too", "middle", "start", "whole", "end"]
    assert along == ["start", "middle", "middle too", "end"]
    assert cursors == ["", ""]
    assert (await society.get(ann, track_id)).comments == 5
    await society.mute(ann, ben)
    for way in (0, order):
        assert (await society.said(ann, track_id, way))[0] == []
        assert (await society.said(ben, track_id, way))[0] != [], "whoever is muted does not learn of it"


@pytest.mark.parametrize(
    ("body", "at", "pointer"),
    [
        ("", None, "/body"),
        (" \n\t ", None, "/body"),
        ("x" * 2_001, None, "/body"),
        ("\x00", None, "/body"),
        ("bell \x07", None, "/body"),
        ("ok", -0.001, "/position"),
        ("ok", 30.001, "/position"),
        ("ok", math.nan, "/position"),
        ("ok", math.inf, "/position"),
    ],
)
async def test_what_comments_must_not_be(society: Society, body: str, at: float | None, pointer: str) -> None:
    ann = await society.join()
    track_id = await society.track(ann)
    with pytest.raises(AppError) as error:
        await society.say(ann, track_id, body, **({} if at is None else {"position_seconds": at}))
    assert error.value.violations[0].pointer == pointer


async def test_only_authors_edit_and_only_they_and_the_owner_remove(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben, cat = await society.join(), await society.join(), await society.join()
    track_id, elsewhere = await society.track(ann), await society.track(cat)
    comment = await society.say(ben, track_id, "\N{MUSICAL NOTE} 東京 " + "e\u0301")
    assert comment.body == "\N{MUSICAL NOTE} 東京 \u00e9"

    async def edit(person: Person, track: str, body: str = "Other") -> social_pb2.Comment:
        request = social_pb2.EditCommentRequest(track_id=track, comment_id=comment.id, body=body)
        return (await call(society.service.social.EditComment, request, token=society.service.token(person))).comment

    for person, track in ((ann, track_id), (cat, track_id), (ben, elsewhere)):
        assert await refused(edit(person, track)) is ErrorCode.NOT_FOUND
    changed = await edit(ben, track_id)
    assert (changed.body, changed.HasField("edited_at")) == ("Other", True)
    assert await refused(society.remove(cat, comment)) is ErrorCode.NOT_FOUND
    # Whose track it is not owns nothing by naming another.
    astray = social_pb2.Comment(id=comment.id, track_id=elsewhere)
    assert await refused(society.remove(cat, astray)) is ErrorCode.NOT_FOUND
    await society.remove(ann, comment)
    assert await refused(society.remove(ben, comment)) is ErrorCode.NOT_FOUND
    own = await society.say(ben, track_id)
    await society.remove(ben, own)
    assert (await society.said(ann, track_id))[0] == []
    assert await miscounted(sql) == []


async def test_fifty_comments_with_one_key_are_one(society: Society, sql: asyncpg.Connection) -> None:
    ann = await society.join()
    track_id = await society.track(ann)
    key = jobs_pb2.Idempotency(route="POST x", key="k", body_sha256=hashlib.sha256(b"a").digest())
    made = await asyncio.gather(*(society.say(ann, track_id, "Once", idempotency=key) for _ in range(50)))
    assert len({comment.id for comment in made}) == 1
    assert await sql.fetchval("SELECT count(*) FROM comments") == 1
    elsewhere = await society.say(ann, await society.track(ann), "Once", idempotency=key)
    assert elsewhere.id != made[0].id
    await society.remove(ann, elsewhere)
    other = jobs_pb2.Idempotency(route="POST x", key="k", body_sha256=hashlib.sha256(b"b").digest())
    assert await refused(society.say(ann, track_id, "Other", idempotency=other)) is ErrorCode.IDEMPOTENCY_MISMATCH
    await society.remove(ann, made[0])
    assert await refused(society.say(ann, track_id, "Once", idempotency=key)) is ErrorCode.CONFLICT
    assert await miscounted(sql) == []


async def test_there_is_a_most_of_comments_also_at_once(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann)
    await sql.execute(
        "INSERT INTO comments (id, track_id, author_id, body)"
        " SELECT gen_random_uuid(), $1, $2, 'x' FROM generate_series(1, $3)",
        track_id,
        ben.id,
        MOST_COMMENTS - 2,
    )
    outcomes = await asyncio.gather(*(society.say(ben, track_id) for _ in range(10)), return_exceptions=True)
    made = [outcome for outcome in outcomes if isinstance(outcome, social_pb2.Comment)]
    assert len(made) == 2
    assert {error.code for error in outcomes if isinstance(error, AppError)} == {ErrorCode.CONFLICT}
    assert await sql.fetchval("SELECT count(*) FROM comments") == MOST_COMMENTS
    assert await miscounted(sql) == []


async def test_a_track_goes_with_what_was_said_and_liked(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann)
    await society.like(ben, track_id)
    await society.say(ben, track_id)
    for forever in (False, True):
        request = tracks_pb2.DeleteTrackRequest(track_id=track_id, forever=forever)
        await call(society.service.tracks.DeleteTrack, request, token=society.service.token(ann))
        assert (await society.profile(ben, ann.username)).tracks == 0
        assert await refused(society.said(ben, track_id)) is ErrorCode.NOT_FOUND
    left = [await sql.fetchval(f"SELECT count(*) FROM {name}") for name in ("likes", "comments", "track_standings")]
    assert left == [0, 0, 0]
    assert await sql.fetchval("SELECT count(*) FROM notifications") == 0
    assert await miscounted(sql) == []
