"""What survives the death of PostgreSQL, and how the process starts and stops."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.secrets import create_missing
from services.standalone.postgres import PostgresServer
from services.user_management.config import UserManagementSettings
from services.user_management.database import Database, open_engine
from services.user_management.jobs.repository import JobRepository
from services.user_management.migrate import migrate
from services.user_management.server import serving
from tests.support.timing import PATIENCE_SECONDS, check_promise, promised
from tests.support.user_management import Person, UserManagement, eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def own_server(servers_folder: Path) -> Iterator[PostgresServer]:
    """A server to kill. Durable, because what it has committed has to be there afterwards."""
    server = PostgresServer(servers_folder / "fragile" / "data", servers_folder / "fragile" / "run")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def fragile(
    own_server: PostgresServer, valkey_url: str, secrets_dir: Path, servers_folder: Path, tmp_path: Path
) -> AsyncIterator[UserManagement]:
    await migrate(own_server.url())
    settings = UserManagementSettings(
        address=f"unix:{servers_folder}/fragile.sock",
        database_url=own_server.url(),
        redis_url=valkey_url,
        secrets_dir=secrets_dir,
        storage_url=tmp_path.as_uri(),
    )
    async with serving(settings) as server:
        service = UserManagement(settings, server.address)
        yield service
        await service.channel.close()


async def work(service: UserManagement, person: Person, stop: asyncio.Event, record: dict[str, set[str]]) -> None:
    """Create, claim, complete, for as long as it goes; notes what was promised and which errors came."""
    while not stop.is_set():
        try:
            job = await service.create(person, reserve_seconds=5)
            record["created"].add(job.id)
            leased = await service.claim("worker")
            if leased is None:
                continue
            request = jobs_pb2.CompleteRequest(
                job_id=leased.job.id, lease_id=leased.lease_id, fencing_token=leased.fencing_token, made_seconds=5
            )
            await call(service.jobs.Complete, request)
            record["completed"].add(leased.job.id)
        except AppError as error:
            record["errors"].add(error.code.value)
            await asyncio.sleep(0.02)


async def test_killed_database_loses_nothing_that_was_promised(
    fragile: UserManagement, own_server: PostgresServer
) -> None:
    ann = await fragile.sign_up()
    record: dict[str, set[str]] = {"created": set(), "completed": set(), "errors": set()}
    stop = asyncio.Event()
    crowd = [asyncio.create_task(work(fragile, ann, stop, record)) for _ in range(4)]
    took = []
    for _ in range(3):
        before = len(record["completed"])
        await eventually(lambda before=before: _grown(record, before + 5), what="work goes on")
        await asyncio.sleep(random.uniform(0, 0.1))
        await asyncio.to_thread(own_server.kill)
        with pytest.raises(AppError) as refused:
            await fragile.usage(ann)
        assert refused.value.code is ErrorCode.UNAVAILABLE
        await asyncio.to_thread(own_server.start)
        begun = time.monotonic()
        before = len(record["completed"])
        await eventually(lambda before=before: _grown(record, before + 1), what="work goes on again")
        took.append(time.monotonic() - begun)
    stop.set()
    await asyncio.gather(*crowd)
    print(f"recovered after {[round(seconds, 2) for seconds in took]} s; {len(record['completed'])} completed")
    check_promise(max(took), 10, "recovering from a lost database")
    assert record["errors"] <= {"unavailable"}
    sql = await asyncpg.connect(own_server.url())
    statuses = {str(row["id"]): row["status"] for row in await sql.fetch("SELECT id, status FROM jobs")}
    assert record["created"] <= statuses.keys()
    assert {statuses[job_id] for job_id in record["completed"]} == {"succeeded"}
    succeeded = sum(status == "succeeded" for status in statuses.values())
    account = await sql.fetchrow("SELECT * FROM quota_accounts WHERE owner_id = $1", ann.id)
    assert account["used_ms"] == succeeded * 5000
    assert account["reserved_ms"] == (len(statuses) - succeeded) * 5000
    assert account["balance_ms"] == await sql.fetchval(
        "SELECT sum(amount_ms) FROM quota_entries WHERE owner_id = $1", ann.id
    )
    counters = await sql.fetchrow("SELECT queued, running FROM job_counters WHERE owner_id = $1", ann.id)
    assert counters["queued"] == sum(status == "queued" for status in statuses.values())
    assert counters["running"] == sum(status == "running" for status in statuses.values())
    await sql.close()


async def _grown(record: dict[str, set[str]], size: int) -> bool:
    return len(record["completed"]) >= size


async def test_leases_that_ran_out_while_the_database_was_away_are_given_one_lease_more(
    user_management: UserManagement, database_url: str, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    await user_management.claim()
    await sql.execute("UPDATE jobs SET lease_expires_at = now() - interval '1 second'")
    database = Database(open_engine(database_url, connections=2))
    since_start = (await sql.fetchval("SELECT now() - pg_postmaster_start_time()")).total_seconds()
    fresh = await database.read(lambda connection: JobRepository(connection).expired(since_start + 60, 10))
    later = await database.read(lambda connection: JobRepository(connection).expired(since_start / 2, 10))
    await database.close()
    assert fresh == []
    assert [str(job_id) for job_id in later] == [job.id]


@pytest.fixture
def process_environment(servers_folder: Path, valkey_url: str, tmp_path: Path) -> dict[str, str]:
    secrets = servers_folder / f"secrets-{time.monotonic_ns()}"
    create_missing(secrets)
    return {
        "PATH": os.environ["PATH"],
        "MUSICGEN_USER_MANAGEMENT_ADDRESS": f"unix:{servers_folder}/process.sock",
        "MUSICGEN_USER_MANAGEMENT_REDIS_URL": valkey_url,
        "MUSICGEN_USER_MANAGEMENT_SECRETS_DIR": str(secrets),
        "MUSICGEN_USER_MANAGEMENT_STORAGE_URL": tmp_path.as_uri(),
    }


@contextlib.contextmanager
def started(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "services.user_management"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"the process ended: {process.stderr.read() if process.stderr else ''}")


def test_process_starts_before_its_database_and_stops_when_asked(
    process_environment: dict[str, str], servers_folder: Path
) -> None:
    server = PostgresServer(servers_folder / "process" / "data", servers_folder / "process" / "run", durable=False)
    environment = {**process_environment, "MUSICGEN_USER_MANAGEMENT_DATABASE_URL": server.url()}
    try:
        with started(environment) as process:
            read_until(process, "waiting_for_database")
            server.start()
            read_until(process, "first_admin_created")
            assert read_until(process, "ready")["address"] == environment["MUSICGEN_USER_MANAGEMENT_ADDRESS"]
            with promised(10, "stopping"):
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_SECONDS) == 0
    finally:
        server.stop()


def test_stop_while_the_database_is_awaited_is_heeded(process_environment: dict[str, str]) -> None:
    url = "postgresql://musicgen@/musicgen?host=/nowhere"
    with started({**process_environment, "MUSICGEN_USER_MANAGEMENT_DATABASE_URL": url}) as process:
        read_until(process, "waiting_for_database")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SECRETS_DIR", "/nowhere", "secret file"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL"),
        ("ADDRESS", "unix:/nowhere/x.sock", "cannot listen"),
        ("METRICS_PORT", "taken", "metrics port"),
    ],
)
def test_start_that_cannot_succeed_says_why_in_one_line(
    process_environment: dict[str, str], database_url: str, name: str, value: str, says: str
) -> None:
    environment = {
        **process_environment,
        "MUSICGEN_USER_MANAGEMENT_DATABASE_URL": database_url,
        f"MUSICGEN_USER_MANAGEMENT_{name}": value,
    }
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        started(
            {key: str(taken.getsockname()[1]) if text == "taken" else text for key, text in environment.items()}
        ) as process,
    ):
        _, stderr = process.communicate(timeout=60)
        assert process.returncode != 0
        assert "Traceback" not in stderr
        # gRPC's core may have said something of its own before.
        assert says in stderr.strip().splitlines()[-1]
