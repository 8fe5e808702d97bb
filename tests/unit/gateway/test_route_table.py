import re

import pytest
from starlette.routing import Match

from services.gateway.admission import GatewayRoute
from services.gateway.main import API_ROUTERS
from services.gateway.route_table import RouteTable, noun_of

ROUTES = [route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)]
TABLE = RouteTable(ROUTES)


def scope_of(method: str, path: str) -> dict[str, object]:
    return {"type": "http", "method": method, "path": path, "root_path": ""}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{sorted(route.methods)[0]} {route.path}")
def test_every_route_is_found_as_if_all_were_tried(route: GatewayRoute) -> None:
    path = re.sub(r"\{\w+(:\w+)?\}", "x1", route.path)
    for method in route.methods:
        scope = scope_of(method, path)
        tried = next(found["route"] for match, found in (each.matches(scope) for each in ROUTES) if match is Match.FULL)
        match, found = TABLE.matches(scope)
        assert match is Match.FULL
        assert found["route"] is tried


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/api/v1/"),
        ("GET", "/api/v1/nothing"),
        ("BREW", "/api/v1/tracks"),
        ("GET", "//"),
    ],
)
def test_what_no_route_takes_is_left_to_the_framework(method: str, path: str) -> None:
    assert TABLE.matches(scope_of(method, path)) == (Match.NONE, {})


def test_sockets_are_left_to_the_framework() -> None:
    assert TABLE.matches({"type": "websocket", "path": "/api/v1/tracks"}) == (Match.NONE, {})


@pytest.mark.parametrize(
    ("path", "noun"),
    [("/api/v1/tracks/a/b", "tracks"), ("/api/v1/tracks", "tracks"), ("/health/live", "health"), ("/api/v2/x", "api")],
)
def test_the_noun_is_the_first_word_that_tells_calls_apart(path: str, noun: str) -> None:
    assert noun_of(path) == noun
