"""The outbox of webhooks: who goes first, what it has room for, and that no message is lost or sent twice."""

import asyncio
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.storage import ObjectStore
from services.user_management.background.cleanup import sweep
from services.user_management.database import Database
from services.user_management.webhooks.deliveries import AT_ONCE_OF_OWNER
from services.user_management.webhooks.names import Names
from services.user_management.webhooks.repository import _CLAIM, WebhookRepository
from services.user_management.webhooks.rules import MOST_PENDING, MOST_TESTS_WAITING, MOST_WEBHOOKS
from services.user_management.webhooks.webhook import Claimed
from tests.support.account_server import AccountServer
from tests.support.user_management import eventually
from tests.support.webhook_receiver import Receiver, receiving
from tests.support.webhook_sending import deliver, make, person

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[4]


async def test_tests_that_nobody_hears_do_not_pile_up(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    _, http = await person(accounts)
    async with http:
        made = await make(http, receiver.url)
        path = f"/api/v1/webhooks/{made['webhook']['id']}/test"
        for _ in range(MOST_TESTS_WAITING):
            assert (await http.post(path)).status_code == 202
        refused = await http.post(path)
        assert refused.status_code == 409
        assert "wait" in refused.json()["detail"]


async def test_two_workers_send_each_message_once(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    _, http = await person(accounts)
    async with http:
        made = await make(http, receiver.url)
        path = f"/api/v1/webhooks/{made['webhook']['id']}"
        await asyncio.gather(*(http.post(f"{path}/test") for _ in range(40)))
        tallies = await asyncio.gather(*(deliver(accounts, database) for _ in range(3)))
    assert sum(tally.arrived for tally in tallies) == 40
    ids = [got.headers["x-musicgen-delivery"] for got in receiver.got]
    assert len(ids) == len(set(ids)) == 40


async def test_a_slow_receiver_does_not_hold_up_the_others(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    _, slow = await person(accounts)
    _, quick = await person(accounts)
    async with slow, quick, receiving() as tarpit:
        tarpit.answer = None
        path = f"/api/v1/webhooks/{(await make(slow, tarpit.url))['webhook']['id']}"
        await asyncio.gather(*(slow.post(f"{path}/test") for _ in range(100)))
        await quick.post(f"/api/v1/webhooks/{(await make(quick, receiver.url))['webhook']['id']}/test")
        running = asyncio.create_task(deliver(accounts, database, seconds=20.0))

        async def arrived() -> bool:
            return bool(receiver.got)

        await eventually(arrived, within=60, what="the quick one's message")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_owner_with_many_slow_webhooks_has_a_few_under_way_and_others_go_first(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    _, many = await person(accounts)
    _, one = await person(accounts)
    async with many, one, receiving() as tarpit:
        tarpit.answer = None
        hooks = [(await make(many, tarpit.url))["webhook"]["id"] for _ in range(MOST_WEBHOOKS)]
        await asyncio.gather(*(many.post(f"/api/v1/webhooks/{hook}/test") for hook in hooks * 3))
        own = (await make(one, receiver.url))["webhook"]["id"]
        for _ in range(3):
            await one.post(f"/api/v1/webhooks/{own}/test")
        running = asyncio.create_task(deliver(accounts, database, seconds=60.0))

        async def arrived() -> bool:
            return len(receiver.got) == 3

        await eventually(arrived, within=30, what="the other owner's messages")
        assert tarpit.connections == AT_ONCE_OF_OWNER
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_owners_take_turns_whoever_has_the_least_under_way_first(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    people = [await person(accounts) for _ in range(3)]
    for _, http in people:
        async with http:
            hooks = [(await make(http, receiver.url))["webhook"]["id"] for _ in range(3)]
            for hook in hooks * 2:
                await http.post(f"/api/v1/webhooks/{hook}/test")

    async def claim(limit: int, under_way: dict[uuid.UUID, int]) -> Counter[uuid.UUID]:
        async def work(connection: AsyncConnection) -> list[Claimed]:
            webhooks = WebhookRepository(connection)
            return await webhooks.claim_due(limit, timedelta(minutes=1), of_owner=4, under_way=under_way)

        return Counter(message.owner_id for message in await database.write(work))

    ann, bea, cem = (uuid.UUID(found.id) for found, _ in people)
    assert await claim(3, {}) == {ann: 1, bea: 1, cem: 1}
    assert await claim(3, {ann: 3, bea: 1}) == {bea: 1, cem: 2}
    assert await claim(32, {ann: 4, bea: 3, cem: 3}) == {bea: 1, cem: 1}


async def test_a_name_that_is_not_found_in_time_is_tried_again_and_says_why(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    release = threading.Event()

    def look_up(host: str, port: int) -> list[str]:
        if host == "slow.example":
            release.wait(60)
        return ["127.0.0.1"]

    names = Names(seconds=0.2, look_up=look_up)
    _, slow = await person(accounts)
    _, quick = await person(accounts)
    async with slow, quick:
        lost = (await make(slow, f"http://slow.example:{receiver.port}/hook"))["webhook"]["id"]
        await slow.post(f"/api/v1/webhooks/{lost}/test")
        await quick.post(f"/api/v1/webhooks/{(await make(quick, receiver.url))['webhook']['id']}/test")
        tally = await deliver(accounts, database, resolver=names.resolve)
        release.set()
        assert (tally.sent, tally.arrived) == (2, 1)
        [item] = (await slow.get(f"/api/v1/webhooks/{lost}/deliveries")).json()["items"]
        assert (item["status"], item["error"]) == ("pending", "The host's name was not found within 0.2 s.")


async def test_a_full_outbox_takes_no_more_and_holds_no_job_up(
    accounts: AccountServer,
    receiver: Receiver,
    sql: asyncpg.Connection,
) -> None:
    ann, http = await person(accounts)
    async with http:
        webhook_id = (await make(http, receiver.url, ["job.queued"]))["webhook"]["id"]
        await sql.execute(
            "INSERT INTO webhook_deliveries (id, webhook_id, owner_id, event, body, due_at) "
            "SELECT gen_random_uuid(), $1, $2, 'job.queued', '{}', now() + interval '1 hour' "
            "FROM generate_series(1, $3)",
            webhook_id,
            ann.id,
            MOST_PENDING - 1,
        )
        for _ in range(3):
            await accounts.users.create(ann)
        assert await sql.fetchval("SELECT count(*) FROM webhook_deliveries") == MOST_PENDING


async def test_addresses_of_requests_have_no_more_waiting_for_them_than_a_webhook(
    accounts: AccountServer, receiver: Receiver, sql: asyncpg.Connection
) -> None:
    ann, http = await person(accounts)

    async def tell() -> None:
        job = await accounts.users.create(ann, webhook_url=receiver.url)
        assert (await http.post(f"/api/v1/jobs/{job.id}/cancel")).status_code == 202

    async with http:
        await tell()
        await sql.execute(
            "INSERT INTO webhook_deliveries (id, webhook_id, owner_id, event, url, body, due_at) "
            "SELECT gen_random_uuid(), webhook_id, owner_id, event, url, '{}', now() + interval '1 hour' "
            "FROM webhook_deliveries, generate_series(1, $1)",
            MOST_PENDING - 2,
        )
        for _ in range(3):
            await tell()
        assert await sql.fetchval("SELECT count(*) FROM webhook_deliveries") == MOST_PENDING


async def test_the_sweep_forgets_what_has_had_its_time(
    accounts: AccountServer,
    database: Database,
    receiver: Receiver,
    tmp_path: Path,
    sql: asyncpg.Connection,
) -> None:
    ann, http = await person(accounts)
    async with http:
        webhook_id = (await make(http, receiver.url))["webhook"]["id"]
    now = datetime.datetime.now(datetime.UTC)
    for status, days in (("succeeded", 6), ("succeeded", 8), ("dead", 29), ("dead", 31), ("pending", None)):
        finished = now - timedelta(days=days) if days else None
        await sql.execute(
            "INSERT INTO webhook_deliveries (id, webhook_id, owner_id, event, body, status, finished_at) "
            "VALUES (gen_random_uuid(), $1, $2, 'job.queued', '{}', $3, $4)",
            webhook_id,
            ann.id,
            status,
            finished,
        )
    swept = await sweep(database, ObjectStore.from_url((tmp_path / "objects").as_uri()))
    assert swept.deliveries == 2
    left = await sql.fetch("SELECT status FROM webhook_deliveries ORDER BY status")
    assert [row["status"] for row in left] == ["dead", "pending", "succeeded"]


async def test_the_claim_reads_by_index(sql: asyncpg.Connection, accounts: AccountServer) -> None:
    ann = await accounts.users.sign_up()
    await sql.execute(
        "INSERT INTO webhooks (id, owner_id, url, events, secret_sealed) "
        "SELECT gen_random_uuid(), $1, 'https://example.org/', '{}', '' FROM generate_series(1, 200)",
        ann.id,
    )
    await sql.execute(
        "INSERT INTO webhook_deliveries (id, webhook_id, owner_id, event, body, status, finished_at) "
        "SELECT gen_random_uuid(), w.id, $1, 'job.queued', '{}', 'succeeded', now() "
        "FROM webhooks w, generate_series(1, 200)",
        ann.id,
    )
    await sql.execute("ANALYZE webhook_deliveries")
    values = {"each": "2", "limit": "32", "lease": "interval '1 minute'", "of_owner": "4"}
    values |= {"owners": "'{}'::uuid[]", "numbers": "'{}'::integer[]"}
    statement = str(_CLAIM)
    for name, value in values.items():
        statement = re.sub(rf":{name}\b", value, statement)
    plan = "\n".join(row[0] for row in await sql.fetch(f"EXPLAIN {statement}"))
    assert "webhook_deliveries_due_idx" in plan
    assert "Seq Scan on webhook_deliveries" not in plan


async def test_a_killed_worker_loses_no_message(
    accounts: AccountServer,
    receiver: Receiver,
    sql: asyncpg.Connection,
    secrets_dir: Path,
    tmp_path: Path,
) -> None:
    """The worker dies with a message on its way; another one sends it again once the lease has run out."""
    ann, http = await person(accounts)
    environment = {
        "PATH": os.environ["PATH"],
        "MUSICGEN_USER_MANAGEMENT_REDIS_URL": accounts.users.settings.redis_url,
        "MUSICGEN_USER_MANAGEMENT_DATABASE_URL": accounts.users.settings.database_url,
        "MUSICGEN_USER_MANAGEMENT_STORAGE_URL": (tmp_path / "objects").as_uri(),
        "MUSICGEN_USER_MANAGEMENT_SECRETS_DIR": str(secrets_dir),
        "MUSICGEN_USER_MANAGEMENT_DELIVER_SECONDS": "0.5",
        "MUSICGEN_USER_MANAGEMENT_WEBHOOK_PRIVATE_NETWORKS": "true",
    }

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "services.user_management.background"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    async def got(count: int) -> bool:
        return len(receiver.got) >= count

    async def arrived() -> bool:
        return bool(await sql.fetchval("SELECT status = 'succeeded' FROM webhook_deliveries"))

    async with http:
        await make(http, receiver.url)
        receiver.answers = [None]
        job = await accounts.users.create(ann)
        await http.post(f"/api/v1/jobs/{job.id}/cancel")
        worker = start()
        try:
            await eventually(lambda: got(1), within=60, what="the message is on its way")
        finally:
            kill(worker)
        row = await sql.fetchrow("SELECT status, attempts FROM webhook_deliveries")
        assert tuple(row) == ("pending", 1)
        await sql.execute("UPDATE webhook_deliveries SET due_at = now()")
        worker = start()
        try:
            await eventually(arrived, within=60, what="another worker sends it")
        finally:
            kill(worker)
    assert [json.loads(item.body)["data"]["job"]["id"] for item in receiver.got] == [job.id, job.id]
    assert len({item.headers["x-musicgen-delivery"] for item in receiver.got}) == 1
