"""What people do with tracks: like them, and say something about them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import (
    Caller,
    Cursor,
    Gateway,
    IdempotencyKey,
    Limit,
    idempotency_of,
    known_id,
)
from services.gateway.responses import also
from services.gateway.schemas.comments import (
    COMMENT_ORDERS,
    Comment,
    CommentChange,
    CommentList,
    CommentRequest,
    CommentSort,
    LikeState,
)

router = APIRouter(prefix="/api/v1/tracks", tags=["people"], route_class=GatewayRoute)

_READ = [Depends(Admission("read"))]
_WRITE = [Depends(Admission("write"))]
# Each is told to somebody.
_SAY = [Depends(Admission("comments"))]


@router.put("/{track_id}/like", dependencies=_WRITE)
async def like(track_id: str, caller: Caller, gateway: Gateway) -> LikeState:
    """Like a track."""
    return LikeState(liked=True, likes=await gateway.social.set_like(caller, known_id(track_id, "track"), liked=True))


@router.delete("/{track_id}/like", dependencies=_WRITE)
async def unlike(track_id: str, caller: Caller, gateway: Gateway) -> LikeState:
    """Like a track no longer."""
    return LikeState(liked=False, likes=await gateway.social.set_like(caller, known_id(track_id, "track"), liked=False))


@router.get("/{track_id}/comments", dependencies=_READ)
async def list_comments(
    track_id: str,
    caller: Caller,
    gateway: Gateway,
    sort: Annotated[
        CommentSort, Query(description="`position`: along the track, without those about all of it.")
    ] = CommentSort.NEWEST,
    limit: Limit = 20,
    cursor: Cursor = "",
) -> CommentList:
    """What people said about a track."""
    page = await gateway.social.comments(
        caller, known_id(track_id, "track"), order=COMMENT_ORDERS[sort], limit=limit, cursor=cursor
    )
    return CommentList.from_message(page)


@router.post("/{track_id}/comments", status_code=201, dependencies=_SAY, responses=also(409))
async def add_comment(
    track_id: str,
    body: CommentRequest,
    request: Request,
    response: Response,
    caller: Caller,
    gateway: Gateway,
    idempotency_key: IdempotencyKey = None,
) -> Comment:
    """Say something about a track, as a whole or at a place of it. You can leave 500 comments on one track."""
    made = await gateway.social.add_comment(
        caller,
        known_id(track_id, "track"),
        body=body.body,
        position_seconds=body.position,
        idempotency=idempotency_of(request, idempotency_key, body),
    )
    if made.replayed:
        response.headers["idempotency-replayed"] = "true"
    return Comment.from_message(made.comment)


@router.patch("/{track_id}/comments/{comment_id}", dependencies=_SAY)
async def edit_comment(
    track_id: str, comment_id: str, body: CommentChange, caller: Caller, gateway: Gateway
) -> Comment:
    """Change what you said."""
    comment = await gateway.social.edit_comment(
        caller, known_id(track_id, "track"), known_id(comment_id, "comment"), body.body
    )
    return Comment.from_message(comment)


@router.delete("/{track_id}/comments/{comment_id}", status_code=204, response_class=Response, dependencies=_WRITE)
async def remove_comment(track_id: str, comment_id: str, caller: Caller, gateway: Gateway) -> None:
    """Remove what you said, or what somebody said about your track."""
    await gateway.social.remove_comment(caller, known_id(track_id, "track"), known_id(comment_id, "comment"))
