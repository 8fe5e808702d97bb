"""Celery: what the server sends, and what the background worker does with it."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import structlog
from redis.asyncio import Redis

from protos.users.v1 import jobs_pb2, tracks_pb2
from services.shared.grpc_client import call
from services.shared.storage import ObjectStore
from services.shared.telemetry import configure_tracing
from services.shared.valkey import open_valkey
from services.standalone.valkey import ValkeyServer
from services.user_management.background.app import BACKGROUND, celery_app
from services.user_management.background.sender import CelerySender
from tests.support.timing import PATIENCE_SECONDS, promised
from tests.support.user_management import UserManagement, eventually

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def broker(servers_folder: Path) -> Iterator[ValkeyServer]:
    """A Valkey of this module's own, because queues are shared by whoever uses a server."""
    server = ValkeyServer(servers_folder / "broker" / "data", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def queues(broker: ValkeyServer) -> AsyncIterator[Redis]:
    """Celery's database."""
    client = open_valkey(broker.url(1))
    await client.flushdb()
    yield client
    await client.aclose()


async def messages(queues: Redis, queue: str) -> list[tuple[str, list[Any], dict[str, Any]]]:
    """Task, arguments and headers of what waits in a queue, oldest first."""
    found = []
    for raw in reversed(await queues.lrange(queue, 0, -1)):
        message = json.loads(raw)
        arguments = json.loads(base64.b64decode(message["body"]))[0]
        found.append((message["headers"]["task"], arguments, message["headers"]))
    return found


@pytest.fixture
def background(
    broker: ValkeyServer, queues: Redis, database_url: str, secrets_dir: Path, tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    """The worker process, sweeping every second; its standard output is read by the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.user_management.background"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "MUSICGEN_USER_MANAGEMENT_REDIS_URL": broker.url(),
            "MUSICGEN_USER_MANAGEMENT_DATABASE_URL": database_url,
            "MUSICGEN_USER_MANAGEMENT_STORAGE_URL": (tmp_path / "objects").as_uri(),
            "MUSICGEN_USER_MANAGEMENT_SECRETS_DIR": str(secrets_dir),
            "MUSICGEN_USER_MANAGEMENT_SWEEP_SECONDS": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait(10)


async def log_line(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next line with this event. Every line has to be a JSON object."""
    assert process.stdout is not None
    while True:
        line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60)
        assert line, "the process has ended"
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found


async def test_worker_deletes_objects_under_the_senders_request_id_and_stops_when_asked(
    background: subprocess.Popen[str], broker: ValkeyServer, tmp_path: Path
) -> None:
    await log_line(background, "ready")
    store = ObjectStore.from_url((tmp_path / "objects").as_uri())
    await store.put("jobs/1/1/master.flac", b"x")
    sender = CelerySender(celery_app(broker.url(1)))
    with structlog.contextvars.bound_contextvars(request_id="req-7"):
        sender.post("background.delete_objects", ["jobs/1/1/master.flac"], queue=BACKGROUND)
    line = await log_line(background, "objects_deleted")
    assert (line["objects"], line["request_id"], line["task"]) == (1, "req-7", "background.delete_objects")
    assert not await store.exists("jobs/1/1/master.flac")
    sender.close()
    with promised(10, "stopping"):
        background.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(background.wait, PATIENCE_SECONDS) == 0


async def test_killed_worker_leaves_no_process_behind(background: subprocess.Popen[str]) -> None:
    await log_line(background, "ready")
    family = psutil.Process(background.pid).children(recursive=True)
    assert len(family) >= 2
    background.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, 10)
    for process in alive:
        process.kill()
    assert alive == []


