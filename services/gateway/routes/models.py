"""The model catalogue."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway
from services.gateway.schemas.models import Model, ModelList

router = APIRouter(prefix="/api/v1/models", tags=["models"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]


@router.get("", dependencies=_READ)
async def list_models(caller: Caller, gateway: Gateway) -> ModelList:
    """Every model, with its licence, its size and what it takes."""
    return ModelList(items=[Model.from_message(model) for model in await gateway.generation.models(caller)])


@router.get("/{model_id}", dependencies=_READ)
async def get_model(model_id: str, caller: Caller, gateway: Gateway) -> Model:
    """One model."""
    return Model.from_message(await gateway.generation.model(caller, model_id))
