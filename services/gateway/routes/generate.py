"""Making music."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute, count
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of
from services.gateway.responses import also
from services.gateway.schemas.generation import GenerateBatchRequest, GenerateRequest, JobBatch
from services.gateway.schemas.jobs import Job

router = APIRouter(prefix="/api/v1/generate", tags=["generate"], route_class=GatewayRoute)

_GENERATE = [Depends(Admission("generate"))]
_REPLAYED = "idempotency-replayed"


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
    job = Job.from_message(submitted.job, gateway.links.of(caller))
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
    keys = [idempotency_of(request, idempotency_key, body, item=position) for position in range(len(body.requests))]
    submitted = await gateway.generation.submit_all(caller, [item.to_message() for item in body.requests], keys)
    if all(item.replayed for item in submitted):
        response.headers[_REPLAYED] = "true"
    return JobBatch(jobs=[Job.from_message(item.job, gateway.links.of(caller)) for item in submitted])
