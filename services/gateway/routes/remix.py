"""Songs after other songs."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of, known_id
from services.gateway.responses import also
from services.gateway.schemas.generation import RemixRequest
from services.gateway.schemas.jobs import Job
from services.shared.errors import AppError, FieldViolation

router = APIRouter(prefix="/api/v1/tracks", tags=["generate"], route_class=GatewayRoute)

_GENERATE = [Depends(Admission("generate"))]


@router.post("/{track_id}/remix", status_code=202, dependencies=_GENERATE, responses=also(409, 507))
async def remix_track(
    track_id: str,
    body: RemixRequest,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Ask for a song after one of yours or a public one: its form and harmony stay, the rest is made anew.

    The remix names what it came from (`parent_id`, `relation`) and carries its licence and the names to be given.
    """
    source = await gateway.tracks.get(caller, known_id(track_id, "track"))
    idempotency = idempotency_of(request, idempotency_key, body, about=track_id)
    try:
        submitted = await gateway.generation.submit(
            caller, body.to_message(track_id, source.content.title), idempotency
        )
    except AppError as error:
        # The song stands in the path here, not in the body.
        violations = [
            FieldViolation("" if item.pointer == "/variation_of" else item.pointer, item.detail)
            for item in error.violations
        ]
        raise AppError(
            error.code, error.message, violations=violations, retry_after_seconds=error.retry_after_seconds
        ) from error
    job = Job.from_message(submitted.job, gateway.links.of(caller))
    response.headers["location"] = job.links["self"]
    if submitted.replayed:
        response.headers["idempotency-replayed"] = "true"
    return job
