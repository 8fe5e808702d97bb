"""Shaping audio that exists."""

from __future__ import annotations

import orjson
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
    """Make a file of a track in another format, sample rate, bit depth or bit rate."""
    # Somebody else's private track is not found here already, before there is a job.
    track = await gateway.tracks.get(caller, known_id(body.track_id, "track"))
    parameters = {**body.model_dump(exclude_none=True), "object_key": track.content.master_object_key}
    submitted = await gateway.processing.submit(
        caller, "convert", orjson.dumps(parameters).decode(), idempotency_of(request, idempotency_key, body)
    )
    job = Job.from_message(submitted.job, gateway.links)
    response.headers["location"] = job.links["self"]
    if submitted.replayed:
        response.headers["idempotency-replayed"] = "true"
    return job
