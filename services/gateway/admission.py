"""What happens to a request before its route reads it: who is it, may they, and not too often.

A route states its terms as a dependency, `dependencies=[Depends(Admission("read"))]`; `GatewayRoute` applies them
before the body is read, so that a stranger's body costs nothing, and the OpenAPI document is completed from them.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial, wraps
from itertools import chain
from typing import Any, NoReturn

import orjson
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.authentication import Caller
from services.gateway.browser.cookies import set_session
from services.gateway.browser.csrf import HEADER as CSRF_HEADER
from services.gateway.browser.origin import is_foreign
from services.gateway.browser.sessions import BrowserUse
from services.gateway.collaborators import Collaborators
from services.gateway.deprecation import Deprecated
from services.gateway.entity_tags import tagged
from services.gateway.in_flight import STREAMS, Place
from services.gateway.rate_limit.policy import LimitClass
from services.gateway.rate_limit.window import Verdict
from services.gateway.validation import DEEPEST_LEVELS, TOO_DEEP
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal
from services.shared.networks import network_of, site_of

_SCOPES = {
    "read": "read",
    "stream": "read",
    "audio": "read",
    "pictures": "read",
    "generate": "generate",
    "write": "write",
    "comments": "write",
}
# The role of whoever tries the platform without an account.
GUEST = "guest"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Admission:
    """A route's terms: its class of rate limits, whether one has to be signed in, whether a signed link will do."""

    limit: str
    signed_in: bool = True
    takes_links: bool = False
    # What an API key needs for it: by default what the class of limits stands for; "account" is beyond every key.
    scope: str = ""
    # Among which answers in hand it counts, by default those of its class of limits; "" for what is never refused when
    # the server is full, because it makes room.
    place: str | None = None
    # Whether guests may call it: by default what only reads, and is not about the account.
    guests: bool | None = None

    @property
    def counted_among(self) -> str:
        """The answers in hand that bound it; "" for none."""
        return self.limit if self.place is None else self.place

    @property
    def needed_scope(self) -> str:
        """The scope that an API key has to have."""
        return self.scope or _SCOPES.get(self.limit, "account")

    @property
    def open_to_guests(self) -> bool:
        """Whether somebody who only tries the platform may call it."""
        return self.needed_scope == "read" if self.guests is None else self.guests

    # A coroutine like every dependency here: the framework sends plain functions through a thread.
    async def __call__(self) -> None:
        """Nothing: the terms were applied before the framework asks for dependencies."""


class JsonRequest(Request):
    """Reads JSON strictly (RFC 8259): no NaN, no Infinity, no broken UTF-8, and no more levels than anybody needs."""

    async def json(self) -> Any:
        """The body. Raises `json.JSONDecodeError`."""
        body = await self.body()
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise json.JSONDecodeError(error.msg, "", error.pos) from error
        # Most bodies do not even hold so many brackets.
        if body.count(b"[") + body.count(b"{") > DEEPEST_LEVELS and _is_deep(value):
            raise json.JSONDecodeError(TOO_DEEP, "", 0)
        return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST_LEVELS):
        inner = chain.from_iterable(item.values() if isinstance(item, dict) else item for item in level)
        level = [item for item in inner if isinstance(item, dict | list)]
        if not level:
            return False
    return True


