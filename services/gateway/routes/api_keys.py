"""API keys."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway, known_id
from services.gateway.device import device_of
from services.gateway.responses import also
from services.gateway.routes.auth import needs_sign_in
from services.gateway.schemas.security import ApiKey, ApiKeyList, ApiKeyRequest, NewApiKey

router = APIRouter(
    prefix="/api/v1/api-keys", tags=["auth"], route_class=GatewayRoute, dependencies=[Depends(needs_sign_in)]
)


@router.get("", dependencies=[Depends(Admission("read", scope="account"))], responses=also(409))
async def list_api_keys(caller: Caller, gateway: Gateway) -> ApiKeyList:
    """Your keys, newest first, without their secrets."""
    return ApiKeyList(items=[ApiKey.from_message(key) for key in await gateway.credentials.keys(caller)])


@router.post("", status_code=201, dependencies=[Depends(Admission("write", scope="account"))], responses=also(409))
async def create_api_key(body: ApiKeyRequest, request: Request, caller: Caller, gateway: Gateway) -> NewApiKey:
    """Make a key. Its secret is in this answer and nowhere else."""
    made = await gateway.credentials.create_key(
        caller,
        name=body.name,
        scopes=body.scopes,
        expires_in_days=body.expires_in_days or 0,
        device=device_of(request),
    )
    return NewApiKey(key=ApiKey.from_message(made.key), secret=made.secret)


@router.delete(
    "/{key_id}",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(Admission("write", scope="account"))],
    responses=also(409),
)
async def revoke_api_key(key_id: str, request: Request, caller: Caller, gateway: Gateway) -> None:
    """End a key, at once."""
    await gateway.credentials.revoke_key(caller, known_id(key_id, "key"), device_of(request))
