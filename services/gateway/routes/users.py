"""The caller's own account."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway
from services.gateway.schemas.users import Usage, User

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]


@router.get("/me", dependencies=_READ)
async def get_me(caller: Caller, gateway: Gateway) -> User:
    """Who is signed in."""
    return User.from_message(await gateway.accounts.me(caller))


@router.get("/me/usage", dependencies=_READ)
async def get_usage(caller: Caller, gateway: Gateway) -> Usage:
    """How much audio may still be made, is being made, and was made."""
    return Usage.from_message(await gateway.accounts.usage(caller))