class GatewayRoute(APIRoute):
    """A route that admits before it reads."""

    @cached_property
    def _counted_among(self) -> str:
        return self.admission.counted_among if self.admission is not None else ""

    @property
    def admission(self) -> Admission | None:
        """The route's terms; None for what anybody may have at any rate."""
        terms = [item.dependency for item in self.dependencies if isinstance(item.dependency, Admission)]
        return terms[0] if terms else None

    @cached_property
    def has_tags(self) -> bool:
        """Whether what it reads, or edits, is told with an entity tag."""
        methods = self.methods or set()
        reads = "GET" in methods and self.admission is not None and self.admission.limit == "read"
        return reads or "PATCH" in methods

    @cached_property
    def deprecation(self) -> Deprecated | None:
        """Since when it is said that the call will go; None for what stays."""
        found = [item.dependency for item in self.dependencies if isinstance(item.dependency, Deprecated)]
        return found[0] if found else None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler behind admission and the check of the body's type."""
        _hand_over(self.dependant)
        handle = super().get_route_handler()
        admission, takes_body, has_tags = self.admission, self.body_field is not None, self.has_tags

        async def admit_and_handle(request: Request) -> Response:
            if admission is not None:
                await admit(request, admission)
            if takes_body:
                require_json(request)
            response = await handle(JsonRequest(request.scope, request.receive))
            if has_tags:
                response = tagged(request, response)
            response.headers.update(request.scope["state"].get("rate_headers", {}))
            _renew_cookies(request, response)
            return response

        return admit_and_handle

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and let go of the places among all answers and the person's long ones however that ends.

        Raises `AppError` (OVERLOADED) when the server has enough in hand.
        """
        gateway: Collaborators = scope["app"].state.collaborators
        state = scope["state"]
        if self.deprecation is not None:
            state["notices"] = self.deprecation.headers
        place = gateway.in_flight.enter(self._counted_among) if self._counted_among else None
        state["place"] = place
        try:
            await super().handle(scope, receive, send)
        finally:
            if place is not None:
                place.leave()
            person = state.pop("long_answer_of", None)
            if person is not None:
                gateway.long_answers.close(person)


async def admit(request: Request, admission: Admission) -> None:
    """Find the caller and count the request.

    Raises `AppError`: UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED, UNAVAILABLE.
    """
    gateway: Collaborators = request.app.state.collaborators
    state = request.scope["state"]
    try:
        found = await _caller(gateway, request, admission)
    except AppError as error:
        if error.code in {ErrorCode.UNAUTHENTICATED, ErrorCode.FORBIDDEN}:
            await count_address(request, "rejected")
        raise
    caller = found.principal if found is not None else None
    state["browser"] = found.browser if found is not None else None
    await count_call(request, admission.limit, caller, session_id=caller.session_id if caller is not None else "")
    state["caller"] = caller
    if caller is not None:
        # After the look-up of what has ended: a revoked key is refused as such.
        require_scope(caller, admission.needed_scope)
        if caller.role == GUEST and not admission.open_to_guests:
            raise AppError(
                ErrorCode.SIGN_UP_REQUIRED,
                "Guests make and hear songs. To do this, sign up: what you made stays yours.",
            )
        state["user_id"] = caller.subject
        if admission.limit == "stream":
            hold_long_answer(request, caller)


def hold_long_answer(request: Request, caller: Principal) -> None:
    """Count the answer among the long ones, and the caller's, until it has ended.

    Raises `AppError` (RATE_LIMITED, OVERLOADED).
    """
    gateway: Collaborators = request.app.state.collaborators
    place: Place | None = request.scope["state"].get("place")
    if place is not None:
        place.move(STREAMS)
    # Load runs lift this together with the other limits.
    if gateway.limits:
        gateway.long_answers.open(caller.subject)
        request.scope["state"]["long_answer_of"] = caller.subject


async def _caller(gateway: Collaborators, request: Request, admission: Admission) -> Caller | None:
    if not admission.signed_in:
        # A stale token must not keep anybody from signing in anew.
        return None
    caller = await gateway.authenticator.caller(
        request, takes_links=admission.takes_links, before_asking=partial(require_few_rejected, request)
    )
    if caller is None:
        raise AppError(
            ErrorCode.UNAUTHENTICATED,
            "Sign in first: send `Authorization: Bearer <access token>` from POST /api/v1/auth/login, or `X-API-Key`.",
        )
    if caller.browser is not None and request.method not in _SAFE_METHODS:
        require_own_page(gateway, request)
        if not gateway.csrf.matches(caller.principal.session_id, request.headers.get(CSRF_HEADER, "")):
            raise AppError(
                ErrorCode.FORBIDDEN,
                "A signed-in browser has to send `X-CSRF-Token` with the value of the cookie `musicgen_csrf` "
                "(over HTTPS `__Host-musicgen_csrf`).",
            )
    return caller


async def require_few_rejected(request: HTTPConnection) -> None:
    """Raises `AppError` (RATE_LIMITED) when the address has sent as many refused credentials as it may: what comes
    from there is not looked up any more, because asking costs more than guessing.
    """
    gateway: Collaborators = request.app.state.collaborators
    for name, limit, subject in address_windows(request, "rejected"):
        looked = await gateway.window.admit(name, limit, subject, cost=0)
        if looked is None or limit is None or looked.remaining > 0:
            continue
        # The window refuses without counting, and says for how long.
        verdict = await gateway.window.admit(name, limit, subject)
        if verdict is not None and not verdict.allowed:
            _refuse(limit, verdict, 1)


def require_scope(caller: Principal, scope: str) -> None:
    """Raises `AppError` (FORBIDDEN) for an API key without the scope. Sessions have every right of their owner."""
    if caller.scopes and scope not in caller.scopes:
        need = "This is for signed-in people only" if scope == "account" else f"This needs a key of the scope {scope}"
        raise AppError(ErrorCode.FORBIDDEN, f"{need}: the API key may not do it.")


def require_own_page(gateway: Collaborators, request: HTTPConnection) -> None:
    """Raises `AppError` (FORBIDDEN) when another site's page sent the request."""
    if is_foreign(request, gateway.settings.cors_origins):
        raise AppError(ErrorCode.FORBIDDEN, "A page of another site sent this request. Use the server's own pages.")


