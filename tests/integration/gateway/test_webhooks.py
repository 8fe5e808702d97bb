"""Webhooks from HTTP to the receiver: told of jobs from the outbox, retried, given up, switched off."""

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
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from musicgen_client import verify_webhook
from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError
from services.shared.grpc_client import call
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.user_management.auth.sealing import Sealer
from services.user_management.background.cleanup import sweep
from services.user_management.database import Database, open_engine
from services.user_management.webhooks.deliveries import AT_ONCE_OF_OWNER, Deliveries, Tally
from services.user_management.webhooks.names import Names
from services.user_management.webhooks.repository import _CLAIM, WebhookRepository
from services.user_management.webhooks.rules import DEAD_IN_A_ROW, MOST_PENDING, MOST_TESTS_WAITING, MOST_WEBHOOKS
from services.user_management.webhooks.sender import WebhookSender
from services.user_management.webhooks.webhook import Claimed
from tests.support.account_server import AccountServer
from tests.support.user_management import Person, eventually
from tests.support.webhook_receiver import Receiver, receiving

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
ENDINGS = ["job.succeeded", "job.failed", "job.cancelled"]


@pytest_asyncio.fixture
async def accounts(start_accounts: Any) -> AccountServer:
    return await start_accounts(webhook_private_networks=True)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest_asyncio.fixture
async def database(accounts: AccountServer) -> AsyncIterator[Database]:
    found = Database(open_engine(accounts.users.settings.database_url, connections=5))
    yield found
    await found.close()


async def deliver(accounts: AccountServer, database: Database, *, private: bool = True, **options: Any) -> Tally:
    sealer = Sealer(Secrets(accounts.users.secrets_dir).service_token_key())
    resolver = options.pop("resolver", None) or Names().resolve
    sender = WebhookSender(private=private, resolver=resolver, seconds=options.pop("seconds", 5.0))
    return await Deliveries(database, sealer, sender, private=private, **options).run()


async def person(accounts: AccountServer) -> tuple[Person, httpx.AsyncClient]:
    found = await accounts.users.sign_up()
    return found, accounts.client(found.tokens.access_token)


