"""What a 405 says that a path takes."""

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway.methods import MethodTable


async def nothing(request: Request) -> Response:
    raise AssertionError("It is never called.")


TABLE = MethodTable(
    [
        Route("/lists", nothing, methods=["POST"]),
        Route("/lists/invitations", nothing, methods=["GET"]),
        Route("/lists/{list_id}", nothing, methods=["GET"]),
        Route("/lists/{list_id}", nothing, methods=["DELETE"]),
        Route("/lists/{list_id}/songs/{song_id}", nothing, methods=["PUT"]),
    ]
)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/lists", ["POST"]),
        ("/lists/7", ["DELETE", "GET", "HEAD"]),
        ("/lists/invitations", ["GET", "HEAD"]),
        ("/lists/7/songs/9", ["PUT"]),
        ("/elsewhere", []),
    ],
)
def test_a_path_takes_what_its_own_routes_take(path: str, methods: list[str]) -> None:
    assert TABLE.allowed(path) == methods