def _renew_cookies(request: Request, response: Response) -> None:
    """Keep the browser's cookies for as long as its session, which this request may have put off."""
    browser: BrowserUse | None = request.scope["state"].get("browser")
    if browser is None or browser.renewed_seconds is None or "set-cookie" in response.headers:
        return
    gateway: Collaborators = request.app.state.collaborators
    set_session(
        request,
        response,
        secret=browser.secret,
        csrf=gateway.csrf.token(browser.principal.session_id),
        lifetime_seconds=browser.renewed_seconds,
    )


async def count_call(
    request: Request, name: str, caller: Principal | None, *, cost: int = 1, session_id: str = ""
) -> None:
    """Count `cost` requests of the class `name`: of the API key first, if one calls, then of its owner or the address.

    Raises `AppError` (RATE_LIMITED, UNAUTHENTICATED for an ended session).
    """
    gateway: Collaborators = request.app.state.collaborators
    limit = gateway.limits.of(name, caller.tier if caller is not None else "")
    if caller is None or limit is None or limit.per != "user":
        await count_address(request, name, cost=cost, session_id=session_id)
        return
    # Callers with scopes are keys, and what names their session is the key's id.
    if caller.scopes and limit.of_a_key is not None:
        # A key that has had its share is refused before it uses up its owner's.
        await _count(request, f"{name}.key", limit.of_a_key, caller.session_id, cost, session_id)
        session_id = ""
    # One window a person, whatever the tier: who changes it keeps what was used.
    await _count(request, name, limit, caller.subject, cost, session_id)


async def count_address(request: Request, name: str, *, cost: int = 1, session_id: str = "") -> None:
    """Count `cost` requests of the class `name` for where they come from.

    Raises `AppError` (RATE_LIMITED, UNAUTHENTICATED for an ended session).
    """
    for window, limit, subject in address_windows(request, name):
        await _count(request, window, limit, subject, cost, session_id)
        session_id = ""


def address_windows(request: HTTPConnection, name: str) -> Iterator[tuple[str, LimitClass | None, str]]:
    """The windows of the class `name` for where a request comes from, the narrower one first: name, limit, subject.

    Whoever is refused in it does not use up what others around have.
    """
    gateway: Collaborators = request.app.state.collaborators
    limit = gateway.limits.of(name)
    yield name, limit, client_network(request)
    site = site_of(_address(request))
    if site is not None and limit is not None and limit.of_a_site is not None:
        yield f"{name}.site", limit.of_a_site, site


async def _count(
    request: Request, name: str, limit: LimitClass | None, subject: str, cost: int, session_id: str
) -> None:
    gateway: Collaborators = request.app.state.collaborators
    verdict = await gateway.window.admit(name, limit, subject, cost=cost, session_id=session_id)
    if verdict is None:
        return
    if limit is not None and _is_tightest(request, verdict):
        request.scope["state"]["rate_headers"] = _headers(name, limit, verdict)
        request.scope["state"]["rate_left"] = verdict.remaining
    if verdict.session_revoked:
        raise AppError(ErrorCode.UNAUTHENTICATED, "This session was ended. Sign in again.")
    if not verdict.allowed and limit is not None:
        _refuse(limit, verdict, cost)


