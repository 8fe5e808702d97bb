"""The feed, what everybody makes, and the search: what is in them, in which order, and what never is."""

from typing import Any

import asyncpg
import pytest

from protos.users.v1 import credentials_pb2, credentials_pb2_grpc, discovery_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from tests.support.social import Society, miscounted
from tests.support.user_management import UserManagement

pytestmark = pytest.mark.integration

NEW, USERS = discovery_pb2.EXPLORE_ORDER_NEW, discovery_pb2.SEARCH_KIND_USERS


@pytest.fixture
def society(user_management: UserManagement) -> Society:
    return Society(user_management)


async def violation(asked: Any) -> str:
    with pytest.raises(AppError) as error:
        await asked
    assert error.value.code is ErrorCode.VALIDATION
    return error.value.violations[0].pointer


async def test_feed_holds_what_the_followed_made_latest_first(society: Society) -> None:
    ann, ben, cat, dan = [await society.join() for _ in range(4)]
    for person in (ben, cat):
        await society.tie(ann, person)
    await society.track(ben, "b1")
    await society.track(cat, "c1")
    await society.track(dan, "d1")
    hidden = await society.track(ben, "b2", public=False)
    await society.track(cat, "c2")
    first, cursor = await society.feed(ann, limit=2)
    assert first == ["c2", "c1"]
    # What is made meanwhile does not move the pages that follow.
    await society.track(ben, "b3")
    assert await society.feed(ann, limit=2, cursor=cursor) == (["b1"], "")
    # What becomes public now is new now, and stays where it is however often that is done.
    await society.publish(ben, hidden)
    assert (await society.feed(ann))[0] == ["b2", "b3", "c2", "c1", "b1"]
    await society.track(cat, "c3")
    for public in (False, True):
        await society.publish(ben, hidden, public)
    assert (await society.feed(ann))[0] == ["c3", "b2", "b3", "c2", "c1", "b1"]
    await society.mute(ann, cat)
    assert (await society.feed(ann))[0] == ["b2", "b3", "b1"]
    for order in (NEW, discovery_pb2.EXPLORE_ORDER_UNSPECIFIED):
        assert not {"c1", "c2", "c3"} & set((await society.explore(ann, order))[0])
        assert {"c1", "c2", "c3"} <= set((await society.explore(dan, order))[0])
    # Whoever looks for it finds it.
    assert (await society.search(ann, "c1"))[0] == ["c1"]
    await society.mute(ann, cat, on=False)
    await society.tie(ann, ben, on=False)
    assert (await society.feed(ann))[0] == ["c3", "c2", "c1"]
    assert (await society.feed(dan))[0] == []


async def test_trending_is_what_is_liked_these_days(society: Society, sql: asyncpg.Connection) -> None:
    ann, ben, cat = await society.join(), await society.join(), await society.join()
    made = {title: await society.track(ann, title) for title in ("old", "new", "liked", "never")}
    await society.track(ann, "private", public=False)
    for person in (ben, cat):
        await society.like(person, made["old"])
    await society.like(ben, made["liked"])
    # Two likes of five weeks ago and an old age weigh less than one of now.
    await sql.execute("UPDATE likes SET created_at = now() - interval '35 days' WHERE track_id = $1", made["old"])
    await sql.execute(
        "UPDATE track_standings SET listed_at = now() - interval '35 days',"
        " heat = 3 * heat_at(now() - interval '35 days') WHERE track_id = $1",
        made["old"],
    )
    assert (await society.explore(cat))[0] == ["liked", "never", "new", "old"]
    seen, cursor = [], ""
    for _ in range(4):
        page, cursor = await society.explore(cat, limit=1, cursor=cursor)
        seen += page
    assert (seen, cursor) == (["liked", "never", "new", "old"], "")
    for person in (ben, cat, ann):
        await society.like(person, made["old"])
    assert (await society.explore(cat))[0][0] == "liked", "a like that was there is not new"
    await society.like(cat, made["old"], on=False)
    await society.like(cat, made["old"])
    assert (await society.explore(cat))[0][0] in {"old", "liked"}
    assert await miscounted(sql) == []


