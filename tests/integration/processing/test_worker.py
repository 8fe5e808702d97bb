"""The Celery worker: conversion jobs from the ledger to their files, through kills, stops, cancels, lost doorbells."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import psutil
import pytest
import soundfile

from protos.processing.v1 import processing_pb2
from protos.users.v1 import jobs_pb2
from services.processing.worker.celery_app import PREPARE_TRACK, QUEUE, celery_app
from services.shared.grpc_client import call
from services.shared.job_events import read_events
from services.user_management.background.cleanup import sweep
from services.user_management.database import Database, open_engine
from tests.support.timing import check_promise, promised
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

SUCCEEDED = jobs_pb2.JOB_STATUS_SUCCEEDED
LONG_WORK = {"format": "opus"}


def file_key(job: jobs_pb2.Job) -> str:
    """Where the one file of a job lies."""
    [file] = orjson.loads(job.result_json)["files"]
    return file["object_key"]


async def test_conversion_job_leaves_a_file(processing: Any, worker: Any, short_master: Path, tmp_path: Path) -> None:
    track = await processing.track_of(short_master)
    submitted = await processing.submit(track, format="wav", sample_rate=48_000, bit_depth=24)
    job = await processing.ended(submitted.job.id)
    assert (job.status, job.error.message) == (SUCCEEDED, "")
    result = orjson.loads(job.result_json)
    [file] = result["files"]
    assert file["object_key"].startswith(f"jobs/{job.id}/")
    await processing.store.download(file["object_key"], tmp_path / "made.wav")
    info = soundfile.info(tmp_path / "made.wav")
    assert (info.samplerate, info.subtype, info.frames) == (48_000, "PCM_24", 96_000)
    assert file["size_bytes"] == (tmp_path / "made.wav").stat().st_size
    assert (result["format"], file["media_type"], result["duration"]) == ("wav", "audio/wav", 2.0)
    assert orjson.loads(job.metrics_json)["run_seconds"] > 0
    assert list(job.track_ids) == []


async def test_file_of_a_conversion_outlives_the_clean_up(
    processing: Any, worker: Any, short_master: Path, database_url: str
) -> None:
    track = await processing.track_of(short_master)
    job = await processing.ended((await processing.submit(track)).job.id)
    key = file_key(job)
    lost_attempt = f"jobs/{job.id}/0/audio.flac"
    await processing.store.put(lost_attempt, b"of a lost attempt")
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE jobs SET cleanup_due_at = now()")
    await connection.close()
    database = Database(open_engine(database_url, connections=2))
    await sweep(database, processing.store)
    await database.close()
    assert await processing.store.exists(key)
    assert not await processing.store.exists(lost_attempt)


async def test_watchers_hear_of_progress_to_the_end(processing: Any, worker: Any, long_master: Path) -> None:
    track = await processing.track_of(long_master)
    job_id = (await processing.submit(track, **LONG_WORK)).job.id
    fractions = []
    async for event in read_events(processing.redis, job_id, None):
        if event.type == "progress":
            fractions.append(event.data["progress"])
            assert event.data["stage"]
        if event.type in ("done", "error"):
            break
    assert event.type == "done"
    assert fractions == sorted(fractions)
    assert len(fractions) >= 3


async def test_lost_doorbell_costs_a_second(
    processing: Any, start_worker: Callable[..., Any], other_valkey_url: str, short_master: Path
) -> None:
    worker = start_worker(REDIS_URL=other_valkey_url)
    await worker.until("child_ready")
    track = await processing.track_of(short_master)
    with promised(3, "a job without its doorbell"):
        job = await processing.ended((await processing.submit(track)).job.id)
    assert job.status == SUCCEEDED


async def test_doorbell_is_quicker_than_the_second(processing: Any, worker: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    waits = []
    for _ in range(6):
        job = await processing.ended((await processing.submit(track)).job.id)
        waits.append((job.started_at.ToNanoseconds() - job.created_at.ToNanoseconds()) / 1e9)
    assert sorted(waits)[2] < 0.5


async def test_worker_works_without_a_broker(
    processing: Any, start_worker: Callable[..., Any], short_master: Path
) -> None:
    worker = start_worker(REDIS_URL="redis://127.0.0.1:1/0")
    await worker.until("child_ready")
    track = await processing.track_of(short_master)
    job = await processing.ended((await processing.submit(track)).job.id)
    assert job.status == SUCCEEDED


async def test_killed_child_costs_one_attempt(
    processing: Any, worker: Any, long_master: Path, elapsed: Callable[[], float]
) -> None:
    track = await processing.track_of(long_master)
    job_id = (await processing.submit(track, **LONG_WORK)).job.id
    await processing.started(job_id)
    [child] = worker.children()
    child.kill()
    killed_at = elapsed()
    await worker.until("worker_death_reported")
    again = await processing.started(job_id)
    assert again.attempts == 1
    check_promise(elapsed() - killed_at, 8, "starting again before the lease would have ended")
    job = await processing.ended(job_id, within=60)
    assert (job.status, job.attempts) == (SUCCEEDED, 1)
    stored = [info.key async for info in processing.store.list(f"jobs/{job_id}")]
    assert stored == [file_key(job)]


@pytest.mark.slow
async def test_killed_parent_takes_its_children_along(
    processing: Any, worker: Any, start_worker: Callable[..., Any], long_master: Path
) -> None:
    track = await processing.track_of(long_master)
    job_id = (await processing.submit(track, **LONG_WORK)).job.id
    await processing.started(job_id)
    [child] = worker.children()
    worker.process.kill()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert alive == []
    next_worker = start_worker()
    await next_worker.until("worker_death_reported")
    assert (await processing.started(job_id)).attempts == 1
    await processing.cancel(job_id)


async def test_cancelled_job_frees_the_worker_at_once(
    processing: Any, worker: Any, long_master: Path, short_master: Path
) -> None:
    long_track, short_track = await processing.track_of(long_master), await processing.track_of(short_master)
    long_id = (await processing.submit(long_track, **LONG_WORK)).job.id
    await processing.started(long_id)
    with promised(1.5, "cancelling"):
        await processing.cancel(long_id)
        job = await processing.ended(long_id)
    assert job.status == jobs_pb2.JOB_STATUS_CANCELLED
    assert (await processing.ended((await processing.submit(short_track)).job.id)).status == SUCCEEDED
    assert [info.key async for info in processing.store.list(f"jobs/{long_id}")] == []


async def test_stop_hands_the_job_back_without_costing_an_attempt(
    processing: Any, worker: Any, start_worker: Callable[..., Any], long_master: Path
) -> None:
    track = await processing.track_of(long_master)
    job_id = (await processing.submit(track, **LONG_WORK)).job.id
    await processing.started(job_id)
    with promised(10, "stopping"):
        # In a thread: user_management runs on this loop, and has to hear of the release.
        assert await asyncio.to_thread(worker.stop) == 0
    assert (await processing.job(job_id)).status == jobs_pb2.JOB_STATUS_QUEUED
    start_worker()
    assert (await processing.started(job_id)).attempts == 0
    await processing.cancel(job_id)


@pytest.mark.slow
async def test_worker_that_was_stopped_too_long_is_refused(
    processing: Any, worker: Any, start_worker: Callable[..., Any], long_master: Path, tmp_path: Path
) -> None:
    track = await processing.track_of(long_master)
    job_id = (await processing.submit(track, **LONG_WORK)).job.id
    await processing.started(job_id)
    [stale] = worker.children()
    stale.suspend()
    # On a scratch disk of its own, as on another machine.
    start_worker(SCRATCH_DIR=str(tmp_path / "other-scratch"))
    job = await processing.ended(job_id, within=60)
    assert (job.status, job.attempts) == (SUCCEEDED, 1)
    stale.resume()
    await worker.until("job_run_ended")
    assert worker.logged("job_run_ended")[0]["outcome"] == "lost"
    assert await processing.job(job_id) == job
    assert [info.key async for info in processing.store.list(f"jobs/{job_id}")] == [file_key(job)]


async def test_job_that_cannot_be_done_says_why(processing: Any, worker: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    await processing.store.put(track.content.master_object_key, b"damaged beyond reading")
    job = await processing.ended((await processing.submit(track)).job.id)
    assert job.status == jobs_pb2.JOB_STATUS_FAILED
    assert (job.error.code, job.error.message) == ("unsupported-media", "This object is no audio that can be read.")
    await processing.store.delete(track.content.master_object_key)
    job = await processing.ended((await processing.submit(track)).job.id)
    assert job.error.code == "not-found"
    assert job.error.message == "The track was deleted before its turn came."


async def test_error_that_only_the_audio_shows_names_its_field(
    processing: Any, worker: Any, short_master: Path
) -> None:
    track = await processing.track_of(short_master)
    session = {"tracks": [{"track_id": track.id}, {"track_id": track.id, "offset": 7_000}]}
    request = processing_pb2.SubmitRequest(kind="mix", request_json=orjson.dumps(session).decode())
    submitted = await call(processing.stub.Submit, request, token=processing.token())
    job = await processing.ended(submitted.job.id, within=60)
    assert job.error.code == "validation"
    assert job.error.message == "/tracks/1/offset: This lies behind the end of the source."
    assert [item.pointer for item in job.error.violations] == ["/tracks/1/offset"]


async def test_foreign_kinds_of_job_fail_instead_of_hanging(processing: Any, worker: Any) -> None:
    for kind, body in (("compose", "{}"), ("convert", "{}")):
        job = await processing.users.create(processing.person, kind=kind, queue="processing", request_json=body)
        assert (await processing.ended(job.id)).error.code == "internal"


async def test_track_is_prepared_before_anybody_asks(processing: Any, worker: Any, short_master: Path) -> None:
    await processing.store.put_file("jobs/p/1/master.flac", short_master)
    app = celery_app(processing.settings.broker_url, 1)
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    app.send_task(
        PREPARE_TRACK,
        ("jobs/p/1/master.flac",),
        queue=QUEUE,
        headers={"traceparent": traceparent, "x-request-id": "request-1"},
    )
    app.send_task(PREPARE_TRACK, ("jobs/none/1/master.flac",), queue=QUEUE)

    async def prepared() -> bool:
        names = {info.key.rpartition("/")[2] async for info in processing.store.list("derivatives")}
        return {"audio.mp3", "audio.mp3.json", "peaks.bin"} <= names

    await eventually(prepared, within=60.0, what="derivatives")
    [made] = await worker.until("derivative_made")
    assert (made["request_id"], made["trace_id"]) == ("request-1", traceparent.split("-")[1])
    [missing] = [line for line in await worker.until("track_not_prepared") if line["code"] == "not-found"]
    assert missing["service"] == "processing-worker"


async def test_several_children_share_the_queue(
    processing: Any, start_worker: Callable[..., Any], long_master: Path
) -> None:
    worker = start_worker(CONCURRENCY="2")
    await worker.until("child_ready", times=2)
    track = await processing.track_of(long_master)
    first, second = [(await processing.submit(track, **LONG_WORK)).job.id for _ in range(2)]
    await processing.started(first)
    await processing.started(second)
    for job_id in (first, second):
        await processing.cancel(job_id)
        assert (await processing.ended(job_id)).status == jobs_pb2.JOB_STATUS_CANCELLED


def test_wrong_settings_are_one_line(tmp_path: Path) -> None:
    environment = {"MUSICGEN_PROCESSING_SECRETS_DIR": str(tmp_path / "none"), "PATH": "/usr/bin"}
    for module in ("services.processing", "services.processing.worker"):
        done = subprocess.run(
            [sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert "Traceback" not in done.stderr


def test_server_process_says_when_it_is_ready_and_ends_on_sigterm(
    tmp_path: Path, secrets_dir: Path, servers_folder: Path
) -> None:
    values = {
        "ADDRESS": f"unix:{servers_folder}/prs.sock",
        "USERS_ADDRESS": f"unix:{servers_folder}/nobody.sock",
        "SECRETS_DIR": str(secrets_dir),
        "STORAGE_URL": (tmp_path / "objects").as_uri(),
        "SCRATCH_DIR": str(tmp_path),
        "LOG_FORMAT": "json",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "services.processing"],
        env={f"MUSICGEN_PROCESSING_{name}": value for name, value in values.items()},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    events = []
    for line in process.stdout:
        events.append(orjson.loads(line)["event"])
        if events[-1] == "ready":
            process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert events[-1] == "stopped"
