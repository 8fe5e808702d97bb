"""Telling the ledger how an attempt ended: completed, failed or given back; one of them, and while the lease holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog

from protos.users.v1 import jobs_pb2_grpc
from protos.users.v1.tracks_pb2 import TrackContent
from services.shared.errors import AppError, ErrorCode
from services.shared.job_endings import Outcome, completion, failure, giving_back, tell_ledger
from services.shared.leases import Lease, LeaseLost
from services.shared.live_channel import StaleToken

_log = structlog.get_logger(__name__)


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
        await self._tell(self._jobs.Complete, completion(self._lease, **outcome))

    async def fail(self, error: AppError) -> Outcome:
        """The work cannot be done."""
        request = failure(self._lease, error)
        return (
            Outcome.RELEASED if self._told else await self._last(self._tell(self._jobs.Fail, request), Outcome.FAILED)
        )

    async def release(self) -> Outcome:
        """The job is given back unharmed; the ledger ends it if its owner asked for that."""
        if self._told:
            return Outcome.RELEASED
        return await self._last(self._tell(self._jobs.Release, giving_back(self._lease)), Outcome.RELEASED)

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
        try:
            await tell_ledger(self._lease, method, request)
        except LeaseLost:
            raise StaleToken from None
        self._told = True
        self.drop()
