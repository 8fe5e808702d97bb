"""Creating jobs: once by a key, all or none in a batch, within quota and queue; over gRPC."""

import asyncio
import hashlib
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from tests.support.user_management import UserManagement, claimed

pytestmark = pytest.mark.integration


async def test_token_of_an_account_that_is_gone_creates_nothing(user_management: UserManagement) -> None:
    for user_id in (str(uuid.uuid4()), "local"):
        token = user_management.token(user_id=user_id)
        request = jobs_pb2.CreateRequest(kind="generate", queue="generation", request_json="{}")
        with pytest.raises(AppError) as refused:
            await call(user_management.jobs.Create, request, token=token)
        assert refused.value.code is ErrorCode.UNAUTHENTICATED


async def test_same_key_and_body_answer_the_first_job(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    key = jobs_pb2.Idempotency(route="POST /api/v1/generate", key="k1", body_sha256=hashlib.sha256(b"{}").digest())
    first = await user_management.create_response(ann, idempotency=key, reserve_seconds=30)
    again = await user_management.create_response(ann, idempotency=key, reserve_seconds=30)
    other_person = await user_management.create_response(ben, idempotency=key)
    assert (first.replayed, again.replayed, again.job.id) == (False, True, first.job.id)
    assert other_person.job.id != first.job.id
    assert (await user_management.usage(ann)).reserved_seconds == 30


async def test_same_key_with_another_body_is_refused(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    keys = [
        jobs_pb2.Idempotency(route="POST /api/v1/generate", key="k1", body_sha256=hashlib.sha256(body).digest())
        for body in (b"{}", b"[]")
    ]
    await user_management.create(ann, idempotency=keys[0])
    with pytest.raises(AppError) as refused:
        await user_management.create(ann, idempotency=keys[1])
    assert refused.value.code is ErrorCode.IDEMPOTENCY_MISMATCH


async def test_simultaneous_calls_with_one_key_make_one_job(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    key = jobs_pb2.Idempotency(route="POST /api/v1/generate", key="k1", body_sha256=b"0" * 32)
    answers = await asyncio.gather(
        *(user_management.create_response(ann, idempotency=key, reserve_seconds=30) for _ in range(8))
    )
    assert len({answer.job.id for answer in answers}) == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert await sql.fetchval("SELECT count(*) FROM jobs") == 1
    assert (await user_management.usage(ann)).reserved_seconds == 30


async def test_key_is_forgotten_after_a_day(user_management: UserManagement, sql: asyncpg.Connection) -> None:
    ann = await user_management.sign_up()
    key = jobs_pb2.Idempotency(route="POST /api/v1/generate", key="k1", body_sha256=b"0" * 32)
    first = await user_management.create(ann, idempotency=key)
    await sql.execute("UPDATE idempotency_keys SET expires_at = now()")
    second = await user_management.create(ann, idempotency=key)
    assert second.id != first.id


def batch_of(*fields: dict[str, Any]) -> jobs_pb2.CreateBatchRequest:
    usual = {"kind": "generate", "queue": "generation", "request_json": "{}", "reserve_seconds": 30}
    return jobs_pb2.CreateBatchRequest(jobs=[jobs_pb2.CreateRequest(**(usual | item)) for item in fields])


async def test_batch_makes_every_job_once(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    keys = [
        jobs_pb2.Idempotency(route=f"POST /batch#{index}", key="k", body_sha256=hashlib.sha256(b"x").digest())
        for index in range(3)
    ]
    request = batch_of(*({"idempotency": key} for key in keys))
    create = user_management.jobs.CreateBatch
    answers = await asyncio.gather(*(call(create, request, token=user_management.token(ann)) for _ in range(4)))
    assert len({tuple(item.job.id for item in answer.jobs) for answer in answers}) == 1
    assert sum(not item.replayed for answer in answers for item in answer.jobs) == 3
    assert (await user_management.usage(ann)).reserved_seconds == 90


async def test_batch_beyond_the_quota_makes_nothing(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    service = await start_user_management(quota_grant_seconds=75)
    ann = await service.sign_up()
    with pytest.raises(AppError) as refused:
        await call(service.jobs.CreateBatch, batch_of({}, {}, {}), token=service.token(ann))
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    usage = await service.usage(ann)
    assert (usage.balance_seconds, usage.reserved_seconds) == (75, 0)
    assert await service.claim() is None


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ([], "/jobs"),
        ([{}] * 65, "/jobs"),
        ([{}, {"queue": "knitting"}], "/jobs/1/queue"),
        ([{}, {"idempotency": jobs_pb2.Idempotency(route="r", key="k", body_sha256=bytes(32))}], "/jobs"),
    ],
)
async def test_batch_of_the_wrong_form_is_refused_by_name(
    user_management: UserManagement, fields: list[dict[str, Any]], pointer: str
) -> None:
    ann = await user_management.sign_up()
    with pytest.raises(AppError) as refused:
        await call(user_management.jobs.CreateBatch, batch_of(*fields), token=user_management.token(ann))
    assert [item.pointer for item in refused.value.violations] == [pointer]
    assert await user_management.claim() is None


async def test_used_up_quota_refuses_and_changes_nothing(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    service = await start_user_management(quota_grant_seconds=45)
    ann = await service.sign_up()
    await service.create(ann, reserve_seconds=30)
    with pytest.raises(AppError) as refused:
        await service.create(ann, reserve_seconds=30)
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    usage = await service.usage(ann)
    assert (usage.balance_seconds, usage.reserved_seconds) == (15, 30)
    await claimed(service)
    assert await service.claim() is None


async def test_full_queues_say_when_to_come_back(
    start_user_management: Callable[..., Awaitable[UserManagement]],
) -> None:
    service = await start_user_management(queue_limit=5, queue_limit_per_user=3)
    ann, ben = await service.sign_up(), await service.sign_up()
    for _ in range(3):
        await service.create(ann)
    with pytest.raises(AppError) as own_full:
        await service.create(ann, reserve_seconds=30)
    for _ in range(2):
        await service.create(ben)
    with pytest.raises(AppError) as all_full:
        await service.create(ben)
    for refused in (own_full.value, all_full.value):
        assert refused.code is ErrorCode.QUEUE_FULL
        assert refused.retry_after_seconds is not None
        assert 1 <= refused.retry_after_seconds <= 60
    assert "3 jobs" in own_full.value.message
    assert (await service.usage(ann)).reserved_seconds == 0
    await claimed(service)
    await service.create(ben)