def _is_tightest(request: Request, verdict: Verdict) -> bool:
    """Whether this window is the one to tell of: of those that a request counts in, the one with least left."""
    least: int | None = request.scope["state"].get("rate_left")
    return least is None or not verdict.allowed or verdict.remaining < least


def _refuse(limit: LimitClass, verdict: Verdict, cost: int) -> NoReturn:
    wait = max(1, round(verdict.retry_after_seconds))
    sentence = f"At most {limit.quota} such requests are taken in {limit.window_seconds} s. Wait {wait} s, then go on."
    if cost > limit.quota:
        sentence = f"At most {limit.quota} such requests are taken in {limit.window_seconds} s: ask for fewer at once."
    raise AppError(ErrorCode.RATE_LIMITED, sentence, retry_after_seconds=verdict.retry_after_seconds)


def _headers(name: str, limit: LimitClass, verdict: Verdict) -> dict[str, str]:
    # draft-ietf-httpapi-ratelimit-headers: what is left, and the seconds until the window is over.
    return {
        "ratelimit-policy": f'"{name}";q={limit.quota};w={limit.window_seconds}',
        "ratelimit": f'"{name}";r={verdict.remaining};t={verdict.reset_seconds}',
    }


def client_network(request: HTTPConnection) -> str:
    """The network that a request comes from."""
    return network_of(_address(request))


def _address(request: HTTPConnection) -> str:
    return request.client.host if request.client else ""


def require_json(request: Request) -> None:
    """Raises `AppError` (UNSUPPORTED_MEDIA) unless the body is plain JSON, or absent."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body and (media_type != "application/json" or encoding not in {"", "identity"}):
        raise AppError(
            ErrorCode.UNSUPPORTED_MEDIA,
            "Send the body as `Content-Type: application/json`, without a Content-Encoding.",
        )


def _hand_over(dependant: Dependant) -> None:
    """Let the endpoint have the caller and the collaborators straight from the request, and its terms not be asked for.

    To the framework each is a dependency with parameters, a place in a cache and a kind of function, all of which it
    looks into at every call: that took about as long as the endpoint itself.
    """
    for item in dependant.dependencies:
        if inspect.isclass(item.call):
            item.call = _made_at_once(item.call)
    endpoint, own = dependant.call, dependant.request_param_name
    if endpoint is None or not inspect.iscoroutinefunction(endpoint):
        return
    handed = {item.name: _HANDED[item.call] for item in dependant.dependencies if item.name and item.call in _HANDED}
    dependant.dependencies = [
        item for item in dependant.dependencies if item.name not in handed and not isinstance(item.call, Admission)
    ]
    if not handed:
        return
    named = own or "request_of_the_call"

    @wraps(endpoint)
    async def call(**values: Any) -> Any:
        request = values[named] if own else values.pop(named)
        for name, find in handed.items():
            values[name] = find(request)
        return await endpoint(**values)

    dependant.request_param_name, dependant.call = named, call


def _made_at_once(kind: type[Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Makes what a call's parameters are gathered in; the framework would send the class through a thread."""

    async def make(**values: Any) -> Any:
        return kind(**values)

    return make


async def collaborators_of(request: Request) -> Collaborators:
    """The gateway's parts."""
    return _collaborators(request)


async def caller_of(request: Request) -> Principal:
    """The signed-in caller of an admitted request."""
    return _signed_in(request)


def _collaborators(request: Request) -> Collaborators:
    collaborators: Collaborators = request.app.state.collaborators
    return collaborators


def _signed_in(request: Request) -> Principal:
    caller = request.scope["state"].get("caller")
    if not isinstance(caller, Principal):
        raise AppError(ErrorCode.UNAUTHENTICATED, "Sign in first.")
    return caller


_HANDED: Mapping[object, Callable[[Request], Any]] = {collaborators_of: _collaborators, caller_of: _signed_in}
