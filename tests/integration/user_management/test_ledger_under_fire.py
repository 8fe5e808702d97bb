"""The properties of the rules, against real PostgreSQL with workers and crashes at the same time."""

import asyncio
import random
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from services.shared.errors import AppError, ErrorCode
from services.user_management.database import Database, open_engine
from services.user_management.jobs.announcer import Announcer
from services.user_management.jobs.fairness import Worker
from services.user_management.jobs.ledger import JobLedger, Limits, Outputs
from services.user_management.jobs.repository import Beat
from services.user_management.jobs.rules import HeldLease, Job, JobFailure, NewJob, Status
from services.user_management.library.track import TrackContent

pytestmark = pytest.mark.integration

LEASE_SECONDS = 0.4
CHAOS_SECONDS = 8.0
OWNERS = [uuid.UUID(int=20_000 + number) for number in range(4)]
GRANT_MS = 10_000_000


class Silent(Announcer):
    """Announces nothing: this test looks at rows."""

    def __init__(self) -> None:
        pass

    def announce(self, before: Job | None, after: Job, *, master_keys: object = ()) -> None:
        pass


def content_of(job: Job) -> TrackContent:
    return TrackContent(
        title="t", prompt="p", model="m", seed=1, duration_seconds=1, sample_rate_hz=44100, channels=2,
        loudness_lufs=-14, true_peak_dbtp=-1, bpm=0, key="", tags=(), midi_object_key="", licence_name="CC0-1.0",
        master_object_key=f"jobs/{job.id}/{job.fencing_token}/master.flac", licence_commercial_use=True,
        licence_attributions=(), model_revision="1", engine_version="1", runtime="r", precision="p", spec=None,
        mastering_gain_db=0, master_sha256="", public=False, parent_id=None,
    )  # fmt: skip


class Fire:
    """Owners, workers and reapers that behave badly until `calm`."""

    def __init__(self, ledger: JobLedger, seed: int) -> None:
        self.ledger = ledger
        self.chance = random.Random(seed)
        self.calm = asyncio.Event()
        self.created: list[Job] = []
        self.tokens: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
        self.completed: defaultdict[uuid.UUID, int] = defaultdict(int)
        self.cancel_accepted: set[uuid.UUID] = set()
        self.refused = 0

    async def owner(self, owner_id: uuid.UUID) -> None:
        while not self.calm.is_set():
            with suppress(AppError):
                new = NewJob("generate", "generation", {}, reserve_ms=self.chance.choice([0, 1000, 30_000]))
                job, _ = await self.ledger.create(owner_id, new)
                self.created.append(job)
            if self.created and self.chance.random() < 0.3:
                job = self.chance.choice(self.created)
                ended = await self.ledger.cancel(job.owner_id, job.id)
                if ended.status is Status.CANCELLED or ended.cancel_requested:
                    self.cancel_accepted.add(job.id)
            await asyncio.sleep(self.chance.uniform(0, 0.1))

    async def worker(self, name: str) -> None:
        """Claims for as long as there is work, in one way or another."""
        while True:
            job = await self.ledger.claim_next("generation", Worker(name, 2, idle=True, total_budget=2))
            if job is None:
                if self.calm.is_set() and await self._all_ended():
                    return
                await asyncio.sleep(0.02)
                continue
            self.tokens[job.id].append(job.fencing_token)
            assert job.lease_id is not None
            held = HeldLease(job.lease_id, job.fencing_token)
            await self._run(job, held, name)

    async def _run(self, job: Job, held: HeldLease, name: str) -> None:
        behaviour = "completes" if self.calm.is_set() else self._behaviour()
        if behaviour == "dies":
            await self.ledger.report_worker_death(name)
        elif behaviour == "falls silent":
            return
        elif behaviour == "sleeps past its lease":
            await asyncio.sleep(LEASE_SECONDS * self.chance.uniform(0.8, 2.5))
            await self._complete(job, held)
        elif behaviour == "renews, then completes":
            for _ in range(3):
                await asyncio.sleep(LEASE_SECONDS / 3)
                beat = Beat(job.id, held.lease_id, held.fencing_token, 0.5, "", 0)
                if job.id not in await self.ledger.heartbeat([beat]):
                    self.refused += 1
                    return
            await self._complete(job, held)
        elif behaviour == "fails":
            await self._tried(self.ledger.fail(job.id, held, JobFailure("internal", "Broken.")))
        elif behaviour == "releases":
            await self._tried(self.ledger.release(job.id, held))
        elif behaviour == "completes twice":
            await asyncio.gather(self._complete(job, held), self._complete(job, held, repeated=True))
        else:
            await self._complete(job, held)

    def _behaviour(self) -> str:
        names = ["completes", "completes twice", "renews, then completes", "sleeps past its lease"]
        return self.chance.choice([*names, "dies", "falls silent", "fails", "releases"])

    async def _complete(self, job: Job, held: HeldLease, *, repeated: bool = False) -> None:
        outputs = Outputs(tracks=[content_of(job)], made_ms=self.chance.randint(0, 40_000))
        ended = await self._tried(self.ledger.complete(job.id, held, outputs))
        if ended is not None and ended.status is Status.SUCCEEDED and not repeated:
            self.completed[job.id] += 1

    async def _tried(self, call: Any) -> Job | None:
        try:
            found: Job = await call
        except AppError as error:
            if error.code is not ErrorCode.STALE_LEASE:
                raise
            self.refused += 1
            return None
        return found

    async def reaper(self) -> None:
        while True:
            await self.ledger.reap()
            await asyncio.sleep(0.1)

    async def _all_ended(self) -> bool:
        jobs = [
            job
            for owner in OWNERS
            for job in await self.ledger.of_owner(owner, status=None, before_id=None, limit=9999)
        ]
        return all(job.status.ended for job in jobs)


