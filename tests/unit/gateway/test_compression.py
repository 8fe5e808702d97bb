"""JSON is packed for those who take it packed, and nothing else is."""

import json
import zlib
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.gateway.encodings import takes
from services.gateway.middleware.compression import CompressionMiddleware
from services.gateway.middleware.head import HeadMiddleware

ITEMS = json.dumps({"items": [{"title": f"Take {number}", "duration": 30.0} for number in range(200)]}).encode()


async def answer(request: Request) -> Response:
    wanted = request.query_params
    body = ITEMS[: int(wanted.get("size", len(ITEMS)))] * int(wanted.get("times", 1))
    media_type = wanted.get("type", "application/json")
    if "stream" in wanted:
        return StreamingResponse(iter([body, body]), media_type=media_type)
    headers = {name: wanted[name] for name in ("etag", "vary", "content-encoding") if name in wanted}
    return Response(body, media_type=media_type, headers=headers)


PATHS = ("/api/v1/tracks", "/api/v1/auth/login", "/api/v1/api-keys", "/api/v1/webhooks")
LAYERS = HeadMiddleware(CompressionMiddleware(Starlette(routes=[Route(path, answer) for path in PATHS])))


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    scope.setdefault("state", {})  # the server gives every request one
    await LAYERS(scope, receive, send)


async def ask(path: str = PATHS[0], *, accept: str | None = "gzip, br", method: str = "GET", **query: Any) -> Any:
    """An answer, and its body as it travelled."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        headers = {"accept-encoding": accept or ""}
        async with http.stream(method, path, params=query, headers=headers) as response:
            return response, b"".join([part async for part in response.aiter_raw()])


async def test_lists_travel_packed_and_say_so() -> None:
    response, body = await ask()
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept-Encoding"
    assert int(response.headers["content-length"]) == len(body) < len(ITEMS) / 5
    assert zlib.decompress(body, 31) == ITEMS


@pytest.mark.parametrize("media_type", ["application/problem+json", "application/json; charset=utf-8"])
async def test_all_kinds_of_json_are_packed(media_type: str) -> None:
    response, _ = await ask(type=media_type)
    assert response.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "query",
    [
        {"accept": None},
        {"accept": "br"},
        {"accept": "gzip;q=0"},
        {"type": "audio/flac"},
        {"type": "image/png"},
        {"size": 2_047},
        {"times": 40},
        {"stream": "yes"},
        {"path": "/api/v1/auth/login"},
        {"path": "/api/v1/api-keys"},
        {"path": "/api/v1/webhooks"},
    ],
    ids=str,
)
async def test_the_rest_travels_as_it_is(query: dict[str, Any]) -> None:
    response, body = await ask(**query)
    assert "content-encoding" not in response.headers
    assert body.startswith(ITEMS[:2_000])


async def test_what_is_packed_already_is_not_packed_again() -> None:
    response, body = await ask(**{"content-encoding": "br"})
    assert response.headers["content-encoding"] == "br"
    assert body == ITEMS


async def test_the_packed_form_has_a_validator_of_its_own_and_keeps_what_else_it_varies_by() -> None:
    response, _ = await ask(etag='"abc"', vary="Origin")
    assert response.headers["etag"] == '"abc-gzip"'
    assert response.headers["vary"] == "Accept-Encoding, Origin"
    weak, _ = await ask(etag='W/"abc"')
    assert weak.headers["etag"] == 'W/"abc"'
    plain, _ = await ask(accept=None, etag='"abc"')
    assert plain.headers["etag"] == '"abc"'


async def test_head_says_what_get_would() -> None:
    got, body = await ask()
    head, nothing = await ask(method="HEAD")
    assert nothing == b""
    assert head.headers["content-encoding"] == "gzip"
    assert head.headers["content-length"] == got.headers["content-length"] == str(len(body))


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True),
        ("br, GZIP ;q=0.5", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0.000, *", False),
        ("", False),
        ("identity", False),
    ],
)
def test_what_a_client_takes(accepted: str, taken: bool) -> None:
    assert takes(accepted, "gzip") is taken
