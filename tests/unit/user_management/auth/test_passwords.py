import asyncio
import time

import argon2
import pytest

from services.shared.errors import AppError, ErrorCode
from services.user_management.auth.passwords import Passwords


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(threads=2, queue=4)


async def test_password_matches_its_own_hash_only(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "wrong horse")
    assert not await passwords.verify("no hash at all", "correct horse")
    assert not passwords.is_outdated(stored)


async def test_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse")
    assert passwords.is_outdated(weaker)
    assert await passwords.verify(weaker, "correct horse")


async def test_unknown_account_takes_as_long_as_a_wrong_password(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")

    async def took(hash_: str | None) -> float:
        begun = time.perf_counter()
        assert not await passwords.verify(hash_, "wrong horse")
        return time.perf_counter() - begun

    # The shortest of several turns: on a busy machine only that one measures the work.
    pairs = [(await took(stored), await took(None)) for _ in range(12)]
    known, unknown = (min(times) for times in zip(*pairs, strict=True))
    assert 0.5 < unknown / known < 2


async def test_loop_goes_on_while_passwords_are_checked(passwords: Passwords) -> None:
    checks = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(6)]
    turns = 0
    while not all(check.done() for check in checks):
        await asyncio.sleep(0)
        turns += 1
    await asyncio.gather(*checks)
    assert turns > 100


async def test_crowd_beyond_the_queue_is_turned_away() -> None:
    small = Passwords(threads=1, queue=1)
    checks = [asyncio.create_task(small.hash("correct horse")) for _ in range(5)]
    outcomes = await asyncio.gather(*checks, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, AppError)]
    assert len(refused) == 3
    assert {error.code for error in refused} == {ErrorCode.UNAVAILABLE}
    assert await small.hash("correct horse")
    small.close()
