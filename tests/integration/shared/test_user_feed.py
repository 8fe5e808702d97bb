"""A person's feed in a real Valkey."""

import uuid

import pytest
from redis.asyncio import Redis

from services.shared.user_feed import FEED_CHANNEL, KEPT, feed_position, publish_to_feed, read_feed
from services.shared.valkey import as_text

pytestmark = pytest.mark.integration


@pytest.fixture
def user_id() -> str:
    return str(uuid.uuid4())


async def test_entries_come_in_order_after_a_position(redis: Redis, user_id: str) -> None:
    start, resumed = await feed_position(redis, user_id)
    assert not resumed
    for number in range(3):
        await publish_to_feed(redis, user_id, "status", {"number": number}, "job")
    entries = await read_feed(redis, user_id, start)
    assert [(entry.type, entry.job_id, entry.data["number"]) for entry in entries] == [
        ("status", "job", 0),
        ("status", "job", 1),
        ("status", "job", 2),
    ]
    assert [entry.data["number"] for entry in await read_feed(redis, user_id, entries[0].entry_id)] == [1, 2]
    assert await feed_position(redis, user_id, entries[1].entry_id) == (entries[1].entry_id, True)
    assert await feed_position(redis, user_id) == (entries[2].entry_id, False)


async def test_position_whose_followers_were_trimmed_is_lost(redis: Redis, user_id: str) -> None:
    await publish_to_feed(redis, user_id, "status", {})
    first = (await read_feed(redis, user_id, "0-0"))[0].entry_id
    for _ in range(KEPT + 1):
        await publish_to_feed(redis, user_id, "status", {})
    last = (await read_feed(redis, user_id, "0-0", count=KEPT))[-1].entry_id
    assert await feed_position(redis, user_id, first) == (last, False)
    assert await feed_position(redis, user_id, last) == (last, True)


@pytest.mark.parametrize("wanted", ["x", "1", "1-0", "99999999999999999-0", "9" * 40 + "-0", "-", "1-0\n", "\u0661-0"])
async def test_positions_of_no_feed_begin_at_its_end(redis: Redis, user_id: str, wanted: str) -> None:
    await publish_to_feed(redis, user_id, "status", {})
    last = (await read_feed(redis, user_id, "0-0"))[-1].entry_id
    assert await feed_position(redis, user_id, wanted) == (last, False)


async def test_position_given_before_the_first_entry_finds_it(redis: Redis, user_id: str) -> None:
    start, _ = await feed_position(redis, user_id)
    await publish_to_feed(redis, user_id, "notification", {"text": "hello"})
    position, resumed = await feed_position(redis, user_id, start)
    assert resumed
    assert [entry.type for entry in await read_feed(redis, user_id, position)] == ["notification"]


async def test_feed_expires_and_its_growth_is_announced(redis: Redis, user_id: str) -> None:
    pubsub = redis.pubsub()
    await pubsub.subscribe(FEED_CHANNEL)
    while (await pubsub.get_message(timeout=5))["type"] != "subscribe":
        pass
    await publish_to_feed(redis, user_id, "status", {})
    heard: list[str] = []
    while user_id not in heard:
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
        assert message is not None
        heard.append(as_text(message["data"]))
    await pubsub.aclose()
    assert 0 < await redis.ttl(f"mg:feed:{{{user_id}}}") <= 3_600
