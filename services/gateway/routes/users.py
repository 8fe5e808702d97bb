"""The caller's own account."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway
from services.gateway.device import device_of
from services.gateway.responses import also
from services.gateway.routes.auth import needs_sign_in
from services.gateway.schemas.security import PasswordProof
from services.gateway.schemas.users import ProfileChange, Usage, User

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]


@router.get("/me", dependencies=_READ)
async def get_me(caller: Caller, gateway: Gateway) -> User:
    """Who is signed in."""
    return User.from_message(await gateway.accounts.me(caller))


@router.patch("/me", dependencies=[Depends(Admission("write", scope="account"))])
async def change_me(body: ProfileChange, caller: Caller, gateway: Gateway) -> User:
    """Change your name, and what others see of you."""
    changed = await gateway.credentials.update_profile(
        caller, full_name=body.full_name, display_name=body.display_name, bio=body.bio, links=body.links
    )
    return User.from_message(changed)


@router.delete("/me", status_code=202, dependencies=[Depends(Admission("auth", scope="account"))], responses=also(409))
async def delete_me(body: PasswordProof, request: Request, caller: Caller, gateway: Gateway) -> User:
    """Delete your account and everything in it, at `deletion_due_at`. Signing in before then keeps it.

    Ends every session and API key.
    """
    await needs_sign_in(gateway)
    return User.from_message(await gateway.credentials.delete_account(caller, body.password, device_of(request)))


@router.get("/me/usage", dependencies=_READ)
async def get_usage(caller: Caller, gateway: Gateway) -> Usage:
    """How much audio may still be made, is being made, and was made."""
    return Usage.from_message(await gateway.accounts.usage(caller))
