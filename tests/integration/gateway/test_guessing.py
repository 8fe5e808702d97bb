"""Guessing at passwords: held back whoever tries it, and told nothing by the time that an answer takes."""

import asyncio
import random
import statistics
import time
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from services.user_management.auth import passwords
from tests.support.account_server import PASSPHRASE, login, me

pytestmark = pytest.mark.integration

# What a hash costs; the services of other tests make cheaper ones.
HASHING = {name: getattr(passwords, name) for name in ("_MEMORY_KIB", "_PASSES")}


@pytest.mark.slow
async def test_a_thousand_wrong_passwords_are_slowed_down_and_lock_nobody_out(accounts: Any) -> None:
    async with accounts.somebody() as http:
        name = (await me(http))["username"]
        statuses: dict[int, int] = {}
        async with accounts.client() as attacker:
            for start in range(0, 1_000, 20):

                async def guess(number: int) -> int:
                    address = f"198.51.{number // 250}.{number % 250}"
                    answer = await attacker.post(
                        "/api/v1/auth/login",
                        json={"identifier": name, "password": f"wrong {number}"},
                        headers={"x-forwarded-for": address},
                    )
                    return answer.status_code

                for status in await asyncio.gather(*(guess(start + number) for number in range(20))):
                    statuses[status] = statuses.get(status, 0) + 1
            print("1,000 wrong passwords from 1,000 addresses:", statuses)
            # A busy machine turns some away before it looks at them.
            assert statuses.keys() <= {401, 429, 503, 504}
            # 50 an hour, and those that were under way when the count was full.
            assert statuses[401] <= 100
            assert statuses[429] > 800
            stranger = await attacker.post(
                "/api/v1/auth/login",
                json={"identifier": name, "password": PASSPHRASE},
                headers={"x-forwarded-for": "203.0.113.99"},
            )
            assert stranger.status_code == 429
            assert int(stranger.headers["retry-after"]) > 60
        # The owner comes from where the account was used before.
        assert (await login(accounts, name)).status_code == 200


async def test_guessing_from_one_address_is_held_back_whoever_is_guessed(accounts: Any) -> None:
    away = {"x-forwarded-for": "198.51.100.1"}
    async with accounts.client() as http:
        statuses = []
        for number in range(105):
            body = {"identifier": f"nobody{number}", "password": "wrong"}
            statuses.append((await http.post("/api/v1/auth/login", json=body, headers=away)).status_code)
    assert statuses[:100] == [401] * 100
    assert set(statuses[100:]) == {429}


PAIRS = 60


async def test_unknown_names_and_wrong_passwords_take_as_long(
    start_accounts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured is the work that the services do, which no other program on the machine makes longer: what is done for
    one kind of name only shows in it. Alternating, in an order drawn by chance, and judged by a permutation test.
    """
    for name, value in HASHING.items():
        monkeypatch.setattr(passwords, name, value // 4 if name == "_MEMORY_KIB" else value)
    accounts = await start_accounts()
    valkey = Redis.from_url(accounts.users.settings.redis_url)
    chance = random.Random(7)
    worked: dict[str, list[float]] = {"known": [], "unknown": []}
    async with accounts.somebody() as owner, accounts.client() as http:
        known = (await me(owner))["username"]

        async def refused(identifier: str, number: int) -> float:
            body = {"identifier": identifier, "password": "wrong"}
            began = time.process_time()
            answer = await http.post(
                "/api/v1/auth/login", json=body, headers={"x-forwarded-for": f"198.51.100.{number}"}
            )
            seconds = time.process_time() - began
            assert answer.status_code == 401, answer.text
            return seconds

        for number in range(PAIRS):
            if number % 20 == 0:
                async for key in valkey.scan_iter("mg:signin:*"):
                    await valkey.delete(key)
                await refused(known, 250)
                await refused("nobody", 251)
            pair = [("known", known), ("unknown", f"n{uuid.uuid4().hex[:12]}")]
            chance.shuffle(pair)
            for kind, identifier in pair:
                worked[kind].append(await refused(identifier, number))
    await valkey.aclose()
    hashed = await cost_of_a_hash()
    difference, likelihood = compared(worked["known"], worked["unknown"], chance)
    print(
        f"{PAIRS} pairs: median {statistics.median(worked['known']) * 1e3:.2f} ms of work for a known name, "
        f"{statistics.median(worked['unknown']) * 1e3:.2f} ms for an unknown one; p = {likelihood:.4f}; "
        f"one hash is {hashed * 1e3:.2f} ms"
    )
    assert likelihood > 0.001 or abs(difference) < 0.1 * hashed
    # What the test is for it would find: a name for which nothing is hashed.
    leaking = [max(0.0, seconds - hashed) for seconds in worked["unknown"]]
    difference, likelihood = compared(worked["known"], leaking, chance)
    assert likelihood <= 0.001
    assert abs(difference) >= 0.1 * hashed


async def cost_of_a_hash() -> float:
    """The work of one argon2 hash as the services make it now."""
    hasher = passwords.Passwords()
    stored, seconds = await hasher.hash(PASSPHRASE), []
    for _ in range(5):
        began = time.process_time()
        await hasher.verify(stored, "wrong")
        seconds.append(time.process_time() - began)
    hasher.close()
    return statistics.median(seconds)


def compared(one: Sequence[float], other: Sequence[float], chance: random.Random) -> tuple[float, float]:
    """The difference of the medians, and how likely one as large is if the labels mean nothing (permutation test)."""
    difference = statistics.median(one) - statistics.median(other)
    pairs, larger, draws = list(zip(one, other, strict=True)), 0, 2_000
    for _ in range(draws):
        drawn = [pair if chance.random() < 0.5 else pair[::-1] for pair in pairs]
        found = statistics.median(first for first, _ in drawn) - statistics.median(second for _, second in drawn)
        larger += abs(found) >= abs(difference)
    return difference, (larger + 1) / (draws + 1)


async def test_a_stolen_session_guesses_no_passwords_from_many_addresses(accounts: Any) -> None:
    async with accounts.somebody() as http:
        body = {"present_password": "wrong", "password": "another passphrase"}
        statuses = []
        for number in range(60):
            headers = {"x-forwarded-for": f"198.51.100.{number}"}
            answer = await http.post("/api/v1/auth/password/change", json=body, headers=headers)
            statuses.append(answer.status_code)
        assert statuses == [422] * 50 + [429] * 10
        # Signing in by the right password is not held up by it.
        assert (await login(accounts, (await me(http))["username"])).status_code == 200
