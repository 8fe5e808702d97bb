"""Tiers: what an account may make in a day and a month, keep, and have run at once; exact under concurrency."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.user_management.quotas.tiers import Tiers, check_jobs, check_span, day_start, month_start
from tests.support.account_server import AccountServer, login
from tests.support.user_management import Person, claimed

pytestmark = pytest.mark.integration

TIERS = """
tiers:
  standard: { day_seconds: null, month_seconds: null, stored_bytes: null, jobs: null }
  small: { day_seconds: 100, month_seconds: 150, stored_bytes: 1000, jobs: null }
  few: { day_seconds: null, month_seconds: null, stored_bytes: null, jobs: 3 }
"""


@pytest_asyncio.fixture
async def accounts(start_accounts: Any, tmp_path: Path) -> AccountServer:
    path = tmp_path / "tiers.yaml"
    path.write_text(TIERS)
    return await start_accounts(tiers_file=path)


async def somebody(accounts: AccountServer, sql: asyncpg.Connection, tier: str) -> tuple[Person, httpx.AsyncClient]:
    person = await accounts.users.sign_up()
    await sql.execute("UPDATE quota_accounts SET tier = $1 WHERE owner_id = $2", tier, person.id)
    return person, accounts.client(person.tokens.access_token)


async def usage(http: httpx.AsyncClient) -> Any:
    return (await http.get("/api/v1/users/me/usage")).json()


async def asked(accounts: AccountServer, person: Person, **fields: Any) -> bool:
    """Whether a job was taken."""
    try:
        await accounts.users.create(person, **fields)
    except AppError as error:
        if error.code is not ErrorCode.QUOTA_EXCEEDED:
            raise
        return False
    return True


async def balanced(sql: asyncpg.Connection, person: Person) -> bool:
    return await sql.fetchval(
        "SELECT balance_ms = (SELECT sum(amount_ms) FROM quota_entries e WHERE e.owner_id = a.owner_id) "
        "FROM quota_accounts a WHERE owner_id = $1",
        person.id,
    )


async def test_a_day_holds_so_much_however_many_ask_at_once(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, http = await somebody(accounts, sql, "small")
    async with http:
        taken = await asyncio.gather(*(asked(accounts, ann, reserve_seconds=10) for _ in range(30)))
        assert taken.count(True) == 10
        found = await usage(http)
        assert (found["tier"], found["day_seconds"], found["day_seconds_limit"]) == ("small", 100.0, 100.0)
        assert (found["month_seconds"], found["month_seconds_limit"], found["jobs"]) == (100.0, 150.0, 10)
        assert await balanced(sql, ann)


async def test_what_was_not_made_may_be_asked_for_again(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, http = await somebody(accounts, sql, "small")
    async with http:
        job = await accounts.users.create(ann, reserve_seconds=100)
        assert not await asked(accounts, ann, reserve_seconds=1)
        await http.post(f"/api/v1/jobs/{job.id}/cancel")
        assert (await usage(http))["day_seconds"] == 0
        assert await asked(accounts, ann, reserve_seconds=60)
        leased = await claimed(accounts.users)
        request = jobs_pb2.CompleteRequest(
            job_id=leased.job.id, lease_id=leased.lease_id, fencing_token=leased.fencing_token, made_seconds=40
        )
        await call(accounts.users.jobs.Complete, request)
        assert (await usage(http))["day_seconds"] == 40
        assert not await asked(accounts, ann, reserve_seconds=61)
        assert await asked(accounts, ann, reserve_seconds=60)
        assert await balanced(sql, ann)


async def test_yesterday_counts_for_the_month_alone(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, http = await somebody(accounts, sql, "small")
    async with http:
        assert await asked(accounts, ann, reserve_seconds=100)
        now = await sql.fetchval("SELECT now()")
        before = day_start(now) if now.day > 1 else month_start(now)
        await sql.execute(
            "UPDATE quota_entries SET created_at = $2::timestamptz - interval '1 second' "
            "WHERE owner_id = $1 AND kind = 'reserve'",
            ann.id,
            before,
        )
        assert (await usage(http))["day_seconds"] == 0
        assert await asked(accounts, ann, reserve_seconds=50)
        # On the first of a month yesterday was another one.
        assert await asked(accounts, ann, reserve_seconds=1) == (now.day == 1)


async def test_so_many_jobs_wait_or_run_at_once(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, http = await somebody(accounts, sql, "few")
    async with http:
        queues = ("generation", "processing")
        taken = await asyncio.gather(*(asked(accounts, ann, queue=queues[n % 2]) for n in range(20)))
        assert taken.count(True) == 3
        assert (await usage(http))["jobs"] == 3
        jobs = (await http.get("/api/v1/jobs")).json()["items"]
        await http.post(f"/api/v1/jobs/{jobs[0]['id']}/cancel")
        assert await asked(accounts, ann)
        assert not await asked(accounts, ann)


async def test_a_tier_may_hold_less_storage(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, http = await somebody(accounts, sql, "small")
    async with http:
        assert (await usage(http))["stored_bytes_limit"] == 1000
        assert await asked(accounts, ann, reserve_bytes=900)
        assert not await asked(accounts, ann, reserve_bytes=200)


async def test_administrators_give_tiers_and_the_log_says_so(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ann, http = await somebody(accounts, sql, "standard")
    boss = await accounts.users.sign_up()
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", boss.id)
    token = (await login(accounts, boss.username)).json()["access_token"]
    async with http, accounts.client(token) as admin:
        path = f"/api/v1/admin/users/{ann.id}"
        assert (await http.patch(path, json={"tier": "few"})).status_code == 403
        wrong = await admin.patch(path, json={"tier": "gold"})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/tier")
        changed = await admin.patch(path, json={"tier": "few"})
        assert (changed.status_code, changed.json()["tier"]) == (200, "few")
        found = await usage(http)
        assert (found["tier"], found["jobs_limit"]) == ("few", 3), "and the session lives on"
        log = (await admin.get("/api/v1/admin/audit-log", params={"action": "admin.tier_changed"})).json()["items"]
        assert [entry["details"] for entry in log] == [{"from": "standard", "to": "few"}]


def test_limits_are_told_in_words_with_what_to_do() -> None:
    check_span(90_000, 10_000, 100, "day")
    check_jobs(3, 3)
    with pytest.raises(AppError, match=r"100 s of audio a day and 10 s are left; this takes 11 s"):
        check_span(90_000, 11_000, 100, "day")
    with pytest.raises(AppError, match="3 jobs at once"):
        check_jobs(4, 3)


def test_the_file_of_tiers_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "tiers.yaml"
    for text in (
        "",
        "tiers: 1",
        "tiers: {small: {jobs: 1}}",
        "tiers: {standard: {jobs: 0}}",
        "tiers: {standard: {x: 1}}",
        "tiers: {standard: {}, a.b: {}}",
        "tiers: {standard: {}, Gold: {}}",
        f"tiers: {{standard: {{}}, {'g' * 41}: {{}}}}",
    ):
        path.write_text(text)
        with pytest.raises(AppError):
            Tiers.load(path)
    with pytest.raises(AppError):
        Tiers.load(tmp_path / "none.yaml")
    path.write_text(TIERS)
    assert Tiers.load(path).of("gone") == Tiers.load(path).of("standard")
