"""Mixes: sessions that people work on, each a chain of versions that are never changed."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, IdempotencyKey, Limit, idempotency_of, known_id
from services.gateway.entity_tags import IfMatch, revised, revisions_of
from services.gateway.responses import also
from services.gateway.routes.processing import Submission
from services.gateway.schemas.jobs import Job
from services.gateway.schemas.mixes import Mix, MixList, MixVersion, MixVersionList, NewMix, NewMixVersion, session_text
from services.gateway.schemas.processing import MixRequest
from services.shared.errors import AppError, ErrorCode

router = APIRouter(prefix="/api/v1/mixes", tags=["processing"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]
_GENERATE = [Depends(Admission("generate"))]

Number = Annotated[int, Path(ge=1, le=1_000_000, description="Of the version.")]


@router.get("", dependencies=_READ)
async def list_mixes(caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = "") -> MixList:
    """Your mixes, newest first."""
    page = await gateway.mixes.list(caller, limit=limit, cursor=cursor)
    return MixList(items=[Mix.from_message(mix) for mix in page.mixes], next_cursor=page.next_cursor or None)


@router.post("", status_code=201, dependencies=_WRITE, responses=also(404, 409))
async def create_mix(
    body: NewMix,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Mix:
    """Keep a session (`POST /processing/mix` takes the same) as the first version of a new mix, up to 256 KiB."""
    made = await gateway.mixes.create(
        caller,
        title=body.title,
        session_json=session_text(body.session),
        note=body.note,
        idempotency=idempotency_of(request, idempotency_key, body),
    )
    if made.replayed:
        response.headers["idempotency-replayed"] = "true"
    return Mix.from_message(made.mix)


@router.get("/{mix_id}", dependencies=_READ)
async def get_mix(mix_id: str, request: Request, caller: Caller, gateway: Gateway) -> Mix:
    """One mix; its sessions are its versions."""
    mix = await gateway.mixes.get(caller, known_id(mix_id, "mix"))
    revised(request, mix.version)
    return Mix.from_message(mix)


@router.delete("/{mix_id}", status_code=204, response_class=Response, dependencies=_WRITE)
async def delete_mix(mix_id: str, caller: Caller, gateway: Gateway, if_match: IfMatch = None) -> None:
    """Remove a mix with all its versions. Tracks that were rendered of it stay."""
    await gateway.mixes.delete(caller, known_id(mix_id, "mix"), revisions_of(if_match))


@router.get("/{mix_id}/versions", dependencies=_READ)
async def list_mix_versions(
    mix_id: str, caller: Caller, gateway: Gateway, limit: Limit = 20, cursor: Cursor = ""
) -> MixVersionList:
    """The versions of a mix, newest first, without their sessions."""
    page = await gateway.mixes.versions(caller, known_id(mix_id, "mix"), limit=limit, cursor=cursor)
    items = [MixVersion.from_message(version) for version in page.versions]
    return MixVersionList(items=items, next_cursor=page.next_cursor or None)


@router.post("/{mix_id}/versions", status_code=201, dependencies=_WRITE, responses=also(409))
async def save_mix_version(
    mix_id: str, body: NewMixVersion, caller: Caller, gateway: Gateway, if_match: IfMatch = None
) -> MixVersion:
    """Keep a changed session as the newest version. One that is the newest already makes no other: saving is
    harmless to repeat. `If-Match` takes the mix's `ETag`, and says what `base_version` says.
    """
    made = await gateway.mixes.save(
        caller,
        known_id(mix_id, "mix"),
        session_json=session_text(body.session),
        note=body.note,
        base_version=body.base_version or 0,
        versions=revisions_of(if_match),
    )
    return MixVersion.from_message(made)


@router.get("/{mix_id}/versions/{number}", dependencies=_READ)
async def get_mix_version(mix_id: str, number: Number, caller: Caller, gateway: Gateway) -> MixVersion:
    """One version with its session."""
    return MixVersion.from_message(await gateway.mixes.version(caller, known_id(mix_id, "mix"), number))


@router.post("/{mix_id}/versions/{number}/restore", status_code=201, dependencies=_WRITE, responses=also(409))
async def restore_mix_version(mix_id: str, number: Number, caller: Caller, gateway: Gateway) -> MixVersion:
    """Make an older session the newest version; those in between stay."""
    return MixVersion.from_message(await gateway.mixes.restore(caller, known_id(mix_id, "mix"), number))


@router.post("/{mix_id}/versions/{number}/render", status_code=202, dependencies=_GENERATE, responses=also(409, 507))
async def render_mix_version(
    mix_id: str, number: Number, caller: Caller, gateway: Gateway, submission: Submission
) -> Job:
    """Render a version, old or new; the result is a new track. The same version makes the same sound."""
    mix = await gateway.mixes.get(caller, known_id(mix_id, "mix"))
    version = await gateway.mixes.version(caller, mix.id, number)
    session = {"title": mix.title, **orjson.loads(version.session_json)}
    try:
        return await submission.create("mix", MixRequest.model_validate(session))
    except ValidationError as error:
        # Kept by a version of the platform that took other sessions.
        raise AppError(
            ErrorCode.VALIDATION, "This version cannot be rendered any more: open it and save it anew."
        ) from error
    except AppError as error:
        # What is wrong stands in the kept session, not in a body.
        raise AppError(
            error.code,
            f"This version cannot be rendered: {error.message}",
            retry_after_seconds=error.retry_after_seconds,
        ) from error
