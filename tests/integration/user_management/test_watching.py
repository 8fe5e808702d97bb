"""The events of a job, from Valkey and without it; fences, doorbells and cancels that go with them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from protos.common.v1 import common_pb2
from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call, stream
from services.shared.job_events import publish_event
from services.shared.live_channel import StaleToken
from services.shared.live_scripts import LiveKeys
from tests.support.user_management import Person, UserManagement, eventually

pytestmark = pytest.mark.integration


async def watch(service: UserManagement, person: Person, job_id: str, after: str = "") -> list[tuple[str, str, Any]]:
    """Every event up to the end of the stream."""
    request = jobs_pb2.WatchRequest(job_id=job_id, after_event_id=after)
    events = stream(service.jobs.Watch, request, timeout=30, token=service.token(person))
    return [(event.event_id, event.type, json.loads(event.data_json)) async for event in events]


async def claimed(service: UserManagement, worker_id: str = "worker") -> jobs_pb2.LeasedJob:
    leased = await service.claim(worker_id)
    assert leased is not None
    return leased


async def complete(service: UserManagement, leased: jobs_pb2.LeasedJob) -> None:
    request = jobs_pb2.CompleteRequest(
        job_id=leased.job.id, lease_id=leased.lease_id, fencing_token=leased.fencing_token
    )
    await call(service.jobs.Complete, request)


async def test_watcher_sees_every_change_and_the_stream_ends_with_done(
    user_management: UserManagement, valkey: Redis
) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    watching = asyncio.create_task(watch(user_management, ann, job.id))
    leased = await claimed(user_management)
    await publish_event(valkey, job.id, "progress", {"progress": 0.5}, token=leased.fencing_token)
    await complete(user_management, leased)
    events = await asyncio.wait_for(watching, 60)
    kinds = [(kind, data.get("status")) for _, kind, data in events]
    assert kinds[0] == ("status", "queued")
    assert ("progress", None) in kinds
    assert kinds[-2:] == [("status", "succeeded"), ("done", "succeeded")]
    assert events[-1][2]["id"] == job.id


async def test_who_has_heard_the_last_event_is_told_nothing_more(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    await complete(user_management, await claimed(user_management))
    events = await watch(user_management, ann, job.id)
    assert events[-1][1] == "done"
    assert await watch(user_management, ann, job.id, after=events[-1][0]) == []


async def test_watcher_resumes_after_the_last_event_that_it_saw(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    await complete(user_management, await claimed(user_management))
    events = await watch(user_management, ann, job.id)
    rest = await watch(user_management, ann, job.id, after=events[0][0])
    assert rest == events[1:]


async def test_stream_ends_although_valkey_lost_the_events(user_management: UserManagement, valkey: Redis) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    await complete(user_management, await claimed(user_management))
    await watch(user_management, ann, job.id)
    await valkey.delete(LiveKeys.of(job.id).events)
    events = await watch(user_management, ann, job.id)
    assert [kind for _, kind, _ in events] == ["status", "done"]
    again = await watch(user_management, ann, job.id, after=events[-1][0])
    assert again[-1][1] == "done"


async def test_stream_ends_although_valkey_is_away(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    service = await start_user_management(redis_url="redis://127.0.0.1:9/0")
    ann = await service.sign_up()
    job = await service.create(ann)
    watching = asyncio.create_task(watch(service, ann, job.id))
    await complete(service, await claimed(service))
    assert [kind for _, kind, _ in await asyncio.wait_for(watching, 60)] == ["status", "done"]


async def test_failure_ends_the_stream_with_an_error(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    leased = await claimed(user_management)
    request = jobs_pb2.FailRequest(
        job_id=job.id,
        lease_id=leased.lease_id,
        fencing_token=leased.fencing_token,
        error=jobs_pb2.JobError(
            code="validation",
            message="The track's audio is damaged.",
            violations=[common_pb2.FieldViolation(pointer="/melody_id", detail="Choose another one.")],
        ),
    )
    await call(user_management.jobs.Fail, request)
    events = await watch(user_management, ann, job.id)
    blamed = [{"pointer": "/melody_id", "detail": "Choose another one."}]
    why = {"code": "validation", "message": "The track's audio is damaged.", "violations": blamed}
    assert events[-1][1:] == ("error", why)


async def test_cancel_ends_the_stream_with_its_status(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    token = user_management.token(ann)
    await call(user_management.jobs.Cancel, jobs_pb2.CancelRequest(job_id=job.id), token=token)
    events = await watch(user_management, ann, job.id)
    assert (events[-1][1], events[-1][2]["status"]) == ("status", "cancelled")


async def test_other_peoples_events_do_not_exist(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    job = await user_management.create(ann)
    for job_id in (job.id, "nonsense"):
        with pytest.raises(AppError) as refused:
            await watch(user_management, ben, job_id)
        assert refused.value.code is ErrorCode.NOT_FOUND


async def test_forged_event_id_is_refused(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    with pytest.raises(AppError) as refused:
        await watch(user_management, ann, job.id, after="yesterday")
    assert refused.value.code is ErrorCode.VALIDATION


async def test_new_job_rings_and_cancel_is_pushed(user_management: UserManagement, valkey: Redis) -> None:
    ann = await user_management.sign_up()
    async with valkey.pubsub() as heard:
        await heard.subscribe("mg:doorbell:generation", "mg:cancel")

        async def hears(channel: bytes, data: bytes) -> bool:
            message = await heard.get_message(ignore_subscribe_messages=True, timeout=1)
            return message is not None and (message["channel"], message["data"]) == (channel, data)

        job = await user_management.create(ann)
        await eventually(lambda: hears(b"mg:doorbell:generation", b""), what="the doorbell rings")
        await claimed(user_management)
        request = jobs_pb2.CancelRequest(job_id=job.id)
        await call(user_management.jobs.Cancel, request, token=user_management.token(ann))
        await eventually(lambda: hears(b"mg:cancel", job.id.encode()), what="the cancel is pushed")


async def test_dead_workers_token_is_refused_in_the_live_channel(
    user_management: UserManagement, valkey: Redis
) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    stale = await claimed(user_management, "dead")
    await call(user_management.jobs.ReportWorkerDeath, jobs_pb2.ReportWorkerDeathRequest(worker_id="dead"))

    async def fence() -> int:
        return int(await valkey.hget(LiveKeys.of(job.id).meta, "token") or 0)

    await eventually(fence, what="the fence is raised")
    with pytest.raises(StaleToken):
        await publish_event(valkey, job.id, "progress", {}, token=stale.fencing_token)
    fresh = await claimed(user_management, "alive")
    await publish_event(valkey, job.id, "progress", {}, token=fresh.fencing_token)


@pytest.mark.parametrize("end", ["closed", "failed", "cancelled"])
async def test_end_of_a_job_ends_its_live_channel(user_management: UserManagement, valkey: Redis, end: str) -> None:
    ann = await user_management.sign_up()
    job = await user_management.create(ann)
    leased = await claimed(user_management)
    lease = {"job_id": job.id, "lease_id": leased.lease_id, "fencing_token": leased.fencing_token}
    if end == "closed":
        await call(user_management.jobs.Complete, jobs_pb2.CompleteRequest(**lease))
    elif end == "failed":
        await call(user_management.jobs.Fail, jobs_pb2.FailRequest(**lease))
    else:
        token = user_management.token(ann)
        await call(user_management.jobs.Cancel, jobs_pb2.CancelRequest(job_id=job.id), token=token)
        await call(user_management.jobs.Release, jobs_pb2.ReleaseRequest(**lease))

    async def state() -> bytes | None:
        found: bytes | None = await valkey.hget(LiveKeys.of(job.id).meta, "state")
        return found

    assert await eventually(state, what="the channel ends") == end.encode()


async def test_end_that_a_killed_process_did_not_tell_is_told_at_the_next_start(
    start_user_management: Callable[..., Awaitable[UserManagement]], valkey: Redis
) -> None:
    deaf = await start_user_management(redis_url="redis://127.0.0.1:9/0")
    ann = await deaf.sign_up()
    job = await deaf.create(ann)
    await call(deaf.jobs.Cancel, jobs_pb2.CancelRequest(job_id=job.id), token=deaf.token(ann))
    assert await valkey.hget(LiveKeys.of(job.id).meta, "state") is None
    await start_user_management()

    async def state() -> bytes | None:
        found: bytes | None = await valkey.hget(LiveKeys.of(job.id).meta, "state")
        return found

    assert await eventually(state, what="the channel ends") == b"cancelled"
