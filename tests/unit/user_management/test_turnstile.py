import asyncio
import random

import pytest

from services.shared.deadlines import bind_deadline
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal, acting_as
from services.user_management.turnstile import Turnstile

ANN = Principal("ann", "user")
WORKER = Principal("service:worker", "service")


class Crowd:
    """Callers who hold their place until they are let go."""

    def __init__(self, turnstile: Turnstile) -> None:
        self.turnstile = turnstile
        self.go = asyncio.Event()
        self.inside = 0
        self.most_inside = 0
        self.passed: list[int] = []

    async def call(self, number: int, *, spared: bool = False) -> None:
        async with self.turnstile.passed(spared=spared):
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.passed.append(number)
            try:
                await self.go.wait()
            finally:
                self.inside -= 1

    def come(self, count: int, principal: Principal | None = ANN, **options: bool) -> list[asyncio.Task[None]]:
        first = len(asyncio.all_tasks())
        if principal is None:
            return [asyncio.create_task(self.call(first + number, **options)) for number in range(count)]
        with acting_as(principal):
            return [asyncio.create_task(self.call(first + number, **options)) for number in range(count)]


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def codes(outcomes: list[object]) -> list[str]:
    return [error.code.value for error in outcomes if isinstance(error, AppError)]


async def test_those_beyond_the_line_are_turned_away_and_the_others_pass_in_order() -> None:
    turnstile = Turnstile(2, 3)
    crowd = Crowd(turnstile)
    tasks = crowd.come(20)
    await settle()
    # Nobody waits beyond the line: whoever found it full has been answered while the first still hold their places.
    assert [task.done() for task in tasks] == [False] * 5 + [True] * 15
    assert turnstile.waiting == 3
    crowd.go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert codes(outcomes) == [ErrorCode.OVERLOADED.value] * 15
    assert crowd.passed == sorted(crowd.passed)
    assert crowd.most_inside == 2
    assert (turnstile.free, turnstile.waiting) == (2, 0)


@pytest.mark.parametrize("principal", [WORKER, None])
async def test_services_and_loops_always_wait(principal: Principal | None) -> None:
    turnstile = Turnstile(1, 1)
    crowd = Crowd(turnstile)
    tasks = crowd.come(2) + crowd.come(3, principal) + crowd.come(2, ANN, spared=True)
    await settle()
    assert not any(task.done() for task in tasks)
    crowd.go.set()
    await asyncio.gather(*tasks)
    assert turnstile.free == 1


async def test_what_would_be_too_late_is_refused_at_once() -> None:
    now = 0.0
    turnstile = Turnstile(1, 100, clock=lambda: now)
    with acting_as(ANN):
        for _ in range(200):
            async with turnstile.passed():
                now += 2.0
    crowd = Crowd(turnstile)
    crowd.come(1)
    await settle()
    with acting_as(ANN):
        bind_deadline(1.0)
        with pytest.raises(AppError) as refused:
            await crowd.call(0)
        bind_deadline(60.0)
        task = asyncio.create_task(crowd.call(1))
        bind_deadline(None)
    await settle()
    assert refused.value.code is ErrorCode.OVERLOADED
    assert turnstile.waiting == 1
    crowd.go.set()
    await task


async def test_leaving_half_way_gives_the_place_on() -> None:
    turnstile = Turnstile(2, 50)
    crowd = Crowd(turnstile)
    tasks = crowd.come(30)
    draw = random.Random(3)
    while any(not task.done() for task in tasks):
        # Both at once: those inside go, and some of those in line leave, also in the very moment of their turn.
        for task in draw.sample(tasks, 8):
            task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    await settle()
    assert (turnstile.free, turnstile.waiting) == (2, 0)
    crowd.go.set()
    await asyncio.gather(*crowd.come(2))


async def test_place_that_fell_to_somebody_who_left_goes_to_the_next() -> None:
    turnstile = Turnstile(1, 5)
    crowd = Crowd(turnstile)
    first, second, third = crowd.come(3)
    await settle()
    # The place is given to the second, who is cancelled before running.
    first.cancel()
    await asyncio.sleep(0)
    second.cancel()
    await settle()
    assert crowd.inside == 1
    crowd.go.set()
    await third
    assert turnstile.free == 1
