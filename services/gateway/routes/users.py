"""The caller's own account."""

from __future__ import annotations

from datetime import UTC

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Gateway
from services.gateway.device import device_of
from services.gateway.entity_tags import IfMatch, revised, revisions_of
from services.gateway.media.objects import Representation, object_response
from services.gateway.responses import also, binary
from services.gateway.routes.auth import needs_sign_in
from services.gateway.schemas.security import PasswordProof
from services.gateway.schemas.users import Export, ProfileChange, Usage, User
from services.gateway.schemas.webhooks import WebhookSecret
from services.gateway.streams.response import StreamedResponse
from services.shared.errors import AppError, ErrorCode

router = APIRouter(prefix="/api/v1/users", tags=["users"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]


@router.get("/me", dependencies=_READ)
async def get_me(request: Request, caller: Caller, gateway: Gateway) -> User:
    """Who is signed in."""
    user = await gateway.accounts.me(caller)
    revised(request, user.revision)
    return User.from_message(user)


@router.patch("/me", dependencies=[Depends(Admission("write", scope="account"))])
async def change_me(
    body: ProfileChange, request: Request, caller: Caller, gateway: Gateway, if_match: IfMatch = None
) -> User:
    """Change your name, and what others see of you."""
    changed = await gateway.credentials.update_profile(
        caller,
        full_name=body.full_name,
        display_name=body.display_name,
        bio=body.bio,
        links=body.links,
        revisions=revisions_of(if_match),
    )
    revised(request, changed.revision)
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


@router.post("/me/export", status_code=202, dependencies=[Depends(Admission("write", scope="account"))])
async def start_export(caller: Caller, gateway: Gateway) -> Export:
    """Have an archive made of everything that is yours: profile, tracks, playlists, comments, jobs as JSON, all audio.

    An account has one archive, which does not count to its storage and is deleted after 7 days. The answer is the one
    that is on its way or is not old enough yet (`next_at`), if there is one.
    """
    return Export.from_message(await gateway.exports.start(caller), gateway.links.of(caller))


@router.get("/me/export", dependencies=[Depends(Admission("read", scope="account"))], responses=also(404))
async def get_export(caller: Caller, gateway: Gateway) -> Export:
    """How far the archive is, and where it is fetched."""
    return Export.from_message(await gateway.exports.get(caller), gateway.links.of(caller))


@router.get(
    "/me/export/file",
    dependencies=[Depends(Admission("audio", scope="account", takes_links=True))],
    response_class=StreamedResponse,
    responses={**binary("application/zip"), **also(404, 409)},
)
async def get_export_file(request: Request, caller: Caller, gateway: Gateway) -> Response:
    """The archive. Takes Range, If-Range, If-None-Match and If-Modified-Since. It is kept for 7 days."""
    export = await gateway.exports.get(caller)
    if export.status != "ready":
        raise AppError(ErrorCode.CONFLICT, "The archive is not ready. Ask GET /api/v1/users/me/export how far it is.")
    what = Representation(
        key=export.object_key,
        size_bytes=export.size_bytes,
        media_type="application/zip",
        etag=f'"{export.sha256}"',
        modified=export.finished_at.ToDatetime(tzinfo=UTC),
        title="music-gen-ai export",
        extension="zip",
    )
    return await object_response(request, gateway.store, what, attachment=True)


@router.post("/me/webhook-secret", dependencies=[Depends(Admission("write"))])
async def renew_request_secret(request: Request, caller: Caller, gateway: Gateway) -> WebhookSecret:
    """Draw the secret that signs messages to addresses which requests name themselves (`webhook_url`).

    It replaces the one before, for every attempt from now on.
    """
    return WebhookSecret(secret=await gateway.webhooks.renew_secret(caller, "", device_of(request)))