async def make(http: httpx.AsyncClient, url: str, events: list[str] | None = None, **headers: str) -> Any:
    body = {"url": url, "events": events or ENDINGS}
    answer = await http.post("/api/v1/webhooks", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_job_is_told_at_each_step_signed_and_without_what_it_is_about(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    ann, http = await person(accounts)
    async with http:
        events = ["job.queued", "job.started", "job.succeeded", "job.failed"]
        made = await make(http, receiver.url, events)
        job = await accounts.users.make_track(ann)
        tally = await deliver(accounts, database)
        assert (tally.sent, tally.arrived) == (3, 3)
        messages = [
            verify_webhook(got.body, got.headers["x-musicgen-signature"], made["secret"]) for got in receiver.got
        ]
        by_type = {message["type"]: message for message in messages}
        assert set(by_type) == {"job.queued", "job.started", "job.succeeded"}
        data = by_type["job.succeeded"]["data"]["job"]
        assert (data["id"], data["status"], data["track_ids"]) == (job.id, "succeeded", list(job.track_ids))
        assert data["links"]["track"] == f"/api/v1/tracks/{job.track_ids[0]}"
        assert b"a tone" not in b"".join(got.body for got in receiver.got), "prompts stay here"
        got = receiver.got[0]
        assert got.headers["x-musicgen-delivery"] == json.loads(got.body)["id"]
        page = (await http.get(f"/api/v1/webhooks/{made['webhook']['id']}/deliveries")).json()
        assert [item["status"] for item in page["items"]] == ["succeeded"] * 3
        assert page["items"][0]["payload"] == by_type["job.succeeded"]
        assert (await http.get(f"/api/v1/webhooks/{made['webhook']['id']}")).json()["last_succeeded_at"]
        assert (await deliver(accounts, database)).sent == 0


async def test_an_address_in_a_request_hears_of_the_end_alone(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    ann, http = await person(accounts)
    async with http:
        secret = (await http.post("/api/v1/users/me/webhook-secret")).json()["secret"]
        job = await accounts.users.create(ann, webhook_url=f"{receiver.url}?token=7")
        assert (await deliver(accounts, database)).sent == 0
        await http.post(f"/api/v1/jobs/{job.id}/cancel")
        assert (await deliver(accounts, database)).arrived == 1
        got = receiver.got[0]
        assert got.line == "POST /hook?token=7 HTTP/1.1"
        message = verify_webhook(got.body, got.headers["x-musicgen-signature"], secret)
        assert (message["type"], message["data"]["job"]["id"]) == ("job.cancelled", job.id)
        assert (await http.get("/api/v1/webhooks")).json()["items"] == []


async def test_failures_are_tried_again_given_up_and_sent_again(
    accounts: AccountServer,
    database: Database,
    receiver: Receiver,
    sql: asyncpg.Connection,
) -> None:
    _, http = await person(accounts)
    async with http:
        made = await make(http, receiver.url)
        path = f"/api/v1/webhooks/{made['webhook']['id']}"
        sent = (await http.post(f"{path}/test")).json()
        assert sent["status"] == "pending"
        assert (await http.post(f"/api/v1/webhooks/deliveries/{sent['id']}/redeliver")).status_code == 409
        receiver.answer = b"HTTP/1.1 500 Oh\r\n\r\n"
        for attempt in (1, 2, 3):
            tally = await deliver(accounts, database, most_attempts=3)
            assert (tally.sent, tally.arrived, tally.given_up) == (1, 0, attempt == 3)
            item = (await http.get(f"{path}/deliveries")).json()["items"][0]
            assert (item["attempts"], item["response_status"]) == (attempt, 500)
            if attempt < 3:
                wait = await sql.fetchval("SELECT due_at - now() FROM webhook_deliveries")
                assert timedelta(seconds=8 * 3 ** (attempt - 1)) < wait <= timedelta(seconds=20 * 3 ** (attempt - 1))
                assert (await deliver(accounts, database)).sent == 0, "not before its time"
                await sql.execute("UPDATE webhook_deliveries SET due_at = now()")
        dead = (await http.get("/api/v1/webhooks/deliveries/dead")).json()["items"]
        assert [(item["id"], item["status"], item["error"]) for item in dead] == [
            (sent["id"], "dead", "The server answered 500.")
        ]
        assert len({got.headers["x-musicgen-delivery"] for got in receiver.got}) == 1
        assert len({got.body for got in receiver.got}) == 1, "each attempt carries the same bytes"
        receiver.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        again = await http.post(f"/api/v1/webhooks/deliveries/{sent['id']}/redeliver")
        assert (again.status_code, again.json()["attempts"]) == (202, 0)
        assert (await deliver(accounts, database)).arrived == 1
        assert (await http.get("/api/v1/webhooks/deliveries/dead")).json()["items"] == []


async def test_a_webhook_that_is_dead_is_switched_off_and_its_owner_told(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    ann, http = await person(accounts)
    async with http:
        made = await make(http, receiver.url)
        path = f"/api/v1/webhooks/{made['webhook']['id']}"
        receiver.answer = b"HTTP/1.1 503 No\r\n\r\n"
        for _ in range(DEAD_IN_A_ROW):
            assert (await http.get(path)).json()["active"]
            await http.post(f"{path}/test")
            assert (await deliver(accounts, database, most_attempts=1)).given_up == 1
        found = (await http.get(path)).json()
        assert (found["active"], found["disabled_reason"]) == (False, "5 deliveries in a row were given up.")
        mails = await accounts.mails_to(f"{ann.username}@example.com")
        assert "switched off" in mails[-1]
        assert (await http.post(f"{path}/test")).status_code == 409
        await accounts.users.create(ann)
        assert (await http.patch(path, json={"active": True})).json()["disabled_reason"] is None
        receiver.answer = b"HTTP/1.1 200 OK\r\n\r\n"
        assert (await http.post(f"{path}/test")).status_code == 202
        assert (await deliver(accounts, database)).arrived == 1


async def test_an_address_that_is_gone_is_switched_off_at_once(
    accounts: AccountServer, database: Database, receiver: Receiver
) -> None:
    _, http = await person(accounts)
    async with http:
        path = f"/api/v1/webhooks/{(await make(http, receiver.url))['webhook']['id']}"
        await http.post(f"{path}/test")
        receiver.answer = b"HTTP/1.1 410 Gone\r\n\r\n"
        assert (await deliver(accounts, database)).given_up == 1
        assert not (await http.get(path)).json()["active"]


async def test_a_renewed_secret_signs_from_the_next_attempt_on(
    accounts: AccountServer,
    database: Database,
    receiver: Receiver,
    sql: asyncpg.Connection,
) -> None:
    _, http = await person(accounts)
    async with http:
        made = await make(http, receiver.url)
        path = f"/api/v1/webhooks/{made['webhook']['id']}"
        await http.post(f"{path}/test")
        renewed = (await http.post(f"{path}/secret")).json()["secret"]
        await deliver(accounts, database)
        got = receiver.got[0]
        assert verify_webhook(got.body, got.headers["x-musicgen-signature"], renewed)["type"] == "webhook.test"
        stored = b"".join(row[0] for row in await sql.fetch("SELECT secret_sealed FROM webhooks"))
        assert renewed.encode() not in stored
        listed = (await http.get("/api/v1/webhooks")).text
        assert "whs_" not in listed


async def test_the_same_key_makes_one_webhook_and_too_many_are_refused(accounts: AccountServer) -> None:
    _, http = await person(accounts)
    async with http:
        body = {"url": "https://example.org/hook", "events": ENDINGS}
        answers = await asyncio.gather(
            *(http.post("/api/v1/webhooks", json=body, headers={"idempotency-key": "k"}) for _ in range(20))
        )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["webhook"]["id"] for answer in answers}) == 1
        assert sum(answer.json()["secret"] is not None for answer in answers) == 1
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
        many = await asyncio.gather(*(http.post("/api/v1/webhooks", json=body) for _ in range(MOST_WEBHOOKS + 10)))
        statuses = [answer.status_code for answer in many]
        assert (statuses.count(201), statuses.count(409)) == (MOST_WEBHOOKS - 1, 11)
        for webhook in (await http.get("/api/v1/webhooks")).json()["items"]:
            assert (await http.delete(f"/api/v1/webhooks/{webhook['id']}")).status_code == 204
            assert (await http.get(f"/api/v1/webhooks/{webhook['id']}")).status_code == 404


async def test_addresses_inside_are_refused_when_given_and_again_when_called(
    start_accounts: Any,
    receiver: Receiver,
    sql: asyncpg.Connection,
) -> None:
    accounts: AccountServer = await start_accounts()
    database = Database(open_engine(accounts.users.settings.database_url, connections=2))
    _, http = await person(accounts)
    async with http:
        for url in (receiver.url, "https://127.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/", "x"):
            answer = await http.post("/api/v1/webhooks", json={"url": url, "events": ENDINGS})
            assert answer.status_code == 422, url
            assert answer.json()["errors"][0]["pointer"] == "/url"
        made = await make(http, "https://localhost:8443/hook")
        await http.post(f"/api/v1/webhooks/{made['webhook']['id']}/test")
        assert (await deliver(accounts, database, private=False)).arrived == 0
        item = (await http.get(f"/api/v1/webhooks/{made['webhook']['id']}/deliveries")).json()["items"][0]
        assert "not on the public internet" in item["error"]
        # Even what stands in the database is not believed.
        await sql.execute("UPDATE webhooks SET url = $1", receiver.url)
        await sql.execute("UPDATE webhook_deliveries SET due_at = now()")
        assert (await deliver(accounts, database, private=False)).arrived == 0
        assert receiver.connections == 0
    await database.close()


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


async def test_what_is_somebody_elses_is_not_there(accounts: AccountServer, receiver: Receiver) -> None:
    ann, hers = await person(accounts)
    _, his = await person(accounts)
    async with hers, his:
        webhook_id = (await make(hers, receiver.url))["webhook"]["id"]
        delivery_id = (await hers.post(f"/api/v1/webhooks/{webhook_id}/test")).json()["id"]
        path = f"/api/v1/webhooks/{webhook_id}"
        for method, url, body in (
            ("GET", path, None),
            ("PATCH", path, {"active": False}),
            ("DELETE", path, None),
            ("POST", f"{path}/secret", None),
            ("POST", f"{path}/test", None),
            ("GET", f"{path}/deliveries", None),
            ("POST", f"/api/v1/webhooks/deliveries/{delivery_id}/redeliver", None),
        ):
            assert (await his.request(method, url, json=body)).status_code == 404, url
        assert (await his.get("/api/v1/webhooks")).json()["items"] == []
        assert (await hers.get(path)).json()["active"]
        await accounts.users.create(ann)


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


async def test_a_request_may_not_name_an_address_inside(start_accounts: Any) -> None:
    accounts: AccountServer = await start_accounts()
    ann = await accounts.users.sign_up()
    fields = {"kind": "generate", "queue": "generation", "request_json": "{}"}
    for url in ("https://127.0.0.1/", "https://169.254.169.254/", "http://example.org/", "x"):
        with pytest.raises(AppError) as refused:
            await accounts.users.create(ann, webhook_url=url)
        assert refused.value.violations[0].pointer == "/webhook_url"
    batch = [jobs_pb2.CreateRequest(**fields), jobs_pb2.CreateRequest(**fields, webhook_url="https://[::1]/")]
    with pytest.raises(AppError) as refused:
        await call(
            accounts.users.jobs.CreateBatch,
            jobs_pb2.CreateBatchRequest(jobs=batch),
            token=accounts.users.token(ann),
        )
    assert refused.value.violations[0].pointer == "/jobs/1/webhook_url"
    async with accounts.client(ann.tokens.access_token) as http:
        assert (await http.get("/api/v1/jobs")).json()["items"] == [], "all of a batch, or none"
