"""Webhooks from HTTP to the receiver: told of jobs from the outbox, retried, given up, switched off."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from musicgen_client import verify_webhook

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError
from services.shared.grpc_client import call
from services.user_management.database import Database, open_engine
from services.user_management.webhooks.rules import DEAD_IN_A_ROW, MOST_WEBHOOKS
from tests.support.account_server import AccountServer
from tests.support.webhook_receiver import Receiver
from tests.support.webhook_sending import ENDINGS, deliver, make, person

pytestmark = pytest.mark.integration


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
