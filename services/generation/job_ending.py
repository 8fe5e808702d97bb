"""Telling the ledger how an attempt ended: completed, failed or given back; one of them, and while the lease holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import orjson
import structlog

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from protos.users.v1.tracks_pb2 import TrackContent
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.leases import Lease
from services.shared.live_channel import StaleToken

_CALL_SECONDS = 3.0
_PAUSE_SECONDS = 0.2
# The ledger is away for a moment: all three calls may be made twice.
_REPEATED = {ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED}

_log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RELEASED = "released"
    LOST = "lost"


class JobEnding:
    """One attempt's last word. `settled` is set once it is said, or nobody wants to hear it any more."""

    def __init__(self, jobs: jobs_pb2_grpc.JobServiceStub, lease: Lease) -> None:
        self._jobs = jobs
        self._lease = lease
        self._told = False
        self.settled = asyncio.Event()

    async def complete(self, content: TrackContent, stored_bytes: int, metrics: dict[str, Any]) -> None:
        """The song is stored. Raises STALE_LEASE when it comes too late, and what the ledger refuses it with."""
        await self._complete(
            tracks=[content],
            made_seconds=content.duration_seconds,
            stored_bytes=stored_bytes,
            metrics_json=orjson.dumps(metrics).decode(),
        )

    async def complete_with(self, result_json: str) -> None:
        """The work is done and left no track. Raises as `complete` does."""
        await self._complete(result_json=result_json)

    async def _complete(self, **outcome: Any) -> None:
        if self._told:
            raise StaleToken
        await self._tell(
            self._jobs.Complete,
            jobs_pb2.CompleteRequest(
                job_id=self._lease.job_id,
                lease_id=self._lease.lease_id,
                fencing_token=self._lease.fencing_token,
                **outcome,
            ),
        )

    async def fail(self, error: AppError) -> Outcome:
        """The work cannot be done."""
        request = jobs_pb2.FailRequest(
            job_id=self._lease.job_id,
            lease_id=self._lease.lease_id,
            fencing_token=self._lease.fencing_token,
            error=jobs_pb2.JobError(code=error.code.value, message=error.message),
        )
        return (
            Outcome.RELEASED if self._told else await self._last(self._tell(self._jobs.Fail, request), Outcome.FAILED)
        )

    async def release(self) -> Outcome:
        """The job is given back unharmed; the ledger ends it if its owner asked for that."""
        request = jobs_pb2.ReleaseRequest(
            job_id=self._lease.job_id, lease_id=self._lease.lease_id, fencing_token=self._lease.fencing_token
        )
        if self._told:
            return Outcome.RELEASED
        return await self._last(self._tell(self._jobs.Release, request), Outcome.RELEASED)

    def drop(self) -> None:
        """Nothing more will be said. Idempotent."""
        self.settled.set()
        self._lease.drop()

    async def _last(self, telling: Awaitable[None], outcome: Outcome) -> Outcome:
        """One that comes too late, or that cannot be told, is a lost attempt: the ledger finds out by the lease."""
        try:
            await telling
        except AppError as error:
            if error.code is not ErrorCode.STALE_LEASE:
                _log.warning("ending_not_told", code=error.code.value, reason=error.message)
            return Outcome.LOST
        return outcome

    async def _tell(self, method: Callable[..., Any], request: object) -> None:
        while not self._lease.lost:
            try:
                await call(method, request, timeout=_CALL_SECONDS)
            except AppError as error:
                if error.code not in _REPEATED:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                self._told = True
                self.drop()
                return
        raise StaleToken
