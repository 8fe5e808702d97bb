"""user_management's job ledger, as the gateway reads it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call, stream
from services.shared.identity import Principal

_CALL_SECONDS = 5.0


class JobsClient:
    """Every call is made as the job's owner."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = jobs_pb2_grpc.JobServiceStub(channel)
        self._tokens = tokens

    async def get(self, caller: Principal, job_id: str, *, wait_seconds: float = 0.0) -> jobs_pb2.Job:
        """One job; with `wait_seconds` when it has ended, or after that time."""
        response: jobs_pb2.GetResponse = await call(
            self._stub.Get,
            jobs_pb2.GetRequest(job_id=job_id, wait_seconds=wait_seconds),
            token=self._tokens.token(caller),
            timeout=wait_seconds + _CALL_SECONDS,
            retries=RETRIES,
        )
        return response.job

    async def list(
        self, caller: Principal, *, limit: int, cursor: str, status: jobs_pb2.JobStatus.ValueType
    ) -> jobs_pb2.ListResponse:
        """One page of the caller's jobs, newest first."""
        request = jobs_pb2.ListRequest(page=common_pb2.PageRequest(limit=limit, cursor=cursor), status=status)
        response: jobs_pb2.ListResponse = await call(
            self._stub.List, request, token=self._tokens.token(caller), retries=RETRIES
        )
        return response

    async def cancel(self, caller: Principal, job_id: str) -> jobs_pb2.Job:
        """Ask for the end of a job. Harmless to repeat."""
        response: jobs_pb2.CancelResponse = await call(
            self._stub.Cancel,
            jobs_pb2.CancelRequest(job_id=job_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.job

    async def watch(
        self, caller: Principal, job_id: str, *, after_event_id: str
    ) -> AsyncGenerator[jobs_pb2.WatchResponse, None]:
        """The job's events after the given one, until its end. Closing the iteration cancels the call."""
        request = jobs_pb2.WatchRequest(job_id=job_id, after_event_id=after_event_id)
        events = cast(
            "AsyncGenerator[jobs_pb2.WatchResponse, None]",
            stream(self._stub.Watch, request, token=self._tokens.token(caller)),
        )
        async with aclosing(events):
            async for event in events:
                yield event
