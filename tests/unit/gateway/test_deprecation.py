"""A call that will go says so on each of its answers and in the document, half a year before."""

from datetime import date
from types import SimpleNamespace

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from services.gateway.admission import Admission, GatewayRoute
from services.gateway.deprecation import Deprecated
from services.gateway.errors import install_error_handlers
from services.gateway.main import API_ROUTERS
from services.gateway.middleware.error_boundary import ErrorBoundaryMiddleware
from services.gateway.middleware.request_context import RequestContextMiddleware
from services.gateway.openapi import build_document
from services.shared.errors import AppError, ErrorCode
from tests.support.platform import ROOT

GOING = Deprecated(date(2027, 1, 1), date(2027, 8, 1), "GET /new")


class Full:
    """What a server that has enough in hand says."""

    def enter(self, name: str) -> None:
        raise AppError(ErrorCode.OVERLOADED, f"Too many of {name}.", retry_after_seconds=1)


def app_of() -> FastAPI:
    layers = [Middleware(RequestContextMiddleware), Middleware(ErrorBoundaryMiddleware)]
    app = FastAPI(generate_unique_id_function=lambda route: route.name, middleware=layers)
    install_error_handlers(app)
    app.state.collaborators = SimpleNamespace(in_flight=Full())
    router = APIRouter(route_class=GatewayRoute)

    @router.get("/old/{number}", dependencies=[Depends(GOING)])
    async def old(number: int) -> dict[str, int]:
        """What was asked."""
        return {"number": number}

    @router.get("/old-and-wanted", dependencies=[Depends(GOING), Depends(Admission("read"))])
    async def wanted() -> dict[str, int]:
        return {}

    @router.get("/old-and-broken", dependencies=[Depends(GOING)])
    async def broken() -> dict[str, int]:
        raise RuntimeError("broken")

    @router.get("/new")
    async def new() -> dict[str, int]:
        return {}

    app.include_router(router)
    app.state.routes = [route for route in router.routes if isinstance(route, GatewayRoute)]
    return app


def test_answers_and_refusals_say_since_when_and_until_when() -> None:
    with TestClient(app_of()) as client:
        for path, status in (("/old/3", 200), ("/old/three", 422), ("/old-and-wanted", 503), ("/old-and-broken", 500)):
            answer = client.get(path)
            assert answer.status_code == status
            assert answer.headers["deprecation"] == "@1798761600"
            assert answer.headers["sunset"] == "Sun, 01 Aug 2027 00:00:00 GMT"
        assert "deprecation" not in client.get("/new").headers


def test_the_document_marks_it_and_says_what_to_call_instead() -> None:
    app = app_of()
    for router in API_ROUTERS:
        app.include_router(router)
    paths = build_document(app, app.state.routes)["paths"]
    operation = paths["/old/{number}"]["get"]
    assert operation["deprecated"] is True
    assert operation["description"].startswith("What was asked.")
    assert "gone from 2027-08-01 on. Instead: `GET /new`" in operation["description"]
    assert {"Deprecation", "Sunset"} <= operation["responses"]["200"]["headers"].keys()
    assert "deprecated" not in paths["/new"]["get"]


def test_nothing_goes_in_less_than_half_a_year() -> None:
    with pytest.raises(ValueError, match="180 days"):
        Deprecated(date(2027, 1, 1), date(2027, 6, 1), "GET /new")


def test_the_changelog_names_every_call_that_will_go() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    routes = [route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)]
    assert routes
    going = [
        f"{method} {route.path}" for route in routes if route.deprecation for method in sorted(route.methods or ())
    ]
    assert [call for call in going if call not in changelog] == []
