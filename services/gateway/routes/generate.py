"""Making music."""

from __future__ import annotations

import re

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute, count_call
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of
from services.gateway.responses import also
from services.gateway.schemas.generation import GenerateBatchRequest, GeneratedJob, GenerateRequest, JobBatch
from services.gateway.schemas.jobs import Job
from services.shared.errors import AppError, FieldViolation
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/generate", tags=["generate"], route_class=GatewayRoute)

_GENERATE = [Depends(Admission("generate"))]
_MAKE = [Depends(Admission("generate", guests=True))]
_REPLAYED = "idempotency-replayed"
# How an error of a batch names the request that it is about.
_TAKE = re.compile(r"^/requests/\d+")


@router.post("", status_code=202, dependencies=_MAKE, responses=also(409, 507))
async def generate(
    body: GenerateRequest,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> GeneratedJob:
    """Ask for a song. The answer is its job; `Location` and `links` say where to listen and how far it is.

    With `count` several takes are made, all of them or none; the answer is the first one, and `jobs` holds each.
    """
    if body.count > 1:
        return await _takes(body, request, response, caller, gateway, idempotency_key)
    idempotency = idempotency_of(request, idempotency_key, body)
    submitted = await gateway.generation.submit(caller, body.to_message(), idempotency)
    job = GeneratedJob.from_message(submitted.job, gateway.links.of(caller))
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
        await count_call(request, "generate", caller, cost=len(body.requests) - 1)
    keys = [idempotency_of(request, idempotency_key, body, item=position) for position in range(len(body.requests))]
    submitted = await gateway.generation.submit_all(caller, [item.to_message() for item in body.requests], keys)
    if all(item.replayed for item in submitted):
        response.headers[_REPLAYED] = "true"
    return JobBatch(jobs=[Job.from_message(item.job, gateway.links.of(caller)) for item in submitted])


async def _takes(
    body: GenerateRequest,
    request: Request,
    response: Response,
    caller: Principal,
    gateway: Collaborators,
    idempotency_key: str | None,
) -> GeneratedJob:
    await count_call(request, "generate", caller, cost=body.count - 1)
    keys = [idempotency_of(request, idempotency_key, body, item=take) for take in range(body.count)]
    messages = [body.to_message(take) for take in range(body.count)]
    try:
        submitted = await gateway.generation.submit_all(caller, messages, keys)
    except AppError as error:
        # Every take is the same request: what is wrong is wrong with the body, not with one of them.
        violations = [FieldViolation(_TAKE.sub("", item.pointer), item.detail) for item in error.violations]
        raise AppError(
            error.code, error.message, violations=violations, retry_after_seconds=error.retry_after_seconds
        ) from error
    links = gateway.links.of(caller)
    first = GeneratedJob.from_message(submitted[0].job, links)
    response.headers["location"] = first.links["self"]
    if all(item.replayed for item in submitted):
        response.headers[_REPLAYED] = "true"
    return first.model_copy(update={"jobs": [Job.from_message(item.job, links) for item in submitted]})
