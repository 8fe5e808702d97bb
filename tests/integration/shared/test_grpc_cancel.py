"""Whoever is cancelled while a call is answered ends, whatever moment it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.shared.grpc_client import call, open_channel
from services.shared.grpc_server import GrpcServer
from services.shared.identity import ServiceTokenSource, TokenVerifier
from services.shared.secrets import Secrets

NAME = "musicgen.users.v1.JobService"
REQUEST = jobs_pb2.GetRequest(job_id="x")


class Answering(jobs_pb2_grpc.JobServiceServicer):
    async def Get(self, request: jobs_pb2.GetRequest, context: Any) -> jobs_pb2.GetResponse:  # noqa: N802
        return jobs_pb2.GetResponse(job=jobs_pb2.Job(id=request.job_id))


@pytest.fixture
async def stub(verifier: TokenVerifier, secrets: Secrets) -> AsyncIterator[jobs_pb2_grpc.JobServiceStub]:
    server = GrpcServer(service="test", address="127.0.0.1:0", verifier=verifier, reflection=False)
    server.add(jobs_pb2_grpc.add_JobServiceServicer_to_server, Answering(), NAME)
    await server.start()
    async with open_channel(server.address, ServiceTokenSource("test", secrets.service_token_key()).token) as channel:
        yield jobs_pb2_grpc.JobServiceStub(channel)
    await server.stop(0)


async def test_cancel_that_comes_with_the_answer_is_not_lost() -> None:
    async def answer() -> str:
        # As grpc.aio does it.
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "an answer"
        raise AssertionError

    asking = asyncio.create_task(call(lambda *_, **__: asyncio.ensure_future(answer()), REQUEST))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_whoever_cleans_up_after_a_cancel_may_still_call(stub: jobs_pb2_grpc.JobServiceStub) -> None:
    async def work() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return str((await call(stub.Get, REQUEST)).job.id)
        raise AssertionError

    working = asyncio.create_task(work())
    await asyncio.sleep(0)
    working.cancel()
    assert await working == "x"


async def test_cancelled_call_ends_whenever_the_cancel_comes(stub: jobs_pb2_grpc.JobServiceStub) -> None:
    await call(stub.Get, REQUEST)
    went_on = []
    for turns in range(400):
        asking = asyncio.create_task(call(stub.Get, REQUEST))
        for _ in range(turns):
            if asking.done():
                break
            await asyncio.sleep(0)
        if not asking.cancel():
            continue
        try:
            await asking
        except asyncio.CancelledError:
            continue
        went_on.append(turns)
    assert went_on == []
