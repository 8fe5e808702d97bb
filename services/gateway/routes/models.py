"""The model catalogue: what there is, and for administrators fetching and removing it."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway, IdempotencyKey, idempotency_of
from services.gateway.responses import also
from services.gateway.schemas.jobs import Job
from services.gateway.schemas.models import Model, ModelList
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal

router = APIRouter(prefix="/api/v1/models", tags=["models"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_ADMIN = [Depends(Admission("write", scope="admin"))]


@router.get("", dependencies=_READ)
async def list_models(caller: Caller, gateway: Gateway) -> ModelList:
    """Every model, with its licence, its size and what it takes."""
    return ModelList(items=[Model.from_message(model) for model in await gateway.generation.models(caller)])


@router.get("/{model_id}", dependencies=_READ)
async def get_model(model_id: str, caller: Caller, gateway: Gateway) -> Model:
    """One model."""
    return Model.from_message(await gateway.generation.model(caller, model_id))


@router.post("/{model_id}/pull", status_code=202, dependencies=_ADMIN, responses=also(409))
async def pull_model(
    model_id: str,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Fetch a model into the models folder. The answer is its job, with progress; a cancelled one leaves nothing.

    Its files are held against their publisher's hashes and checked before the model appears in the catalogue. Whoever
    installs a model accepts its licence. Needs an administrator.
    """
    _check_administrator(caller)
    idempotency = idempotency_of(request, idempotency_key, None, about=model_id)
    pulled = await gateway.generation.pull_model(caller, model_id, idempotency)
    job = Job.from_message(pulled.job, gateway.links.of(caller))
    response.headers["location"] = job.links["self"]
    if pulled.replayed:
        response.headers["idempotency-replayed"] = "true"
    return job


@router.delete("/{model_id}", status_code=204, dependencies=_ADMIN, responses=also(409))
async def remove_model(model_id: str, caller: Caller, gateway: Gateway) -> None:
    """Take a model out of the models folder; of one that is linked only the link goes. Needs an administrator."""
    _check_administrator(caller)
    await gateway.generation.remove_model(caller, model_id)


def _check_administrator(caller: Principal) -> None:
    """Raises `AppError` (FORBIDDEN) early; generation judges for itself."""
    if caller.role != "admin":
        raise AppError(ErrorCode.FORBIDDEN, "Only administrators may do this.")
