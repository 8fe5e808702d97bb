"""What is said of a model's speed is the median of its latest songs."""

from __future__ import annotations

import asyncio
import math

import pytest
from redis.asyncio import Redis

from services.generation.speeds import ModelSpeeds, note_speed
from services.shared.ids import new_id
from services.shared.valkey import open_valkey

pytestmark = pytest.mark.integration


async def test_speed_is_the_median_of_the_latest_songs_whoever_made_them(redis: Redis) -> None:
    model, other = f"m{new_id()}", f"m{new_id()}"
    for _ in range(20):
        await note_speed(redis, model, 0.5)
    # As many at once as are kept: none of them is lost.
    await asyncio.gather(*(note_speed(redis, model, factor) for factor in range(1, 16)))
    await note_speed(redis, model, 1000.0)
    assert await redis.llen(f"mg:speed:{model}") == 15
    found = await ModelSpeeds(redis).of([model, other])
    assert list(found) == [model]
    # Which of the first ones the last pushed out is not told; the middle moves by one at most.
    assert found[model] in {8.0, 9.0}
    assert await redis.ttl(f"mg:speed:{model}") > 0


@pytest.mark.parametrize("nonsense", [0.0, -1.0, math.nan, math.inf])
async def test_nonsense_is_not_counted(redis: Redis, nonsense: float) -> None:
    model = f"m{new_id()}"
    await note_speed(redis, model, nonsense)
    assert await ModelSpeeds(redis).of([model]) == {}


async def test_without_valkey_nothing_is_known_and_nothing_fails() -> None:
    away = open_valkey("unix:///nonexistent/valkey.sock")
    await note_speed(away, "tone", 2.0)
    assert await ModelSpeeds(away).of(["tone"]) == {}
    await away.aclose()
