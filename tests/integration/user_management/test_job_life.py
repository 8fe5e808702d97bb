"""A job from its creation to its end, over gRPC."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from protos.common.v1 import common_pb2
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from tests.support.timing import promised
from tests.support.user_management import UserManagement, claimed, eventually

pytestmark = pytest.mark.integration

QUEUED, RUNNING = jobs_pb2.JOB_STATUS_QUEUED, jobs_pb2.JOB_STATUS_RUNNING
SUCCEEDED, FAILED = jobs_pb2.JOB_STATUS_SUCCEEDED, jobs_pb2.JOB_STATUS_FAILED
CANCELLED = jobs_pb2.JOB_STATUS_CANCELLED


def track_of(leased: jobs_pb2.LeasedJob, **fields: Any) -> tracks_pb2.TrackContent:
    folder = f"jobs/{leased.job.id}/{leased.fencing_token}"
    return tracks_pb2.TrackContent(
        title="Rain",
        prompt="rain on a roof",
        model="composer",
        seed=2**62 + 1,
        duration_seconds=20.5,
        sample_rate_hz=44100,
        channels=2,
        loudness_lufs=-14,
        true_peak_dbtp=-1.5,
        bpm=92,
        key="A minor",
        tags=["rain"],
        master_object_key=f"{folder}/master.flac",
        stems=[tracks_pb2.Stem(name=name, object_key=f"{folder}/stems/{name}.flac") for name in ("drums", "bass")],
        midi_object_key=f"{folder}/song.mid",
        licence=tracks_pb2.Licence(name="CC0-1.0", commercial_use=True, attributions=["MuseScore General"]),
        model_revision="1",
        engine_version="0.1",
        runtime="numpy",
        precision="float32",
        spec_json='{"bpm":92}',
        mastering_gain_db=2.5,
        master_sha256="ab" * 32,
        **fields,
    )


def complete_request(leased: jobs_pb2.LeasedJob, **fields: Any) -> jobs_pb2.CompleteRequest:
    fields = {"tracks": [track_of(leased)], "made_seconds": 20.5, "metrics_json": '{"seconds":3}'} | fields
    return jobs_pb2.CompleteRequest(
        job_id=leased.job.id, lease_id=leased.lease_id, fencing_token=leased.fencing_token, **fields
    )


async def release(service: UserManagement, leased: jobs_pb2.LeasedJob) -> jobs_pb2.Job:
    request = jobs_pb2.ReleaseRequest(
        job_id=leased.job.id, lease_id=leased.lease_id, fencing_token=leased.fencing_token
    )
    return (await call(service.jobs.Release, request)).job


async def fail(service: UserManagement, leased: jobs_pb2.LeasedJob) -> jobs_pb2.Job:
    request = jobs_pb2.FailRequest(
        job_id=leased.job.id,
        lease_id=leased.lease_id,
        fencing_token=leased.fencing_token,
        error=jobs_pb2.JobError(
            code="validation",
            message="The melody is empty.",
            violations=[{"pointer": "/melody_id", "detail": "The melody is empty."}],
        ),
    )
    return (await call(service.jobs.Fail, request)).job


async def heartbeat(service: UserManagement, *beats: jobs_pb2.LeaseBeat) -> dict[str, jobs_pb2.LeaseState]:
    request = jobs_pb2.HeartbeatRequest(worker_id="worker", beats=beats)
    return {state.job_id: state for state in (await call(service.jobs.Heartbeat, request)).states}


def beat_of(leased: jobs_pb2.LeasedJob, **fields: Any) -> jobs_pb2.LeaseBeat:
    return jobs_pb2.LeaseBeat(
        job_id=leased.job.id, lease_id=leased.lease_id, fencing_token=leased.fencing_token, **fields
    )


async def cancel(service: UserManagement, person: Any, job_id: str) -> jobs_pb2.Job:
    request = jobs_pb2.CancelRequest(job_id=job_id)
    return (await call(service.jobs.Cancel, request, token=service.token(person))).job


async def test_job_goes_from_queued_over_running_to_succeeded(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    request = json.dumps({"prompt": "rain", "seed": 2**62 + 1})
    job = await user_management.create(ann, request_json=request, model="composer", reserve_seconds=30)
    assert (job.status, job.queue_position, job.attempts) == (QUEUED, 1, 0)
    assert json.loads(job.request_json) == {"prompt": "rain", "seed": 2**62 + 1}
    leased = await claimed(user_management)
    assert (leased.job.id, leased.attempt, leased.fencing_token, leased.run_alone) == (job.id, 1, 1, False)
    assert leased.lease_seconds == 10
    await heartbeat(user_management, beat_of(leased, progress=0.4, stage="making the bass", eta_seconds=3))
    running = await user_management.get(ann, job.id)
    assert (running.status, running.progress, running.stage, running.eta_seconds) == (
        RUNNING,
        0.4,
        "making the bass",
        3,
    )
    ended = (await call(user_management.jobs.Complete, complete_request(leased))).job
    assert (ended.status, ended.progress, len(ended.track_ids)) == (SUCCEEDED, 1, 1)
    assert json.loads(ended.metrics_json) == {"seconds": 3}
    assert ended.created_at.ToDatetime() < ended.started_at.ToDatetime() < ended.finished_at.ToDatetime()
    assert await user_management.get(ann, job.id) == ended


async def test_completed_job_made_a_track_and_settled_the_quota(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    await user_management.create(ann, reserve_seconds=30)
    usage = await user_management.usage(ann)
    assert (usage.balance_seconds, usage.reserved_seconds, usage.used_seconds) == (35970, 30, 0)
    leased = await claimed(user_management)
    ended = (await call(user_management.jobs.Complete, complete_request(leased))).job
    request = tracks_pb2.GetTrackRequest(track_id=ended.track_ids[0])
    track = (await call(user_management.tracks.GetTrack, request, token=user_management.token(ann))).track
    assert track.content == track_of(leased)
    assert (track.owner_id, track.owner_username, track.job_id) == (ann.id, ann.username, ended.id)
    usage = await user_management.usage(ann)
    assert (usage.balance_seconds, usage.reserved_seconds, usage.used_seconds) == (35979.5, 0, 20.5)


async def test_repeated_completion_answers_the_same_and_makes_nothing_more(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    await user_management.create(ann, reserve_seconds=30)
    leased = await claimed(user_management)
    answers = [await call(user_management.jobs.Complete, complete_request(leased)) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert await sql.fetchval("SELECT count(*) FROM tracks") == 1
    assert (await user_management.usage(ann)).used_seconds == 20.5


async def test_failed_job_tells_why_and_frees_its_reservation(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    await user_management.create(ann, reserve_seconds=30)
    job = await fail(user_management, await claimed(user_management))
    assert (job.status, job.error.code, job.error.message) == (FAILED, "validation", "The melody is empty.")
    assert [(item.pointer, item.detail) for item in job.error.violations] == [("/melody_id", "The melody is empty.")]
    usage = await user_management.usage(ann)
    assert (usage.balance_seconds, usage.reserved_seconds) == (36000, 0)


async def test_released_job_goes_to_the_next_worker_without_counting_as_a_crash(
    user_management: UserManagement,
) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    back = await release(user_management, await claimed(user_management))
    assert (back.status, back.attempts) == (QUEUED, 0)
    again = await claimed(user_management, "other")
    assert (again.job.id, again.attempt, again.fencing_token, again.run_alone) == (job.id, 2, 2, False)


async def test_queued_job_is_cancelled_at_once(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann, reserve_seconds=30)
    assert (await cancel(user_management, ann, job.id)).status == CANCELLED
    assert await user_management.claim() is None
    assert (await user_management.usage(ann)).balance_seconds == 36000


async def test_running_job_is_told_to_stop_and_ends_as_cancelled(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann, reserve_seconds=30)
    leased = await claimed(user_management)
    asked = await cancel(user_management, ann, job.id)
    assert (asked.status, asked.cancel_requested) == (RUNNING, True)
    state = (await heartbeat(user_management, beat_of(leased)))[job.id]
    assert (state.held, state.cancel_requested) == (True, True)
    assert (await release(user_management, leased)).status == CANCELLED
    assert (await user_management.usage(ann)).reserved_seconds == 0


async def test_completion_after_a_cancel_makes_no_track(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann, reserve_seconds=30)
    leased = await claimed(user_management)
    await cancel(user_management, ann, job.id)
    assert (await call(user_management.jobs.Complete, complete_request(leased))).job.status == CANCELLED
    assert await sql.fetchval("SELECT count(*) FROM tracks") == 0
    assert (await user_management.usage(ann)).used_seconds == 0


async def test_other_peoples_jobs_do_not_exist(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    job = await user_management.create(ann)
    for attempt in (user_management.get(ben, job.id), cancel(user_management, ben, job.id)):
        with pytest.raises(AppError) as refused:
            await attempt
        assert refused.value.code is ErrorCode.NOT_FOUND
    assert (await user_management.get(ann, job.id)).status == QUEUED


@pytest.mark.parametrize("job_id", ["", "nonsense", "01a1fdea-3ed7-76fa-b20f-cd595922d4bd"])
async def test_unknown_job_is_not_found(user_management: UserManagement, job_id: str) -> None:
    ann = await user_management.sign_up()
    with pytest.raises(AppError) as refused:
        await user_management.get(ann, job_id)
    assert refused.value.code is ErrorCode.NOT_FOUND


async def test_users_cannot_play_worker_and_workers_cannot_play_user(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    token = user_management.token(ann)
    forbidden = [
        call(user_management.jobs.ClaimNext, jobs_pb2.ClaimNextRequest(worker_id="x"), token=token),
        call(user_management.jobs.Heartbeat, jobs_pb2.HeartbeatRequest(), token=token),
        call(user_management.jobs.Complete, jobs_pb2.CompleteRequest(), token=token),
        call(user_management.jobs.Fail, jobs_pb2.FailRequest(), token=token),
        call(user_management.jobs.Release, jobs_pb2.ReleaseRequest(), token=token),
        call(user_management.jobs.ReportWorkerDeath, jobs_pb2.ReportWorkerDeathRequest(worker_id="x"), token=token),
        call(user_management.jobs.Create, jobs_pb2.CreateRequest()),
        call(user_management.jobs.Get, jobs_pb2.GetRequest()),
        call(user_management.jobs.List, jobs_pb2.ListRequest()),
        call(user_management.jobs.Cancel, jobs_pb2.CancelRequest()),
    ]
    for attempt in forbidden:
        with pytest.raises(AppError) as refused:
            await attempt
        assert refused.value.code is ErrorCode.FORBIDDEN


async def test_stale_lease_is_refused_everywhere(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    stale = await claimed(user_management, "dead")
    request = jobs_pb2.ReportWorkerDeathRequest(worker_id="dead")
    assert (await call(user_management.jobs.ReportWorkerDeath, request)).jobs == 1
    fresh = await claimed(user_management, "alive")
    assert (fresh.job.id, fresh.attempt, fresh.run_alone, fresh.job.attempts) == (job.id, 2, True, 1)
    assert fresh.fencing_token == 3
    for attempt in (
        call(user_management.jobs.Complete, complete_request(stale)),
        fail(user_management, stale),
        release(user_management, stale),
    ):
        with pytest.raises(AppError) as refused:
            await attempt
        assert refused.value.code is ErrorCode.STALE_LEASE
    states = await heartbeat(user_management, beat_of(stale))
    assert not states[job.id].held
    assert (await heartbeat(user_management, beat_of(fresh)))[job.id].held


async def test_heartbeat_answers_for_every_beat(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    for _ in range(3):
        await user_management.create(ann)
    leased = [await claimed(user_management) for _ in range(3)]
    forged = jobs_pb2.LeaseBeat(job_id="nonsense", lease_id="nonsense")
    states = await heartbeat(user_management, *(beat_of(one, progress=0.5) for one in leased), forged)
    assert [states[one.job.id].held for one in leased] == [True] * 3
    assert not states["nonsense"].held
    assert await heartbeat(user_management) == {}


async def test_tracks_may_only_refer_to_objects_of_their_own_run(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    await user_management.create(ann)
    leased = await claimed(user_management)
    elsewhere = track_of(leased)
    elsewhere.master_object_key = f"jobs/{uuid.uuid4()}/1/master.flac"
    with pytest.raises(AppError) as refused:
        await call(user_management.jobs.Complete, complete_request(leased, tracks=[elsewhere]))
    assert refused.value.code is ErrorCode.VALIDATION
    assert await sql.fetchval("SELECT status FROM jobs") == "running"


async def test_list_is_paged_newest_first_and_filtered(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    made = [await user_management.create(ann) for _ in range(5)]
    await user_management.create(ben)
    await cancel(user_management, ann, made[2].id)
    seen: list[str] = []
    cursor = ""
    while True:
        page = common_pb2.PageRequest(limit=2, cursor=cursor)
        answer = await call(
            user_management.jobs.List, jobs_pb2.ListRequest(page=page), token=user_management.token(ann)
        )
        assert len(answer.jobs) <= 2
        seen += [job.id for job in answer.jobs]
        cursor = answer.next_cursor
        if not cursor:
            break
    assert seen == [job.id for job in reversed(made)]
    request = jobs_pb2.ListRequest(status=CANCELLED)
    filtered = await call(user_management.jobs.List, request, token=user_management.token(ann))
    assert [job.id for job in filtered.jobs] == [made[2].id]
    positions = (await call(user_management.jobs.List, jobs_pb2.ListRequest(), token=user_management.token(ann))).jobs
    assert [job.queue_position for job in positions] != [0] * 5


async def test_page_of_large_jobs_is_cut_to_what_one_answer_holds(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    request = json.dumps({"lyrics": "la" * 120_000})
    made = [(await user_management.create(ann, request_json=request)).id for _ in range(20)]
    seen: list[str] = []
    cursor = ""
    pages = 0
    while cursor or not pages:
        listing = jobs_pb2.ListRequest(page=common_pb2.PageRequest(limit=100, cursor=cursor))
        answer = await call(user_management.jobs.List, listing, token=user_management.token(ann))
        seen += [job.id for job in answer.jobs]
        cursor = answer.next_cursor
        pages += 1
    assert seen == made[::-1]
    assert pages > 1


async def test_queued_job_gets_an_estimate_from_how_long_jobs_took(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    await user_management.create(ann)
    leased = await claimed(user_management)
    await call(user_management.jobs.Complete, complete_request(leased))
    await sql.execute("UPDATE jobs SET started_at = finished_at - interval '10 seconds'")
    first, second = [await user_management.create(ann) for _ in range(2)]
    assert (first.queue_position, second.queue_position) == (1, 2)
    assert (first.eta_seconds, second.eta_seconds) == (pytest.approx(10), pytest.approx(20))


async def test_waiting_get_answers_when_the_job_ends(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    leased = await claimed(user_management)
    waiting = asyncio.create_task(user_management.get(ann, job.id, wait_seconds=30))
    await asyncio.sleep(0)
    with promised(4, "hearing of the end"):
        await call(user_management.jobs.Complete, complete_request(leased))
        assert (await waiting).status == SUCCEEDED


async def test_waiting_get_answers_when_the_time_is_up(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    assert (await user_management.get(ann, job.id, wait_seconds=0.05)).status == QUEUED
    assert (await user_management.get(ann, job.id, wait_seconds=float("nan"))).status == QUEUED


async def test_end_in_another_replica_wakes_the_waiter_too(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    here, there = await start_user_management(), await start_user_management()
    ann = await here.sign_up()
    job = await here.create(ann)
    leased = await claimed(there)
    waiting = asyncio.create_task(here.get(ann, job.id, wait_seconds=30))
    await call(there.jobs.Complete, complete_request(leased))
    assert (await asyncio.wait_for(waiting, 60)).status == SUCCEEDED


async def test_reaper_takes_the_job_of_a_silent_worker(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    service = await start_user_management(lease_seconds=0.3)
    ann = await service.sign_up()
    job = await service.create(ann, reserve_seconds=30)
    for _ in range(3):
        leased = await eventually(lambda: service.claim("silent"), what="the job comes back")
        assert leased.job.id == job.id
    ended = await service.get(ann, job.id, wait_seconds=20)
    assert (ended.status, ended.attempts, ended.error.code) == (FAILED, 3, "worker-crashed")
    assert (await service.usage(ann)).balance_seconds == 36000
    assert await service.claim() is None


async def test_cancelled_job_of_a_silent_worker_ends_as_cancelled(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    service = await start_user_management(lease_seconds=0.3)
    ann = await service.sign_up()
    job = await service.create(ann)
    await claimed(service)
    await cancel(service, ann, job.id)
    assert (await service.get(ann, job.id, wait_seconds=20)).status == CANCELLED