async def test_worker_sweeps_by_itself(
    background: subprocess.Popen[str], database_url: str, sql: asyncpg.Connection
) -> None:
    await log_line(background, "ready")
    owner = "00000000-0000-7000-8000-000000000001"
    await sql.execute("INSERT INTO users (id, username, email, email_folded) VALUES ($1, 'ann', 'a', 'a')", owner)
    await sql.execute("INSERT INTO idempotency_keys VALUES ($1, 'r', 'k', '', $1, now())", owner)

    async def swept() -> bool:
        return (await log_line(background, "swept"))["idempotency_keys"] == 1

    await eventually(swept, within=60, what="the key is forgotten")
    assert await sql.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_processing_job_rings_its_workers_and_its_track_is_prepared(
    start_user_management: Callable[..., Awaitable[UserManagement]], broker: ValkeyServer, queues: Redis
) -> None:
    configure_tracing("test", "")
    service = await start_user_management(redis_url=broker.url())
    ann = await service.sign_up()
    await service.create(ann, queue="processing", kind="convert")

    async def rung() -> list[Any]:
        return await messages(queues, "processing")

    ((task, arguments, headers),) = await eventually(rung, what="the ring is sent")
    assert (task, arguments) == ("processing.ring", [])
    assert headers["x-request-id"]
    assert headers["traceparent"]
    leased = await service.claim(queue="processing")
    assert leased is not None
    key = f"jobs/{leased.job.id}/{leased.fencing_token}/master.flac"
    request = jobs_pb2.CompleteRequest(
        job_id=leased.job.id,
        lease_id=leased.lease_id,
        fencing_token=leased.fencing_token,
        tracks=[tracks_pb2.TrackContent(title="Rain", master_object_key=key)],
    )
    job = (await call(service.jobs.Complete, request)).job

    async def prepared() -> list[Any]:
        return (await messages(queues, "processing"))[1:]

    assert [message[:2] for message in await eventually(prepared)] == [("processing.prepare_track", [key])]
    delete = tracks_pb2.DeleteTrackRequest(track_id=job.track_ids[0], forever=True)
    await call(service.tracks.DeleteTrack, delete, token=service.token(ann))

    async def deleting() -> list[Any]:
        return await messages(queues, "background")

    ((task, arguments, _),) = await eventually(deleting)
    assert task == "background.delete_objects"
    assert arguments[0][0] == key


async def test_generation_jobs_send_no_celery_message(
    start_user_management: Callable[..., Awaitable[UserManagement]], broker: ValkeyServer, queues: Redis
) -> None:
    service = await start_user_management(redis_url=broker.url())
    ann = await service.sign_up()
    await service.create(ann)
    await service.create(ann, queue="processing", kind="convert")
    await eventually(lambda: messages(queues, "processing"))
    assert len(await messages(queues, "processing")) == 1


async def test_broker_that_is_away_costs_a_caller_nothing(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    service = await start_user_management(redis_url="redis://127.0.0.1:9/0")
    ann = await service.sign_up()
    with promised(2, "five jobs without a broker"):
        for _ in range(5):
            await service.create(ann, queue="processing", kind="convert")


def test_closed_sender_leaves_no_thread_though_the_broker_is_away() -> None:
    before = set(threading.enumerate())
    sender = CelerySender(celery_app("redis://127.0.0.1:9/0"))
    (thread,) = set(threading.enumerate()) - before
    for _ in range(20):
        sender.post("processing.ring", queue="processing")
    sender.close(0.2)
    # What it was doing when it was told may take until the connection is refused, and is the last that it does.
    thread.join(10)
    assert not thread.is_alive()


async def test_sender_goes_on_after_a_restart_of_the_broker(broker: ValkeyServer, queues: Redis) -> None:
    sender = CelerySender(celery_app(broker.url(1)))
    sender.post("processing.ring", queue="processing")
    await eventually(lambda: messages(queues, "processing"))
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)
    sender.post("processing.prepare_track", "key", queue="processing")

    async def arrived() -> bool:
        return ("processing.prepare_track", ["key"]) in [found[:2] for found in await messages(queues, "processing")]

    await eventually(arrived, what="the message after the restart")
    sender.close()
