"""What operators and other programs ask for: health, version, public keys."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Gateway
from services.gateway.errors import problem_response
from services.gateway.problems import NOT_READY, kind_of
from services.gateway.responses import also
from services.gateway.schemas.health import Liveness, Readiness, Version

router = APIRouter(tags=["operations"], route_class=GatewayRoute)

DISTRIBUTION = "music-gen-ai"
_PUBLIC = [Depends(Admission("public", signed_in=False))]


_PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


@cache
def platform_version() -> str:
    """The version of the platform: of the source tree that runs, or of the installed distribution."""
    if _PYPROJECT.is_file():
        return str(tomllib.loads(_PYPROJECT.read_text("utf-8"))["project"]["version"])
    return version(DISTRIBUTION)


_JWK_SET = {
    "keys": [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": "f3a1c2d4e5b60718",
            # RFC 8037, appendix A.2.
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    ]
}


@router.get("/health/live")
async def get_liveness() -> Liveness:
    """Whether the process answers."""
    return Liveness()


@router.get("/health/ready", response_model=Readiness, responses=also(503))
async def get_readiness(request: Request, gateway: Gateway) -> Readiness | Response:
    """Whether everything is there that the server needs: each dependency with its state and latency."""
    dependencies = await gateway.health.run()
    down = [item.name for item in dependencies if item.state == "down"]
    if down or gateway.closing.is_set():
        detail = f"Not available: {', '.join(down)}." if down else "The server is shutting down."
        return problem_response(request, kind_of(NOT_READY), detail, extra={"dependencies": dependencies})
    return Readiness(dependencies=dependencies)


@router.get("/version")
async def get_version(gateway: Gateway) -> Version:
    """What runs here."""
    single_user = gateway.settings.single_user
    return Version(
        name=DISTRIBUTION,
        version=platform_version(),
        api="v1",
        single_user=single_user,
        guests=gateway.settings.guests and not single_user,
    )


@router.get(
    "/.well-known/jwks.json",
    dependencies=_PUBLIC,
    response_class=Response,
    responses={200: {"content": {"application/json": {"example": _JWK_SET}}, "description": "A JWK set (RFC 7517)"}},
)
async def get_jwks(gateway: Gateway) -> Response:
    """The public keys that verify access tokens (RFC 7517)."""
    document = await gateway.keys.document()
    return Response(document, media_type="application/json", headers={"cache-control": "public, max-age=300"})
