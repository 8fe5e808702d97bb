"""Making music."""

from __future__ import annotations

import contextlib

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from protos.users.v1 import jobs_pb2
from services.gateway.admission import Admission, GatewayRoute, count
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of
from services.gateway.responses import also
from services.gateway.schemas.generation import GenerateBatchRequest, GenerateRequest, JobBatch
from services.gateway.schemas.jobs import Job
from services.shared.errors import AppError, ErrorCode, FieldViolation
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/generate", tags=["generate"], route_class=GatewayRoute)

_GENERATE = [Depends(Admission("generate"))]
_REPLAYED = "idempotency-replayed"

# After these the same batch may succeed later, and its key then finds the jobs that were made: they are left alone.
_WORTH_REPEATING = frozenset(
    {
        ErrorCode.UNAVAILABLE,
        ErrorCode.DEADLINE_EXCEEDED,
        ErrorCode.QUEUE_FULL,
        ErrorCode.IDEMPOTENCY_IN_PROGRESS,
    }
)


@router.post("", status_code=202, dependencies=_GENERATE, responses=also(409, 507))
async def generate(
    body: GenerateRequest,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Ask for a song. The answer is its job; `Location` and `links` say where to listen and how far it is."""
    idempotency = idempotency_of(request, idempotency_key, body)
    submitted = await gateway.generation.submit(caller, body.to_message(), idempotency)
    job = Job.from_message(submitted.job, gateway.links)
    response.headers["location"] = job.links["self"]
    if submitted.replayed:
        response.headers[_REPLAYED] = "true"
    return job


@router.post("/batch", status_code=202, dependencies=_GENERATE, responses=also(409, 507))
async def generate_batch(
    body: GenerateBatchRequest,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> JobBatch:
    """Ask for up to 32 songs. Either every one is taken, or none."""
    if len(body.requests) > 1:
        await count(request, "generate", caller.subject, cost=len(body.requests) - 1)
    taken: list[jobs_pb2.Job] = []
    replayed = True
    for position, item in enumerate(body.requests):
        idempotency = idempotency_of(request, idempotency_key, body, item=position)
        try:
            submitted = await gateway.generation.submit(caller, item.to_message(), idempotency)
        except AppError as error:
            if idempotency is None or error.code not in _WORTH_REPEATING:
                await _withdraw(gateway, caller, taken)
            raise _within_batch(error, position) from error
        taken.append(submitted.job)
        replayed = replayed and submitted.replayed
    if replayed:
        response.headers[_REPLAYED] = "true"
    return JobBatch(jobs=[Job.from_message(job, gateway.links) for job in taken])


async def _withdraw(gateway: Collaborators, caller: Principal, jobs: list[jobs_pb2.Job]) -> None:
    for job in jobs:
        # The error that is on its way to the caller matters more, and the other jobs have to go all the same.
        with contextlib.suppress(AppError):
            await gateway.jobs.cancel(caller, job.id)


def _within_batch(error: AppError, position: int) -> AppError:
    """The error of one request as an error of the whole body."""
    prefix = f"/requests/{position}"
    return AppError(
        error.code,
        error.message,
        violations=[FieldViolation(f"{prefix}{item.pointer}", item.detail) for item in error.violations],
        retry_after_seconds=error.retry_after_seconds,
    )
