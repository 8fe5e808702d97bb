"""Sign-in by an identity provider (OpenID Connect): for browsers, ends in the session cookie."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.gateway.admission import Admission, GatewayRoute, require_own_page
from services.gateway.browser.cookies import clear_sealed, sealed, set_sealed, set_session
from services.gateway.collaborators import Collaborators
from services.gateway.dependencies import Gateway
from services.gateway.device import device_of
from services.gateway.oidc.attempt import LIFETIME_SECONDS, Attempt, Pending
from services.gateway.oidc.flow import OidcSignIn
from services.gateway.responses import Responses, also
from services.gateway.routes.auth import needs_private_connection, needs_sign_in
from services.gateway.schemas.oidc import SecondFactor, SignInProvider, SignInProviderList
from services.shared.errors import AppError, ErrorCode

PREFIX = "/api/v1/auth/oidc"

router = APIRouter(prefix=PREFIX, tags=["auth"], route_class=GatewayRoute)

_BEFORE_SIGN_IN = [Depends(Admission("auth", signed_in=False)), Depends(needs_sign_in)]
_ATTEMPT_COOKIE = "musicgen_oidc"
_PENDING_COOKIE = "musicgen_oidc_pending"
_SIGN_IN_PAGE = "/sign-in/"
# A path of this site: no other host, no control characters, and no call of the API.
_PAGE = re.compile(r"/(?![/\\]|api/)[A-Za-z0-9/_.~%?&=+#:@!$'()*,;-]{0,290}", re.ASCII)
_REDIRECT: Responses = {303: {"description": "To the next page"}}

# Together, and however they are escaped, within what a request's head may hold.
Code = Annotated[str, Query(max_length=3_000)]
Parameter = Annotated[str, Query(max_length=500)]


@router.get("", dependencies=[Depends(Admission("public", signed_in=False))])
async def list_sign_in_providers(gateway: Gateway) -> SignInProviderList:
    """The sites that people may sign in with; none where the operator has set up none."""
    public_url = gateway.settings.public_url
    items = [
        SignInProvider(
            id=flow.provider.id, title=flow.provider.title, start_url=f"{public_url}{PREFIX}/{flow.provider.id}/start"
        )
        for flow in gateway.oidc.values()
        if not gateway.settings.single_user
    ]
    return SignInProviderList(items=items)


@router.get(
    "/{provider}/start",
    status_code=303,
    response_class=RedirectResponse,
    dependencies=_BEFORE_SIGN_IN,
    responses={**_REDIRECT, **also(403, 409)},
)
async def start_oidc(
    provider: str,
    request: Request,
    gateway: Gateway,
    next_page: Annotated[
        str,
        Query(alias="next", max_length=300, description="The page to end at, a path of this site.", examples=["/"]),
    ] = "/",
) -> Response:
    """Send a browser to the provider's sign-in page. It comes back to `…/callback`."""
    flow = _flow(gateway, provider)
    if _PAGE.fullmatch(next_page) is None:
        raise AppError(
            ErrorCode.VALIDATION, "`next` has to be a path of this site, for example /library/.", location="query"
        )
    needs_private_connection(gateway, request)
    try:
        url, attempt = await flow.begin(next_page)
    except AppError as error:
        return _page_or_raise(request, error)
    response = RedirectResponse(url, 303)
    set_sealed(request, response, _ATTEMPT_COOKIE, gateway.envelope.seal(attempt), LIFETIME_SECONDS)
    return response


@router.get(
    "/{provider}/callback",
    status_code=303,
    response_class=RedirectResponse,
    dependencies=_BEFORE_SIGN_IN,
    responses={**_REDIRECT, **also(401, 403, 409)},
)
async def finish_oidc(
    provider: str,
    request: Request,
    gateway: Gateway,
    code: Code = "",
    state: Parameter = "",
    iss: Parameter = "",
    error: Annotated[str, Query(max_length=200, description="Why the provider did not sign anybody in.")] = "",
) -> Response:
    """Where the provider sends the browser back to; signs it in by cookie and sends it on.

    Browsers are told of a refusal on the sign-in page (`/sign-in/?problem=…`), programs by the problem itself.
    """
    flow = _flow(gateway, provider)
    attempt = gateway.envelope.open(Attempt, sealed(request, _ATTEMPT_COOKIE))
    person: Pending | None = None
    response: Response
    try:
        needs_private_connection(gateway, request)
        params = {"code": "" if error else code, "state": state, "iss": iss}
        person = await flow.finish(attempt, params)
        response = RedirectResponse(person.next, 303)
        await _sign_in(request, response, gateway, flow, person)
    except AppError as refusal:
        response = _page_or_raise(request, refusal)
        if refusal.code is ErrorCode.SECOND_FACTOR_REQUIRED and person is not None:
            set_sealed(request, response, _PENDING_COOKIE, gateway.envelope.seal(person), LIFETIME_SECONDS)
    clear_sealed(request, response, _ATTEMPT_COOKIE)
    return response


@router.post(
    "/second-factor",
    status_code=204,
    response_class=Response,
    dependencies=_BEFORE_SIGN_IN,
    responses=also(401, 403, 409),
)
async def finish_oidc_by_second_factor(body: SecondFactor, request: Request, gateway: Gateway) -> Response:
    """Sign the browser in whose callback asked for a second factor, within ten minutes of it."""
    require_own_page(gateway, request)
    needs_private_connection(gateway, request)
    person = gateway.envelope.open(Pending, sealed(request, _PENDING_COOKIE))
    flow = gateway.oidc.get(person.provider) if person is not None else None
    if person is None or flow is None:
        raise AppError(ErrorCode.UNAUTHENTICATED, "The sign-in took too long. Start again with your provider.")
    response = Response(status_code=204)
    await _sign_in(request, response, gateway, flow, person, body.totp)
    clear_sealed(request, response, _PENDING_COOKIE)
    return response


async def _sign_in(
    request: Request, response: Response, gateway: Collaborators, flow: OidcSignIn, person: Pending, code: str = ""
) -> None:
    opened = await gateway.federation.open_session(flow.provider, person, code=code, device=device_of(request))
    set_session(
        request,
        response,
        secret=opened.secret,
        csrf=gateway.csrf.token(opened.session.id),
        lifetime_seconds=opened.session.lifetime_seconds,
    )


def _flow(gateway: Collaborators, provider: str) -> OidcSignIn:
    flow = gateway.oidc.get(provider)
    if flow is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is no provider of this name to sign in with.")
    return flow


def _page_or_raise(request: Request, error: AppError) -> Response:
    """The sign-in page for a person's browser, which cannot show a problem document; raises for programs."""
    if "text/html" not in request.headers.get("accept", ""):
        raise error
    return RedirectResponse(f"{_SIGN_IN_PAGE}?{urlencode({'problem': error.code.value})}", 303)
