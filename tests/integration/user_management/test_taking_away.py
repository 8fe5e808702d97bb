"""Jobs of dead workers, when a row of one of them is in trouble."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from redis.asyncio import Redis

from services.user_management.background.app import celery_app
from services.user_management.background.sender import CelerySender
from services.user_management.database import Database, open_engine
from services.user_management.jobs.announcer import Announcer
from services.user_management.jobs.endings import JobEndings
from services.user_management.jobs.fairness import Worker
from services.user_management.jobs.ledger import JobLedger, Limits
from services.user_management.jobs.rules import NewJob, Status

pytestmark = pytest.mark.integration

ANN, BEN = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
async def ledger(database_url: str, valkey: Redis, valkey_url: str) -> AsyncIterator[JobLedger]:
    """A ledger whose statements wait for a lock only for a moment."""
    database = Database(open_engine(database_url, statement_seconds=0.3), retry_seconds=0.1)
    sender = CelerySender(celery_app(valkey_url))
    yield JobLedger(database, Announcer(valkey, JobEndings(database), sender), Limits())
    await asyncio.to_thread(sender.close)
    await database.close()


async def people(sql: asyncpg.Connection) -> None:
    for owner, name in ((ANN, "ann"), (BEN, "ben")):
        await sql.execute(
            "INSERT INTO users (id, username, email, email_folded) VALUES ($1, $2, $3, $3)",
            owner,
            name,
            f"{name}@example.com",
        )
        await sql.execute("INSERT INTO quota_accounts (owner_id, balance_ms) VALUES ($1, 100000)", owner)


async def test_row_in_trouble_holds_up_no_other(ledger: JobLedger, sql: asyncpg.Connection) -> None:
    await people(sql)
    stuck, _ = await ledger.create(ANN, NewJob("generate", "generation", {}, reserve_ms=1000))
    other, _ = await ledger.create(BEN, NewJob("generate", "generation", {}, reserve_ms=1000))
    for _ in range(2):
        await ledger.claim_next("generation", Worker("dead", 4, idle=True, total_budget=4))
    # To end a cancelled job, its reservation has to be released: somebody sits on ann's account.
    await ledger.cancel(ANN, stuck.id)
    async with sql.transaction():
        await sql.execute("SELECT 1 FROM quota_accounts WHERE owner_id = $1 FOR UPDATE", ANN)
        assert await ledger.report_worker_death("dead") == 1
    assert (await ledger.get(BEN, other.id)).status is Status.QUEUED
    assert await ledger.report_worker_death("dead") == 1
    assert (await ledger.get(ANN, stuck.id)).status is Status.CANCELLED


async def test_only_what_ended_lately_is_told_again_however_long_its_files_stay(
    ledger: JobLedger, sql: asyncpg.Connection
) -> None:
    await people(sql)
    jobs = [(await ledger.create(ANN, NewJob("convert", "processing", {})))[0] for _ in range(3)]
    for job in jobs[:2]:
        await ledger.cancel(ANN, job.id)
    # A job with files is looked at again after a week.
    await sql.execute(
        "UPDATE jobs SET finished_at = now() - interval '1 day', cleanup_due_at = now() + interval '6 days'"
        " WHERE id = $1",
        jobs[0].id,
    )
    assert [job.id for job in await ledger.ended_within(timedelta(minutes=15))] == [jobs[1].id]