async def test_explore_filters_by_tags_and_shows_new_ones(society: Society) -> None:
    ann, ben = await society.join(), await society.join()
    await society.track(ann, "a", tags=["lofi", "calm"])
    await society.track(ann, "b", tags=["lofi"])
    await society.track(ben, "c", tags=["epic"])
    assert (await society.explore(ben, NEW))[0] == ["c", "b", "a"]
    assert (await society.explore(ben, NEW, ("LoFi ",)))[0] == ["b", "a"]
    assert (await society.explore(ben, NEW, ("lofi", "calm")))[0] == ["a"]
    assert (await society.explore(ben, tags=("epic",)))[0] == ["c"]
    assert (await society.explore(ben, tags=("' OR 1=1",)))[0] == []
    _, cursor = await society.explore(ben, NEW, limit=1)
    assert await violation(society.explore(ben, cursor=cursor)) == "/cursor"
    request = discovery_pb2.ListTrendingTagsRequest()
    answer = await call(society.service.discovery.ListTrendingTags, request, token=society.service.token(ann))
    assert [(item.tag, item.tracks) for item in answer.tags] == [("lofi", 2), ("calm", 1), ("epic", 1)]


async def test_search_finds_public_tracks_best_first(society: Society) -> None:
    ann, ben = await society.join(), await society.join()
    rain = await society.track(ann, "Rain on tin", prompt="piano", tags=["lofi"])
    await society.track(ann, "Tin roof", prompt="soft rain, guitar", tags=["lofi", "calm"])
    await society.track(ann, "Rainbow", public=False)
    assert (await society.search(ben, "rain"))[0] == ["Rain on tin", "Tin roof"]
    assert (await society.search(ben, "RAI tin pia"))[0] == ["Rain on tin"]
    assert (await society.search(ben, "rain", tags=["calm"]))[0] == ["Tin roof"]
    assert (await society.search(ann, "rainbow"))[0] == [], "one's own are in the library"
    assert (await society.search(ben, "rain' | 'x:* & !y"))[0] == []
    first, cursor = await society.search(ben, "rain", limit=1)
    second, end = await society.search(ben, "rain", limit=1, cursor=cursor)
    assert (first, second, end) == (["Rain on tin"], ["Tin roof"], "")
    await society.publish(ann, rain, public=False)
    assert (await society.search(ben, "rain"))[0] == ["Tin roof"]
    for text in ("", "  ", "!?", "x" * 201):
        assert await violation(society.search(ben, text)) == "/q"
    assert await violation(society.search(ben, "rain", cursor="x")) == "/cursor"


async def test_search_finds_people_by_their_names(society: Society, sql: asyncpg.Connection) -> None:
    ann = await society.join("lady-ann")
    other, known = await society.join("ann_the_other"), await society.join("annika")
    stub = credentials_pb2_grpc.CredentialServiceStub(society.service.channel)
    change = credentials_pb2.UpdateProfileRequest(display_name="Änne Rain")
    await call(stub.UpdateProfile, change, token=society.service.token(ann))
    await society.tie(other, known)
    assert (await society.search(known, "ann", USERS))[0] == ["annika", "ann_the_other", "lady-ann"]
    assert (await society.search(known, "änn", USERS))[0] == ["lady-ann"]
    assert (await society.search(known, "ann_the_other", USERS))[0] == ["ann_the_other"]
    first, cursor = await society.search(known, "ann", USERS, limit=2)
    assert await society.search(known, "ann", USERS, limit=2, cursor=cursor) == (["lady-ann"], "")
    assert len(first) == 2
    assert await violation(society.search(known, "ann", USERS, tags=["x"])) == "/tag"
    await sql.execute("UPDATE users SET suspended_at = now() WHERE id = $1", other.id)
    await society.block(known, ann)
    assert (await society.search(known, "ann", USERS))[0] == ["annika"]
    assert (await society.search(ann, "annika", USERS))[0] == []


async def test_a_persons_tracks_are_paged_and_public(society: Society) -> None:
    ann, ben = await society.join(), await society.join()
    for title in ("a", "b", "c"):
        await society.track(ann, title)
    await society.track(ann, "private", public=False)
    first, cursor = await society.tracks_of(ben, ann, limit=2)
    assert (first, await society.tracks_of(ben, ann, cursor=cursor)) == (["c", "b"], (["a"], ""))
    assert (await society.tracks_of(ann, ann))[0] == ["c", "b", "a"], "as everybody sees them"
