"""The hub: one socket for everything that happens to a person's jobs, and for notifications."""

from __future__ import annotations

import time
from functools import partial

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.websockets import WebSocket

from services.gateway.admission import address_windows, require_few_rejected, require_own_page, require_scope
from services.gateway.collaborators import Collaborators
from services.gateway.errors import app_error_response
from services.gateway.hub.connection import HubConnection
from services.gateway.hub.messages import PROTOCOL, TOKEN_PROTOCOL_PREFIX
from services.gateway.in_flight import SOCKETS
from services.gateway.rate_limit.policy import LimitClass
from services.gateway.streams.response import OPEN_STREAMS
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal
from services.shared.ids import new_id

router = APIRouter()

log = structlog.get_logger(__name__)

PATH = "/api/v1/ws"


@router.websocket(PATH)
async def follow(socket: WebSocket) -> None:
    """Events of all of the caller's jobs and notifications; see `HubMessage`. Goes on from `?last_event_id=`."""
    gateway: Collaborators = socket.app.state.collaborators
    try:
        # Before anything is looked up: each person has a bound of their own, and people are many.
        place = gateway.in_flight.enter(SOCKETS)
    except AppError as error:
        await _refuse(socket, error)
        return
    try:
        await _serve(gateway, socket)
    finally:
        place.leave()


async def _refuse(socket: WebSocket, error: AppError) -> None:
    """Answer the handshake like any other request."""
    request = Request({**socket.scope, "type": "http", "method": "GET", "state": {"request_id": new_id()}})
    await socket.send_denial_response(app_error_response(request, error))


async def _serve(gateway: Collaborators, socket: WebSocket) -> None:
    started = time.perf_counter()
    try:
        caller = await _admit(gateway, socket)
    except AppError as error:
        await _refuse(socket, error)
        return
    try:
        protocols = socket.scope.get("subprotocols", [])
        await socket.accept(subprotocol=PROTOCOL if PROTOCOL in protocols else None)
        with OPEN_STREAMS.labels("hub").track_inprogress():
            connection = HubConnection(
                socket,
                caller,
                redis=gateway.redis,
                signals=gateway.signals,
                sessions=gateway.sessions,
                jobs=gateway.jobs,
                links=gateway.links.of(caller),
                closing=gateway.closing,
            )
            await connection.serve(socket.query_params.get("last_event_id", ""))
    finally:
        gateway.sockets.close(caller.subject)
        log.info("socket", user_id=caller.subject, seconds=round(time.perf_counter() - started, 1))


async def _admit(gateway: Collaborators, socket: WebSocket) -> Principal:
    try:
        caller = await _caller(gateway, socket)
    except AppError as error:
        if error.code in {ErrorCode.UNAUTHENTICATED, ErrorCode.FORBIDDEN}:
            for name, limit, subject in address_windows(socket, "rejected"):
                await _count(gateway, name, limit, subject)
        raise
    await _count(
        gateway, "stream", gateway.limits.of("stream", caller.tier), caller.subject, session_id=caller.session_id
    )
    gateway.sockets.open(caller.subject)
    return caller


async def _caller(gateway: Collaborators, socket: WebSocket) -> Principal:
    found = await gateway.authenticator.caller(
        socket, takes_links=False, token=_protocol_token(socket), before_asking=partial(require_few_rejected, socket)
    )
    if found is None:
        raise AppError(
            ErrorCode.UNAUTHENTICATED,
            "Sign in first: by the browser's cookie, by `Authorization: Bearer <access token>`, or by the "
            f"subprotocols `{PROTOCOL}` and `{TOKEN_PROTOCOL_PREFIX}<access token>`.",
        )
    # A page of any site may open a socket here, and the browser sends the cookie along (RFC 6455 §10.2).
    if found.browser is not None or gateway.settings.single_user:
        require_own_page(gateway, socket)
    require_scope(found.principal, "read")
    return found.principal


async def _count(
    gateway: Collaborators, name: str, limit: LimitClass | None, subject: str, *, session_id: str = ""
) -> None:
    verdict = await gateway.window.admit(name, limit, subject, session_id=session_id)
    if verdict is None:
        return
    if verdict.session_revoked:
        raise AppError(ErrorCode.UNAUTHENTICATED, "This session was ended. Sign in again.")
    if not verdict.allowed and limit is not None:
        raise AppError(
            ErrorCode.RATE_LIMITED,
            "Too many sockets were opened within a minute. Wait a moment.",
            retry_after_seconds=verdict.retry_after_seconds,
        )


def _protocol_token(socket: WebSocket) -> str | None:
    """The access token that a page without a cookie sends as a subprotocol: it cannot set headers."""
    for protocol in socket.scope.get("subprotocols", []):
        if protocol.startswith(TOKEN_PROTOCOL_PREFIX):
            return str(protocol.removeprefix(TOKEN_PROTOCOL_PREFIX))
    return None
