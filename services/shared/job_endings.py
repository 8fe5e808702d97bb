"""How an attempt at a job ends, and telling the ledger so while its lease holds: all of it may arrive twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from protos.users.v1 import jobs_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.grpc_errors import wire_violations
from services.shared.leases import Lease, LeaseLost

_CALL_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.2
# The ledger is away for a moment.
_REPEATED: Final = (ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED)


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RELEASED = "released"
    LOST = "lost"


def completion(lease: Lease, **outcome: Any) -> jobs_pb2.CompleteRequest:
    """That the job is done; `outcome` are the request's other fields."""
    return jobs_pb2.CompleteRequest(**_attempt(lease), **outcome)


def failure(lease: Lease, error: AppError, message: str = "") -> jobs_pb2.FailRequest:
    """That the job cannot be done, and which fields are to blame; `message` instead of the error's own."""
    told = jobs_pb2.JobError(
        code=error.code.value, message=message or error.message, violations=wire_violations(error.violations)
    )
    return jobs_pb2.FailRequest(**_attempt(lease), error=told)


def giving_back(lease: Lease) -> jobs_pb2.ReleaseRequest:
    """That the job is unharmed and somebody else's; the ledger ends it if its owner asked for that."""
    return jobs_pb2.ReleaseRequest(**_attempt(lease))


async def tell_ledger(lease: Lease, method: Callable[..., Any], request: object) -> None:
    """Make one of the calls that end an attempt. Raises `LeaseLost`, and what the ledger refuses it with."""
    while not lease.lost:
        try:
            await call(method, request, timeout=_CALL_SECONDS)
        except AppError as error:
            if error.code not in _REPEATED:
                raise
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return
    raise LeaseLost(lease.job_id)


def _attempt(lease: Lease) -> dict[str, Any]:
    return {"job_id": lease.job_id, "lease_id": lease.lease_id, "fencing_token": lease.fencing_token}
