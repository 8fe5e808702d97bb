"""How a run ends: cancelled within a second, handed back on drain, failed with a sentence, refused when stale."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from protos.users.v1 import jobs_pb2
from services.generation.backends.protocol import GenerationPostponed
from services.shared.grpc_client import call
from tests.support.backends import ToneBackend
from tests.support.timing import promised
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

StartWorker = Callable[..., Awaitable[Any]]
ENDLESS = {"duration_seconds": 300, "spec": {"speed": 2}}


async def status(generation: Any, job: jobs_pb2.Job) -> jobs_pb2.JobStatus.ValueType:
    found: jobs_pb2.JobStatus.ValueType = (await generation.job(job)).status
    return found


async def running(generation: Any, job: jobs_pb2.Job) -> bool:
    return await status(generation, job) == jobs_pb2.JOB_STATUS_RUNNING


async def test_cancelled_job_stops_within_a_second_and_frees_its_slot(
    generation: Any, start_worker: StartWorker
) -> None:
    await start_worker(slots=1)
    job = await generation.submit(**ENDLESS)
    await generation.playing(job)
    waiting = await generation.submit(duration_seconds=1)
    with promised(1, "cancelling"):
        await generation.cancel(job)
        ended = await generation.ended(job, within=60)
    assert ended.status == jobs_pb2.JOB_STATUS_CANCELLED
    assert (await generation.ended(waiting, within=60)).status == jobs_pb2.JOB_STATUS_SUCCEEDED
    assert (await generation.users.usage(generation.person)).reserved_seconds == 0


async def test_song_that_is_cancelled_while_it_is_saved_is_not_kept(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=120, spec={"speed": 0})
    await generation.heard(job)  # it is made; checking and storing two minutes takes a moment
    with promised(1, "cancelling"):
        await generation.cancel(job)
        ended = await generation.ended(job, within=60)
    assert (ended.status, len(ended.track_ids)) == (jobs_pb2.JOB_STATUS_CANCELLED, 0)


async def test_backend_that_does_not_listen_keeps_its_slot_but_not_the_job(
    generation: Any, worker: asyncio.Event
) -> None:
    job = await generation.submit(duration_seconds=5, spec={"speed": 1, "deaf": True})
    await generation.playing(job)
    with promised(1, "cancelling"):
        await generation.cancel(job)
        ended = await generation.ended(job, within=60)
    assert ended.status == jobs_pb2.JOB_STATUS_CANCELLED


async def test_job_that_is_cancelled_while_its_model_loads_ends_without_waiting_for_it(
    generation: Any, worker: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading, go = threading.Event(), threading.Event()

    def load(_: ToneBackend, model_id: str) -> None:
        loading.set()
        assert go.wait(120)

    monkeypatch.setattr(ToneBackend, "load", load)
    job = await generation.submit()
    try:
        assert await asyncio.to_thread(loading.wait, 60)
        await generation.cancel(job)
        assert (await generation.ended(job, within=60)).status == jobs_pb2.JOB_STATUS_CANCELLED
    finally:
        go.set()
    # The slot is free again once it is loaded.
    assert (await generation.ended(await generation.submit(duration_seconds=1))).status == (
        jobs_pb2.JOB_STATUS_SUCCEEDED
    )


async def test_job_for_which_there_is_no_room_goes_back_and_is_made_later(
    generation: Any, worker: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ToneBackend.generate
    turned_away: list[str] = []

    async def generate(backend: ToneBackend, request: Any, context: Any) -> Any:
        if not turned_away:
            turned_away.append(request.model)
            raise GenerationPostponed
        return await made(backend, request, context)

    monkeypatch.setattr(ToneBackend, "generate", generate)
    ended = await generation.ended(await generation.submit(duration_seconds=1))
    assert turned_away == ["tone"]
    assert (ended.status, ended.attempts) == (jobs_pb2.JOB_STATUS_SUCCEEDED, 0)


async def test_draining_worker_hands_its_job_back_unharmed(
    generation: Any, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, attempts = ToneBackend.generate, []

    async def generate(backend: ToneBackend, request: Any, context: Any) -> Any:
        attempts.append(request.model)
        if len(attempts) == 1:
            # However long it takes until the worker is told to stop: the song is still in the making.
            request = dataclasses.replace(request, spec={**request.spec, "hold_at": 4})
        return await make(backend, request, context)

    monkeypatch.setattr(ToneBackend, "generate", generate)
    first = await start_worker()
    job = await generation.submit(duration_seconds=6, spec={"speed": 3})
    await generation.playing(job)
    listening = asyncio.create_task(generation.heard(job))
    first.set()
    async with asyncio.timeout(60):
        assert await first.task
    back = await generation.job(job)
    assert (back.status, back.attempts) == (jobs_pb2.JOB_STATUS_QUEUED, 0)
    await start_worker()
    ended = await generation.ended(job)
    assert (ended.status, ended.attempts) == (jobs_pb2.JOB_STATUS_SUCCEEDED, 0)
    assert len(await listening) == 44 + 6 * 44_100 * 4


async def test_error_that_the_caller_can_mend_keeps_its_code_and_sentence(
    generation: Any, worker: asyncio.Event
) -> None:
    ended = await generation.ended(await generation.submit(spec={"fail_at": 0.5, "error": "app"}))
    assert ended.status == jobs_pb2.JOB_STATUS_FAILED
    assert (ended.error.code, ended.error.message) == (
        "storage-full",
        "There is no room for another tone. Delete some.",
    )


async def test_error_about_a_field_names_it(generation: Any, worker: asyncio.Event) -> None:
    ended = await generation.ended(await generation.submit(spec={"fail_at": 0.5, "error": "field"}))
    assert ended.error.code == "validation"
    assert [(item.pointer, item.detail) for item in ended.error.violations] == [
        ("/spec/fail_at", "The tone breaks there.")
    ]


async def test_error_that_nobody_foresaw_is_told_calmly(generation: Any, worker: asyncio.Event) -> None:
    ended = await generation.ended(await generation.submit(spec={"fail_at": 0.5}))
    assert ended.error.code == "internal"
    assert "ZeroDivision" not in ended.error.message
    assert "Try again" in ended.error.message
    assert (await generation.users.usage(generation.person)).reserved_seconds == 0


@pytest.mark.parametrize(
    "spec", [{"fault": "clip"}, {"fault": "offset"}, {"fault": "silence"}, {"fault": "short"}, {"loudness_error_lu": 3}]
)
async def test_unsound_song_is_not_kept(generation: Any, worker: asyncio.Event, spec: dict[str, Any]) -> None:
    job = await generation.submit(spec=spec)
    ended = await generation.ended(job)
    assert (ended.status, ended.error.code) == (jobs_pb2.JOB_STATUS_FAILED, "internal")
    assert not ended.track_ids
    kept = [info.key async for info in generation.store.list(f"jobs/{job.id}") if info.key.endswith("master.flac")]
    assert kept == []


async def test_request_of_another_version_fails_with_a_sentence(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.users.create(generation.person, request_json='{"surprise": 1}')
    assert (await generation.ended(job)).error.code == "internal"


async def test_job_of_a_model_that_is_not_here_fails_by_name(generation: Any, worker: asyncio.Event) -> None:
    request = '{"prompt": "x", "duration": 1, "model": "gone", "seed": 1}'
    job = await generation.users.create(generation.person, request_json=request, model="gone")
    ended = await generation.ended(job)
    assert ended.error.code == "model-not-installed"
    assert "gone" in ended.error.message


async def test_worker_whose_lease_was_taken_writes_nothing_more(generation: Any, start_worker: StartWorker) -> None:
    """The ledger thinks that the worker is dead, while it goes on."""
    await start_worker(worker_id="thought-dead", slots=1)
    job = await generation.submit(duration_seconds=20, spec={"speed": 4})
    await generation.playing(job)
    request = jobs_pb2.ReportWorkerDeathRequest(worker_id="thought-dead")
    assert (await call(generation.users.jobs.ReportWorkerDeath, request)).jobs == 1
    ended = await generation.ended(job)
    assert (ended.status, ended.attempts) == (jobs_pb2.JOB_STATUS_SUCCEEDED, 1)
    assert len(ended.track_ids) == 1
    masters = [info.key async for info in generation.store.list(f"jobs/{job.id}") if info.key.endswith("master.flac")]
    assert masters == [(await generation.track(ended)).content.master_object_key]
    assert len(await generation.heard(job)) == 44 + 20 * 44_100 * 4


async def test_jobs_run_side_by_side_up_to_the_slots(generation: Any, start_worker: StartWorker) -> None:
    await start_worker(slots=2)
    jobs = [await generation.submit(**ENDLESS) for _ in range(3)]

    async def two_run() -> bool:
        return sum([await running(generation, job) for job in jobs]) == 2

    await eventually(two_run, what="two jobs run")
    for job in jobs:
        await generation.cancel(job)
    for job in jobs:
        await generation.ended(job, within=60)


async def test_job_that_crashed_before_runs_alone(generation: Any, start_worker: StartWorker) -> None:
    await start_worker(worker_id="first", slots=2)
    job = await generation.submit(**ENDLESS)
    await generation.playing(job)
    beside = await generation.submit(**ENDLESS)
    await generation.playing(beside)
    await call(generation.users.jobs.ReportWorkerDeath, jobs_pb2.ReportWorkerDeathRequest(worker_id="first"))

    async def one_runs_again() -> bool:
        found = [await generation.job(each) for each in (job, beside)]
        return sorted(each.status for each in found) == [
            jobs_pb2.JOB_STATUS_QUEUED,
            jobs_pb2.JOB_STATUS_RUNNING,
        ] and all(each.attempts == 1 for each in found)

    await eventually(one_runs_again, within=60, what="one of the two runs")
    harmless = await generation.submit(duration_seconds=1)
    await asyncio.sleep(1.5)  # longer than the worker's own asking: it must not take anything beside
    assert await status(generation, harmless) == jobs_pb2.JOB_STATUS_QUEUED
    for each in (job, beside):
        await generation.cancel(each)
    assert (await generation.ended(harmless)).status == jobs_pb2.JOB_STATUS_SUCCEEDED
