"""Shaping audio that exists."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of, known_id
from services.gateway.responses import also
from services.gateway.schemas.jobs import Job
from services.gateway.schemas.processing import ConvertRequest

router = APIRouter(prefix="/api/v1/processing", tags=["processing"], route_class=GatewayRoute)


@router.post("/convert", status_code=202, dependencies=[Depends(Admission("generate"))], responses=also(404, 409, 507))
async def convert(
    body: ConvertRequest,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Make a file of a track in another format, sample rate, bit depth or bit rate; the job's `links` lead to it."""
    known_id(body.track_id, "track")
    idempotency = idempotency_of(request, idempotency_key, body)
    submitted = await gateway.processing.submit(caller, "convert", body.model_dump_json(exclude_none=True), idempotency)
    job = Job.from_message(submitted.job, gateway.links)
    response.headers["location"] = job.links["self"]
    if submitted.replayed:
        response.headers["idempotency-replayed"] = "true"
    return job
