"""Profiles, follow, block and mute: who sees whom, and counters that are right whatever happens at once."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from protos.users.v1 import credentials_pb2, credentials_pb2_grpc, social_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.storage import ObjectStore
from services.user_management.accounts.farewell import Farewell
from services.user_management.database import Database, open_engine
from services.user_management.social import rules
from services.user_management.social.people import MOST_TIES
from services.user_management.social.removal import AT_ONCE, some_removed
from tests.support.social import Society, miscounted, strangers
from tests.support.user_management import UserManagement

pytestmark = pytest.mark.integration

FOLLOWERS, FOLLOWING = social_pb2.CIRCLE_FOLLOWERS, social_pb2.CIRCLE_FOLLOWING


@pytest.fixture
def society(user_management: UserManagement) -> Society:
    return Society(user_management)


async def refused(asked: Any) -> ErrorCode:
    with pytest.raises(AppError) as error:
        await asked
    return error.value.code


async def test_profile_says_what_its_owner_wrote_and_how_one_stands(society: Society) -> None:
    ann, ben = await society.join(), await society.join()
    stub = credentials_pb2_grpc.CredentialServiceStub(society.service.channel)
    change = credentials_pb2.UpdateProfileRequest(
        full_name="Ann Example",
        display_name="  Änn ",
        bio="I make\nrain.",
        links=["https://example.org/~ann", "https://example.org/~ann"],
        set_links=True,
    )
    user = (await call(stub.UpdateProfile, change, token=society.service.token(ann))).user
    assert (user.full_name, user.display_name, user.bio) == ("Ann Example", "Änn", "I make\nrain.")
    await society.track(ann)
    await society.track(ann, public=False)
    await society.tie(ben, ann)
    seen = await society.profile(ben, ann.username.upper())
    assert (seen.display_name, seen.bio, list(seen.links)) == ("Änn", "I make\nrain.", ["https://example.org/~ann"])
    assert (seen.followers, seen.following, seen.tracks) == (1, 0, 1)
    assert (seen.followed, seen.follows_caller, seen.blocked, seen.muted) == (True, False, False, False)
    assert "Example" not in str(seen), "the name of the account is nobody else's business"
    back = await society.profile(ann, ben.username)
    assert (back.followed, back.follows_caller, back.following) == (False, True, 1)
    # What is not sent stays.
    again = (
        await call(stub.UpdateProfile, credentials_pb2.UpdateProfileRequest(), token=society.service.token(ann))
    ).user
    assert (again.display_name, list(again.links)) == ("Änn", ["https://example.org/~ann"])


async def test_following_twice_is_following_once(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    for _ in range(2):
        await society.tie(ann, ben)
    assert (await society.profile(ann, ben.username)).followers == 1
    for _ in range(2):
        await society.tie(ann, ben, on=False)
    assert (await society.profile(ann, ben.username)).followers == 0
    assert await miscounted(sql) == []


async def test_nobody_ties_themselves_or_nobody(society: Society) -> None:
    ann = await society.join()
    for tie in (social_pb2.TIE_FOLLOW, social_pb2.TIE_BLOCK, social_pb2.TIE_MUTE):
        assert await refused(society.tie(ann, ann, tie)) is ErrorCode.CONFLICT
        for on in (True, False):
            for name in ("nobody-here", "", "\0", "x" * 5_000, "' OR 1=1 --"):
                assert await refused(society.tie(ann, name, tie, on)) is ErrorCode.NOT_FOUND
    assert await refused(society.tie(ann, ann, social_pb2.TIE_UNSPECIFIED)) is ErrorCode.VALIDATION


async def test_circles_are_paged_latest_first(society: Society) -> None:
    ann = await society.join()
    fans = [await society.join() for _ in range(5)]
    for fan in fans:
        await society.tie(fan, ann)
        await society.tie(ann, fan)
    names = [fan.username for fan in reversed(fans)]
    for circle in (FOLLOWERS, FOLLOWING):
        found, cursor = await society.people(fans[0], circle, ann.username, limit=2)
        seen = found
        while cursor:
            found, cursor = await society.people(fans[0], circle, ann.username, limit=2, cursor=cursor)
            seen = seen + found
        assert seen == names
    _, cursor = await society.people(ann, FOLLOWERS, limit=1)
    assert await refused(society.people(ann, FOLLOWING, cursor=cursor)) is ErrorCode.VALIDATION


async def test_whoever_is_blocked_sees_nothing_and_does_nothing(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann, "Rain")
    for one, other in ((ann, ben), (ben, ann)):
        await society.tie(one, other)
    comment = await society.say(ben, track_id, "Mine")
    await society.like(ben, track_id)
    await society.block(ann, ben)
    # Both have stopped to follow.
    assert await sql.fetchval("SELECT count(*) FROM follows") == 0
    for asked in (
        society.profile(ben, ann.username),
        society.tie(ben, ann),
        society.mute(ben, ann),
        society.people(ben, FOLLOWERS, ann.username),
        society.tracks_of(ben, ann),
        society.get(ben, track_id),
        society.like(ben, track_id),
        society.say(ben, track_id),
        society.said(ben, track_id),
    ):
        assert await refused(asked) is ErrorCode.NOT_FOUND
    assert (await society.explore(ben))[0] == []
    assert (await society.search(ben, "rain"))[0] == []
    assert (await society.liked(ben))[0] == []
    # The other does not meet them in lists either, and sees whom they block.
    assert (await society.said(ann, track_id))[0] == []
    assert (await society.people(ann, social_pb2.CIRCLE_BLOCKED))[0] == [ben.username]
    assert (await society.people(ben, social_pb2.CIRCLE_BLOCKED))[0] == []
    assert (await society.profile(ann, ben.username)).blocked
    # Words and likes of one's own can be taken back.
    await society.remove(ben, comment)
    assert await society.like(ben, track_id, on=False) == 0
    await society.block(ann, ben, on=False)
    assert (await society.get(ben, track_id)).likes == 0
    assert await miscounted(sql) == []


async def test_whoever_is_shut_out_or_leaves_is_nowhere(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben, cat = await society.join(), await society.join(), await society.join()
    track_id = await society.track(ann, "Rain")
    await society.tie(ben, ann)
    await society.tie(ann, ben)
    other = await society.track(cat, "Sun")
    await society.say(ann, other, "Hello")
    for column in ("suspended_at", "deletion_due_at"):
        await sql.execute(f"UPDATE users SET {column} = now() + interval '1 day' WHERE id = $1", ann.id)
        assert await refused(society.profile(ben, ann.username)) is ErrorCode.NOT_FOUND
        assert await refused(society.get(ben, track_id)) is ErrorCode.NOT_FOUND
        assert (await society.feed(ben))[0] == []
        assert (await society.explore(ben))[0] == ["Sun"]
        assert (await society.search(ben, "rain"))[0] == []
        assert (await society.people(cat, FOLLOWERS, ben.username))[0] == []
        assert (await society.said(ben, other))[0] == []
        assert await miscounted(sql) == []
        await sql.execute(f"UPDATE users SET {column} = NULL WHERE id = $1", ann.id)
        assert (await society.feed(ben))[0] == ["Rain"]
        assert (await society.profile(ben, ann.username)).tracks == 1
    assert await miscounted(sql) == []


async def test_following_whoever_left_can_be_undone(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    await society.tie(ann, ben)
    await sql.execute("UPDATE users SET suspended_at = now() WHERE id = $1", ben.id)
    await society.tie(ann, ben, on=False)
    assert await refused(society.tie(ann, ben, on=False)) is ErrorCode.NOT_FOUND
    assert await miscounted(sql) == []


async def test_an_account_goes_with_everything_that_it_counted_for(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ann)
    own = await society.track(ben)
    await society.tie(ben, ann)
    await society.tie(ann, ben)
    await society.like(ben, track_id)
    await society.like(ann, own)
    await society.say(ben, track_id)
    await society.block(ann, await society.join())
    await sql.execute("DELETE FROM users WHERE id = $1", ben.id)
    seen = await society.get(ann, track_id)
    assert (seen.likes, seen.comments) == (0, 0)
    assert (await society.profile(ann, ann.username)).followers == 0
    assert await sql.fetchval(
        "SELECT abs(heat / heat_at(listed_at) - 1) < 1e-9 FROM track_standings WHERE track_id = $1", track_id
    )
    assert await miscounted(sql) == []


async def test_an_account_with_many_deeds_goes_in_parts(
    society: Society, sql: asyncpg.Connection, database_url: str
) -> None:
    ann, ben = await society.join(), await society.join()
    track_id = await society.track(ben)
    await society.like(ann, track_id)
    await society.say(ann, track_id)
    await strangers(sql, 2 * AT_ONCE)
    await sql.execute(
        "INSERT INTO follows (person_id, other_id) SELECT id, $1 FROM users WHERE username LIKE 'fan-%'", ann.id
    )
    await sql.execute("UPDATE users SET deletion_due_at = now() - interval '1 minute' WHERE id = $1", ann.id)
    database = Database(open_engine(database_url, connections=2))
    parts = [await database.write(lambda connection: some_removed(connection, UUID(ann.id))) for _ in range(2)]
    assert parts == [AT_ONCE, AT_ONCE]
    assert await miscounted(sql) == []
    assert await Farewell(database, ObjectStore.from_url("memory://")).once() == 1
    await database.close()
    assert await sql.fetchval("SELECT count(*) FROM users WHERE id = $1", ann.id) == 0
    seen = await society.get(ben, track_id)
    assert (seen.likes, seen.comments) == (0, 0)
    assert await miscounted(sql) == []


async def test_fifty_follows_and_unfollows_at_once_are_counted(society: Society, sql: asyncpg.Connection) -> None:
    ann = await society.join()
    fans = [await society.join() for _ in range(10)]
    # Everybody, both ways, on and off: locks are taken in one order, or this would not end.
    await asyncio.gather(*(society.tie(fan, ann) for fan in fans for _ in range(3)))
    await asyncio.gather(
        *(society.tie(ann, fan, on=number % 2 == 0) for number, fan in enumerate(fans)),
        *(society.tie(fan, ann, on=number % 3 == 0) for number, fan in enumerate(fans)),
    )
    assert await miscounted(sql) == []
    seen = await society.profile(fans[0], ann.username)
    assert (seen.followers, seen.following) == (4, 5)


async def test_a_block_and_a_follow_at_once_leave_no_follower(society: Society, sql: asyncpg.Connection) -> None:
    pairs = [(await society.join(), await society.join()) for _ in range(10)]
    await asyncio.gather(
        *(
            asked
            for ann, ben in pairs
            for asked in (society.block(ann, ben), society.tie(ben, ann), society.tie(ann, ben))
        ),
        return_exceptions=True,
    )
    assert await sql.fetchval("SELECT count(*) FROM blocks") == len(pairs)
    hers = "SELECT count(*) FROM follows f JOIN blocks b ON b.person_id = f.other_id AND b.other_id = f.person_id"
    assert await sql.fetchval(hers) == 0
    assert await miscounted(sql) == []


async def test_there_is_a_most_of_ties(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben, cat = await society.join(), await society.join(), await society.join()
    await sql.execute(
        "INSERT INTO users (id, username, email, email_folded)"
        " SELECT gen_random_uuid(), 'many' || n, 'm' || n, 'm' || n FROM generate_series(2, $1) n",
        MOST_TIES,
    )
    await sql.execute(
        "INSERT INTO follows (person_id, other_id) SELECT $1, id FROM users WHERE username LIKE 'many%'", ann.id
    )
    await society.tie(ann, ben)
    assert await refused(society.tie(ann, cat)) is ErrorCode.CONFLICT
    await society.tie(ann, ben)
    assert await miscounted(sql) == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"display_name": "x" * 51}, "/display_name"),
        ({"display_name": "two\nlines"}, "/display_name"),
        ({"display_name": "\u202eadmin"}, "/display_name"),
        ({"bio": "x" * 1_001}, "/bio"),
        ({"bio": "\x07"}, "/bio"),
        ({"links": ["javascript:alert(1)"]}, "/links/0"),
        ({"links": ["https://ok.example", "http://plain.example"]}, "/links/1"),
        ({"links": ["https://user:pw@evil.example"]}, "/links/0"),
        ({"links": ["https://[::1]/"]}, "/links/0"),
        ({"links": ["https://10.0.0.1/"]}, "/links/0"),
        ({"links": ["https://a.example/\nx"]}, "/links/0"),
        ({"links": ["https://a.example:99999/"]}, "/links/0"),
        ({"links": ["https://a.example/" + "x" * 200]}, "/links/0"),
        ({"links": [f"https://a.example/{n}" for n in range(rules.MOST_LINKS + 1)]}, "/links"),
    ],
)
async def test_what_profiles_must_not_say(society: Society, changes: dict[str, Any], pointer: str) -> None:
    ann = await society.join()
    stub = credentials_pb2_grpc.CredentialServiceStub(society.service.channel)
    request = credentials_pb2.UpdateProfileRequest(**changes, set_links="links" in changes)
    with pytest.raises(AppError) as error:
        await call(stub.UpdateProfile, request, token=society.service.token(ann))
    assert error.value.violations[0].pointer == pointer
