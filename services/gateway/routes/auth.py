"""Sign-in and sessions."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from protos.users.v1 import accounts_pb2
from services.gateway.admission import Admission, GatewayRoute, count_call, require_few_rejected, require_own_page
from services.gateway.browser.cookies import clear_session, is_secure, set_session
from services.gateway.browser.origin import is_loopback
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Caller, Gateway, known_id
from services.gateway.device import device_of
from services.gateway.responses import also
from services.gateway.schemas.auth import LoginRequest, RefreshRequest, RegisterRequest, Session, SessionList, TokenPair
from services.gateway.schemas.security import Accepted
from services.gateway.schemas.users import User
from services.shared.errors import AppError, ErrorCode

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], route_class=GatewayRoute)

_BEFORE_SIGN_IN = [Depends(Admission("auth", signed_in=False))]


@router.post(
    "/register",
    status_code=201,
    response_model=TokenPair,
    dependencies=_BEFORE_SIGN_IN,
    responses={202: {"model": Accepted}, **also(409)},
)
async def register(body: RegisterRequest, request: Request, gateway: Gateway) -> TokenPair | Response:
    """Create an account and sign it in.

    202 where the operator wants a verified address first; then the answer is the same for a taken one.
    """
    await needs_sign_in(gateway)
    tokens = await gateway.accounts.register(
        username=body.username,
        email=body.email,
        password=body.password,
        full_name=body.full_name,
        device=device_of(request),
    )
    if tokens is None:
        return JSONResponse(Accepted(message="Open the link in the mail that is on its way.").model_dump(), 202)
    return TokenPair.from_message(tokens)


@router.post("/login", dependencies=_BEFORE_SIGN_IN, responses=also(401, 403, 409))
async def login(body: LoginRequest, request: Request, gateway: Gateway) -> TokenPair:
    """Sign in by e-mail address or username."""
    await needs_sign_in(gateway)
    tokens = await gateway.accounts.login(
        identifier=body.identifier, password=body.password, code=body.totp, device=device_of(request)
    )
    return TokenPair.from_message(tokens)


@router.post("/refresh", dependencies=_BEFORE_SIGN_IN, responses=also(401, 409))
async def refresh(body: RefreshRequest, request: Request, gateway: Gateway) -> TokenPair:
    """Exchange a refresh token for a new pair. Using one twice ends every session that came from it."""
    await needs_sign_in(gateway)
    tokens = await gateway.accounts.refresh(refresh_token=body.refresh_token, device=device_of(request))
    return TokenPair.from_message(tokens)


@router.post(
    "/logout",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(Admission("write", scope="account", guests=True))],
    responses=also(409),
)
async def logout(request: Request, caller: Caller, gateway: Gateway) -> None:
    """End this session."""
    await needs_sign_in(gateway)
    await gateway.accounts.logout(caller, device_of(request))


@router.post(
    "/session",
    status_code=204,
    response_class=Response,
    dependencies=_BEFORE_SIGN_IN,
    responses=also(401, 403, 409),
)
async def open_session(body: LoginRequest, request: Request, gateway: Gateway) -> Response:
    """Sign a browser in: the answer sets a cookie that scripts cannot read, and the CSRF token as one that they can.

    Unsafe calls by cookie need the token as `X-CSRF-Token`.
    """
    await needs_sign_in(gateway)
    require_own_page(gateway, request)
    needs_private_connection(gateway, request)
    opened = await gateway.accounts.open_browser_session(
        identifier=body.identifier, password=body.password, code=body.totp, device=device_of(request)
    )
    response = Response(status_code=204)
    _hand_session(gateway, request, response, opened.session, opened.secret)
    return response


@router.post(
    "/guest",
    status_code=201,
    dependencies=_BEFORE_SIGN_IN,
    responses=also(403, 409),
)
async def enter_as_guest(request: Request, response: Response, gateway: Gateway) -> User:
    """Try the server without an account, where its operator lets people (`guests` of `GET /version`).

    Sets the same cookies as `POST /api/v1/auth/session`. A guest makes and hears short songs, a few a day, and is gone
    with them after a day without a call; `POST /api/v1/auth/guest/register` turns it into an account that keeps them.
    """
    await needs_sign_in(gateway)
    require_own_page(gateway, request)
    if not gateway.settings.guests:
        raise AppError(ErrorCode.FORBIDDEN, "This server takes no guests. Sign up to make music.")
    needs_private_connection(gateway, request)
    if await _is_signed_in(gateway, request):
        raise AppError(ErrorCode.CONFLICT, "You are signed in already. Sign out first to try the server as a guest.")
    # Only what makes a guest counts as one: whoever presses twice, or may not, has their day's guests still.
    await count_call(request, "guests", None)
    opened = await gateway.accounts.open_guest_session(device_of(request))
    _hand_session(gateway, request, response, opened.session, opened.secret)
    return User.from_message(opened.session.user)


@router.post(
    "/guest/register",
    status_code=201,
    response_model=User,
    dependencies=[Depends(Admission("auth", scope="account", guests=True))],
    responses={202: {"model": Accepted}, **also(403, 409)},
)
async def register_guest(
    body: RegisterRequest, request: Request, response: Response, caller: Caller, gateway: Gateway
) -> User | Response:
    """Sign up as a guest: the same account, with everything that the guest made, and no guest's limits any more.

    The guest's session ends, and the answer's cookies open a new one. 202 where the operator wants a verified address
    first: until the mail's link is opened the guest stays one, and the answer is the same for a taken address.
    """
    await needs_sign_in(gateway)
    # A caller by token would get cookies that nobody asked for.
    require_own_page(gateway, request)
    needs_private_connection(gateway, request)
    opened = await gateway.accounts.register_guest(
        caller,
        username=body.username,
        email=body.email,
        password=body.password,
        full_name=body.full_name,
        device=device_of(request),
    )
    if opened is None:
        return JSONResponse(Accepted(message="Open the link in the mail that is on its way.").model_dump(), 202)
    _hand_session(gateway, request, response, opened.session, opened.secret)
    return User.from_message(opened.session.user)


@router.delete(
    "/session",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(Admission("write", scope="account", guests=True))],
    responses=also(409),
)
async def close_session(request: Request, caller: Caller, gateway: Gateway) -> Response:
    """Sign this browser out and take its cookies back."""
    await needs_sign_in(gateway)
    await gateway.accounts.logout(caller, device_of(request))
    response = Response(status_code=204)
    clear_session(request, response)
    return response


@router.get("/sessions", dependencies=[Depends(Admission("read", scope="account"))])
async def list_sessions(caller: Caller, gateway: Gateway) -> SessionList:
    """The devices that are signed in, newest first."""
    sessions = await gateway.accounts.sessions(caller)
    return SessionList(items=[Session.from_message(session) for session in sessions])


@router.delete(
    "/sessions/{session_id}",
    status_code=204,
    response_class=Response,
    dependencies=[Depends(Admission("write", scope="account"))],
)
async def end_session(session_id: str, request: Request, caller: Caller, gateway: Gateway) -> None:
    """Sign a device out."""
    await gateway.accounts.revoke_session(caller, known_id(session_id, "session"), device_of(request))


def _hand_session(
    gateway: Collaborators,
    request: Request,
    response: Response,
    session: accounts_pb2.BrowserSession,
    secret: str,
) -> None:
    set_session(
        request,
        response,
        secret=secret,
        csrf=gateway.csrf.token(session.id),
        lifetime_seconds=session.lifetime_seconds,
    )


async def _is_signed_in(gateway: Collaborators, request: Request) -> bool:
    """Whether the browser's cookie still opens something: pressing twice makes no second guest."""
    try:
        found = await gateway.authenticator.caller(
            request, takes_links=False, before_asking=partial(require_few_rejected, request)
        )
    except AppError as error:
        if error.code is not ErrorCode.UNAUTHENTICATED:
            raise
        return False
    return found is not None


def needs_private_connection(gateway: Collaborators, request: Request) -> None:
    """Raises `AppError` (FORBIDDEN) where a session would travel in the open."""
    if not (is_secure(request) or is_loopback(request) or gateway.settings.plain_http_sessions):
        raise AppError(
            ErrorCode.FORBIDDEN,
            "Signing in here needs HTTPS, or this machine's own browser at localhost. When a proxy speaks HTTPS for "
            "the server, name it in MUSICGEN_GATEWAY_TRUSTED_PROXIES; on a network that you trust, "
            "MUSICGEN_GATEWAY_PLAIN_HTTP_SESSIONS=true allows plain HTTP.",
        )


async def needs_sign_in(gateway: Gateway) -> None:
    """Raises `AppError` (CONFLICT) on a server without accounts."""
    if gateway.settings.single_user:
        raise AppError(ErrorCode.CONFLICT, "This server works for one person without sign-in: leave the call out.")
