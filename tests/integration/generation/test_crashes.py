"""Workers that are killed or stopped: no job is lost, made twice, or takes others with it."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from protos.users.v1 import jobs_pb2
from services.shared.grpc_client import call
from tests.support.listening import decode
from tests.support.timing import check_promise
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

StartProcess = Callable[..., Awaitable[asyncio.subprocess.Process]]


async def kept(generation: Any, job: jobs_pb2.Job) -> list[str]:
    keys = [info.key async for info in generation.store.list(f"jobs/{job.id}")]
    return [key for key in keys if key.endswith("master.flac")]


@pytest.mark.slow
async def test_killed_workers_job_finishes_on_another_within_twenty_seconds(
    generation: Any, start_process: StartProcess, start_worker: Callable[..., Awaitable[Any]]
) -> None:
    victim = await start_process()
    job = await generation.submit(duration_seconds=8, spec={"speed": 4})
    listening = asyncio.create_task(generation.heard(job))
    await generation.playing(job)
    victim.kill()
    killed_at = time.monotonic()
    await start_worker()
    ended = await generation.ended(job, within=60)
    check_promise(time.monotonic() - killed_at, 20, "the job's end on another worker")
    assert (ended.status, ended.attempts, len(ended.track_ids)) == (jobs_pb2.JOB_STATUS_SUCCEEDED, 1, 1)
    async with asyncio.timeout(60):
        audio, rate = decode(await listening, "wav")
    assert len(audio) == 8 * rate


async def test_worker_that_slept_past_its_lease_is_refused_everything(
    generation: Any, start_process: StartProcess, start_worker: Callable[..., Awaitable[Any]]
) -> None:
    sleeper = await start_process()
    job = await generation.submit(duration_seconds=8, spec={"speed": 4})
    await generation.playing(job)
    sleeper.send_signal(signal.SIGSTOP)
    relief = await start_worker()
    ended = await generation.ended(job, within=60)
    heard = await generation.heard(job)
    relief.set()
    await relief.task
    sleeper.send_signal(signal.SIGCONT)
    # That it takes and finishes the next job shows that it has given the lost one up.
    after = await generation.ended(await generation.submit(duration_seconds=1), within=60)
    assert (ended.status, ended.attempts, after.status) == (
        jobs_pb2.JOB_STATUS_SUCCEEDED,
        1,
        jobs_pb2.JOB_STATUS_SUCCEEDED,
    )
    again = await generation.job(job)
    assert again.track_ids == ended.track_ids
    assert await kept(generation, job) == [(await generation.track(ended)).content.master_object_key]
    assert await generation.heard(job) == heard


async def test_job_that_kills_its_worker_fails_alone_after_three_attempts(
    generation: Any, start_process: StartProcess
) -> None:
    poison = await generation.submit(duration_seconds=20, spec={"crash_at": 0.4})
    bystander = await generation.users.sign_up()
    harmless = [await generation.submit(bystander, duration_seconds=1) for _ in range(3)]

    async def ended() -> bool:
        return bool((await generation.job(poison)).status == jobs_pb2.JOB_STATUS_FAILED)

    deaths = 0
    while not await ended():
        worker_id = f"poisoned-{deaths}"
        process = await start_process(worker_id=worker_id)
        dying = asyncio.create_task(process.wait())
        failed = asyncio.create_task(eventually(ended, within=60, what="the poison job failed"))
        await asyncio.wait({dying, failed}, return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()
        if not dying.done():
            process.terminate()
        await dying
        if process.returncode == -signal.SIGKILL:
            deaths += 1
            request = jobs_pb2.ReportWorkerDeathRequest(worker_id=worker_id)
            await call(generation.users.jobs.ReportWorkerDeath, request)
    await start_process()
    others = [await generation.ended(job, within=60, person=bystander) for job in harmless]
    assert deaths == 3
    found = await generation.job(poison)
    assert (found.attempts, len(found.track_ids)) == (3, 0)
    assert [job.status for job in others] == [jobs_pb2.JOB_STATUS_SUCCEEDED] * 3


async def test_worker_process_ends_within_ten_seconds_of_sigterm_and_hands_back(
    generation: Any, start_process: StartProcess
) -> None:
    process = await start_process()
    job = await generation.submit(duration_seconds=300, spec={"speed": 2})
    deaf = await generation.submit(duration_seconds=300, spec={"speed": 2, "deaf": True})
    for each in (job, deaf):
        await generation.playing(each)
    process.terminate()
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    for each in (job, deaf):
        back = await generation.job(each)
        assert (back.status, back.attempts) == (jobs_pb2.JOB_STATUS_QUEUED, 0)