@pytest.fixture
async def database(database_url: str, sql: asyncpg.Connection) -> AsyncIterator[Database]:
    for number, owner in enumerate(OWNERS):
        name = f"owner-{number}"
        await sql.execute("INSERT INTO users (id, username, email, email_folded) VALUES ($1, $2, $2, $2)", owner, name)
        await sql.execute("INSERT INTO quota_accounts (owner_id, balance_ms) VALUES ($1, $2)", owner, GRANT_MS)
        await sql.execute(
            "INSERT INTO quota_entries (id, owner_id, kind, amount_ms) VALUES (gen_random_uuid(), $1, 'grant', $2)",
            owner,
            GRANT_MS,
        )
    found = Database(open_engine(database_url, connections=16))
    yield found
    await found.close()


async def test_no_job_is_lost_doubled_or_stuck_whatever_happens_at_once(
    database: Database, sql: asyncpg.Connection
) -> None:
    seed = uuid.uuid4().int % 2**32
    print("seed", seed)
    fire = Fire(JobLedger(database, Silent(), Limits(lease_seconds=LEASE_SECONDS)), seed)
    reapers = [asyncio.create_task(fire.reaper()) for _ in range(2)]
    workers = [asyncio.create_task(fire.worker(f"worker-{number}")) for number in range(6)]
    owners = [asyncio.create_task(fire.owner(owner)) for owner in OWNERS]
    begun = time.monotonic()
    await asyncio.sleep(CHAOS_SECONDS)
    fire.calm.set()
    await asyncio.gather(*owners)
    await asyncio.wait_for(asyncio.gather(*workers), 60)
    for reaper in reapers:
        reaper.cancel()
    await asyncio.gather(*reapers, return_exceptions=True)
    jobs = await sql.fetch("SELECT * FROM jobs")
    by_status: defaultdict[str, int] = defaultdict(int)
    for row in jobs:
        by_status[row["status"]] += 1
    print(f"{len(jobs)} jobs {dict(by_status)}, {fire.refused} stale calls, {time.monotonic() - begun:.1f} s")

    assert len(jobs) == len(fire.created)
    assert set(by_status) <= {"succeeded", "failed", "cancelled"}
    succeeded = {row["id"] for row in jobs if row["status"] == "succeeded"}
    tracks = await sql.fetch("SELECT job_id, count(*) AS tracks FROM tracks GROUP BY job_id")
    assert {row["job_id"]: row["tracks"] for row in tracks} == dict.fromkeys(succeeded, 1)
    assert set(fire.completed) == succeeded
    assert set(fire.completed.values()) <= {1}
    assert not fire.cancel_accepted & succeeded
    assert all(tokens == sorted(set(tokens)) for tokens in fire.tokens.values())
    assert all(row["crashes"] <= 3 for row in jobs)
    for account in await sql.fetch(
        "SELECT a.*, (SELECT sum(amount_ms) FROM quota_entries e WHERE e.owner_id = a.owner_id) AS total "
        "FROM quota_accounts a"
    ):
        assert account["balance_ms"] == account["total"]
        assert account["reserved_ms"] == 0
        assert account["balance_ms"] + account["used_ms"] == GRANT_MS
    counters = await sql.fetch("SELECT queued, running FROM job_counters")
    assert {(row["queued"], row["running"]) for row in counters} == {(0, 0)}
    assert fire.refused > 0
