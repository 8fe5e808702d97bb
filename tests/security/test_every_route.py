"""The security matrix: every route of the API × every way of not being allowed to."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.gateway.admission import GatewayRoute
from services.gateway.main import API_ROUTERS, build_api
from services.gateway.rate_limit.policy import CLASS_NAMES
from services.gateway.tokens.links import LinkSigner
from services.shared.identity import InternalTokenMinter, ServiceTokenSource
from services.shared.ids import new_id
from services.shared.secrets import Secrets
from tests.support.gateway_platform import Gateway, Person

ROUTES = [route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)]
CALLS = [(method, route) for route in ROUTES for method in sorted(route.methods)]
SIGNED_IN = [(method, route) for method, route in CALLS if route.admission is not None and route.admission.signed_in]
LINKED = [(method, route) for method, route in SIGNED_IN if route.admission.takes_links]
# Moderators work on other people's things, and nobody else may: that is the matrix's.
OWNED = [
    (method, route)
    for method, route in SIGNED_IN
    if re.search(r"\{(job|track|session)_id\}", route.path) and "/moderation/" not in route.path
]

# Open to everybody, on purpose. A new call is signed in unless it is added here.
OPEN = {
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/session",
    "POST /api/v1/auth/guest",
    "GET /api/v1/auth/oidc",
    "GET /api/v1/auth/oidc/{provider}/start",
    "GET /api/v1/auth/oidc/{provider}/callback",
    "POST /api/v1/auth/oidc/second-factor",
    "POST /api/v1/auth/email/verify",
    "POST /api/v1/auth/email/resend",
    "POST /api/v1/auth/password/forgot",
    "POST /api/v1/auth/password/reset",
    # By the token of a link, and by what opening it gave.
    "POST /api/v1/shared",
    "GET /api/v1/shared/{share_id}/audio",
    "GET /api/v1/shared/{share_id}/waveform",
    "GET /api/v1/shared/{share_id}/cover",
    # By the token of a mail.
    "GET /api/v1/notifications/unsubscribe",
    "POST /api/v1/notifications/unsubscribe",
    "GET /health/live",
    "GET /health/ready",
    "GET /version",
    "GET /.well-known/jwks.json",
}
BODIES = {
    "/api/v1/generate": {"prompt": "x"},
    "/api/v1/generate/batch": {"requests": [{"prompt": "x"}]},
    "/api/v1/tracks/{track_id}": {"title": "taken over"},
    "/api/v1/tracks/{track_id}/share": {},
    "/api/v1/tracks/bulk": {"track_ids": ["x"], "public": True},
    "/api/v1/tracks/{track_id}/remix": {},
    "/api/v1/projects": {"title": "x"},
    "/api/v1/mixes": {"title": "x", "session": {"tracks": [{"track_id": "{track_id}"}]}},
    "/api/v1/mixes/{mix_id}/versions": {"session": {"tracks": [{"track_id": "{track_id}"}]}},
    "/api/v1/projects/{project_id}": {"title": "taken over"},
    "/api/v1/reports": {"kind": "track", "id": "{track_id}", "reason": "spam"},
    "/api/v1/moderation/reports/{report_id}/decision": {"decision": "hide"},
    "/api/v1/moderation/tracks/{track_id}/hidden": {},
    "/api/v1/playlists": {"title": "x"},
    "/api/v1/playlists/{playlist_id}": {"title": "taken over"},
    "/api/v1/playlists/{playlist_id}/tracks/{track_id}": {},
    "/api/v1/tracks/{track_id}/comments": {"body": "seen"},
    "/api/v1/tracks/{track_id}/comments/{comment_id}": {"body": "seen"},
    "/api/v1/processing/convert": {"track_id": "{track_id}", "format": "wav"},
    "/api/v1/processing/separate": {"track_id": "{track_id}"},
    "/api/v1/processing/mix": {"tracks": [{"track_id": "{track_id}"}]},
    "/api/v1/processing/master": {"track_id": "{track_id}"},
    "/api/v1/processing/transcribe": {"track_id": "{track_id}"},
    "/api/v1/processing/analyze": {"track_id": "{track_id}"},
}


def name_of(call: tuple[str, GatewayRoute]) -> str:
    return f"{call[0]} {call[1].path}"


@dataclass
class Things:
    """What belongs to Ada."""

    job_id: str
    track_id: str
    session_id: str

    def path(self, route: GatewayRoute) -> str:
        path = route.path.format(
            job_id=self.job_id,
            track_id=self.track_id,
            session_id=self.session_id,
            name="drums",
            model_id="composer",
            key_id=new_id(),
            user_id=new_id(),
            playlist_id=new_id(),
            share_id=new_id(),
            report_id=new_id(),
            project_id=new_id(),
            mix_id=new_id(),
            number=1,
            username="grace",
            comment_id=new_id(),
            webhook_id=new_id(),
            delivery_id=new_id(),
        )
        return f"{path}?wait=0" if route.path.endswith("{job_id}") else path

    def body(self, method: str, route: GatewayRoute) -> dict[str, object] | None:
        if method not in {"POST", "PATCH", "PUT"} or route.path not in BODIES:
            return None
        body = BODIES[route.path]
        return {key: self.track_id if value == "{track_id}" else value for key, value in body.items()}


@pytest_asyncio.fixture
async def things(gateway: Gateway, ada: Person) -> AsyncIterator[Things]:
    job = await gateway.backend.jobs.add(ada.user.id)
    track = gateway.backend.tracks.add(ada.user)
    yield Things(job.id, track.id, ada.session_id)


async def send(
    http: httpx.AsyncClient, call: tuple[str, GatewayRoute], things: Things, **options: object
) -> httpx.Response:
    method, route = call
    return await http.request(method, things.path(route), json=things.body(method, route), **options)


def test_every_call_is_signed_in_or_open_on_purpose() -> None:
    assert {name_of(call) for call in CALLS} - {name_of(call) for call in SIGNED_IN} == OPEN


def test_forged_credentials_are_tried_on_every_operation_that_is_documented() -> None:
    """What the document says needs a credential, newer operations among it, is what the forgeries below are sent to."""
    document = build_api().openapi()
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "put", "post", "patch", "delete"}
    }
    guarded = {name for name, operation in operations.items() if operation.get("security")}
    assert guarded == {name_of(call) for call in SIGNED_IN}
    assert set(operations) - guarded == OPEN & set(operations)


def test_every_limit_of_a_route_exists() -> None:
    assert {route.admission.limit for route in ROUTES if route.admission} <= CLASS_NAMES


@pytest.mark.parametrize("call", SIGNED_IN, ids=name_of)
async def test_nobody_may_without_a_credential(
    gateway: Gateway, things: Things, call: tuple[str, GatewayRoute]
) -> None:
    async with gateway.client() as http:
        answer = await send(http, call, things)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("call", SIGNED_IN, ids=name_of)
async def test_nobody_may_with_a_forged_or_stale_token(
    gateway: Gateway, ada: Person, things: Things, call: tuple[str, GatewayRoute]
) -> None:
    async with gateway.client() as http:
        for kind, token in forgeries(gateway, ada).items():
            answer = await send(http, call, things, headers={"authorization": token})
            assert answer.status_code == 401, kind


def forgeries(gateway: Gateway, ada: Person) -> dict[str, str]:
    """Credentials that must not hold, as Authorization headers."""
    accounts, secrets = gateway.backend.accounts, Secrets(gateway.backend.folder / "secrets")
    valid = ada.tokens.access_token
    header, claims, signature = valid.split(".")
    public = accounts.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    body = jwt.decode(valid, options={"verify_signature": False})
    minter = InternalTokenMinter(secrets.internal_token_private_key())
    internal = minter.mint(
        user_id=ada.user.id, username=ada.user.username, role="admin", scopes=(), session_id=ada.session_id
    )
    tokens = {
        "another key": accounts.access_token(ada.user, ada.session_id, key=Ed25519PrivateKey.generate()),
        "expired": accounts.access_token(ada.user, ada.session_id, exp=int(time.time()) - 60),
        "another audience": accounts.access_token(ada.user, ada.session_id, aud="musicgen-internal"),
        "another issuer": accounts.access_token(ada.user, ada.session_id, iss="evil"),
        "without a session": accounts.access_token(ada.user, ""),
        "a service's name": accounts.access_token(ada.user, ada.session_id, sub="service:gateway"),
        "no signature": f"{header}.{claims}.",
        "changed signature": f"{header}.{claims}.{'A' * len(signature)}",
        "algorithm none": jwt.encode(body, None, algorithm="none", headers={"kid": "test-key"}),
        "public key as a secret": jwt.encode(body, public, algorithm="HS256", headers={"kid": "test-key"}),
        "unknown key": jwt.encode(body, accounts.key, algorithm="EdDSA", headers={"kid": "unknown"}),
        "no key id": jwt.encode(body, accounts.key, algorithm="EdDSA"),
        "internal token": internal,
        "service token": ServiceTokenSource("gateway", secrets.service_token_key()).token(),
        "refresh token": ada.tokens.refresh_token,
        "not a token": "x",
        "very long": "x" * 6_000,
    }
    return {kind: f"Bearer {token}" for kind, token in tokens.items()} | {
        "no token": "Bearer",
        "another scheme": f"Basic {valid}",
        "no scheme": valid,
    }


@pytest.mark.parametrize("call", SIGNED_IN, ids=name_of)
async def test_nobody_may_after_the_session_was_ended(
    gateway: Gateway, ada: Person, things: Things, call: tuple[str, GatewayRoute]
) -> None:
    await gateway.backend.redis.set(f"mg:revoked:{ada.session_id}", "1", ex=60)
    assert (await send(ada.http, call, things)).status_code == 401


@pytest.mark.parametrize("call", OWNED, ids=name_of)
async def test_another_persons_things_do_not_exist(
    gateway: Gateway, ada: Person, bob: Person, things: Things, call: tuple[str, GatewayRoute]
) -> None:
    answer = await send(bob.http, call, things)
    assert answer.status_code == 404
    # It looks like an id of nothing: no oracle.
    unknown = await send(bob.http, call, Things(new_id(), new_id(), new_id()))
    assert unknown.status_code == 404
    told, untold = answer.json(), unknown.json()
    for volatile in ("instance", "request_id"):
        told.pop(volatile)
        untold.pop(volatile)
    assert told == untold
    assert gateway.backend.tracks.tracks[things.track_id].content.title == "Rain on tin"
    assert things.session_id in gateway.backend.accounts.sessions


@pytest.mark.parametrize("call", LINKED, ids=name_of)
async def test_a_link_opens_one_path_for_one_person_for_a_while(
    gateway: Gateway, ada: Person, bob: Person, things: Things, call: tuple[str, GatewayRoute]
) -> None:
    key = Secrets(gateway.backend.folder / "secrets").service_token_key()
    signer, path = LinkSigner(key, 3_600), things.path(call[1])
    link = signer.link(path, ada.user.id, ada.session_id)
    good = httpx.URL(gateway.url + link).params
    expired = LinkSigner(key, 3_600, clock=lambda: time.time() - 10_000).link(path, ada.user.id, ada.session_id)
    refused = {
        "expired": expired,
        "another path": f"{path}?{signer.link(path + '/x', ada.user.id, ada.session_id).partition('?')[2]}",
        "another key": LinkSigner("0" * 64, 3_600).link(path, ada.user.id, ada.session_id),
        "a later end": f"{path}?{good.set('expires', str(int(good['expires']) + 600))}",
        "another person": f"{path}?{good.set('signature', good['signature'].replace(ada.user.id, bob.user.id))}",
        "another session": f"{path}?{good.set('signature', good['signature'].replace(ada.session_id, bob.session_id))}",
        "no session": f"{path}?{good.set('signature', good['signature'].replace(ada.session_id, ''))}",
        "no end": f"{path}?{good.remove('expires')}",
        "strange end": f"{path}?{good.set('expires', '٣')}",
        "no person": f"{path}?{good.set('signature', 'x')}",
        "empty": f"{path}?expires=&signature=",
    }
    async with gateway.client() as http:
        for kind, url in refused.items():
            assert (await http.get(url)).status_code == 401, kind
        assert (await http.get(signer.link(path, bob.user.id, bob.session_id))).status_code == 404
        assert (await http.post(link)).status_code == 405
        # Signing out ends the links that the session was given.
        await gateway.backend.redis.set(f"mg:revoked:{ada.session_id}", "1", ex=60)
        assert (await http.get(link)).status_code == 401


@pytest.mark.parametrize("call", [call for call in SIGNED_IN if call not in LINKED], ids=name_of)
async def test_other_calls_take_no_links(
    gateway: Gateway, ada: Person, things: Things, call: tuple[str, GatewayRoute]
) -> None:
    signer = LinkSigner(Secrets(gateway.backend.folder / "secrets").service_token_key(), 3_600)
    link = signer.link(things.path(call[1]).partition("?")[0], ada.user.id, ada.session_id)
    async with gateway.client() as http:
        answer = await http.request(call[0], link, json=things.body(*call))
    assert answer.status_code == 401


async def test_a_flood_of_unknown_keys_does_not_reach_the_service(gateway: Gateway, ada: Person) -> None:
    fetches = gateway.backend.accounts.jwks_fetches
    async with gateway.client() as http:

        async def knock(number: int) -> int:
            claims = jwt.decode(ada.tokens.access_token, options={"verify_signature": False})
            token = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": f"k{number}"})
            return (await http.get("/api/v1/users/me", headers={"authorization": f"Bearer {token}"})).status_code

        assert set(await asyncio.gather(*(knock(number) for number in range(100)))) <= {401, 429}
    assert gateway.backend.accounts.jwks_fetches - fetches <= 1
    assert (await ada.http.get("/api/v1/users/me")).status_code == 200


async def test_strangers_bodies_are_not_read(gateway: Gateway) -> None:
    async with gateway.client() as http:
        answer = await http.post("/api/v1/generate", content=b"{broken", headers={"content-type": "application/json"})
    assert answer.status_code == 401
