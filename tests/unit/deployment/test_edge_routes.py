"""The proxy before the gateway ends no answer that takes as long as the line is slow."""

import re
from typing import Any

import pytest
import yaml

from services.gateway.admission import GatewayRoute
from services.gateway.main import API_ROUTERS
from services.gateway.streams.response import StreamedResponse
from tests.support.platform import ROOT

PICTURES = ("/cover", ".png", ".svg")


def routes() -> list[dict[str, Any]]:
    """What Envoy tries in turn."""
    listeners = yaml.safe_load((ROOT / "configs/envoy/envoy.yaml").read_text())["static_resources"]["listeners"]
    (tls,) = [listener for listener in listeners if listener["name"] == "tls"]
    manager = tls["filter_chains"][0]["filters"][0]["typed_config"]
    found: list[dict[str, Any]] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return found


def matches(match: dict[str, Any], method: str, path: str) -> bool:
    """As Envoy does: a regex is for the whole path."""
    wanted = all(re.fullmatch(one["string_match"]["safe_regex"]["regex"], method) for one in match.get("headers", ()))
    if "path" in match:
        return wanted and path == match["path"]
    if "prefix" in match:
        return wanted and path.startswith(match["prefix"])
    return wanted and re.fullmatch(match["safe_regex"]["regex"], path) is not None


def timeout_of(method: str, path: str) -> str:
    first = next(route for route in routes() if matches(route["match"], method, path))
    timeout: str = first["route"]["timeout"]
    return timeout


def streamed() -> list[str]:
    every = [route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)]
    paths = {
        route.path
        for route in every
        if isinstance(route.response_class, type) and issubclass(route.response_class, StreamedResponse)
    }
    return sorted(path for path in paths if not path.endswith(PICTURES))


def test_there_is_much_that_takes_long() -> None:
    assert {"/api/v1/users/me/export/file", "/api/v1/shared/{share_id}/audio"} <= set(streamed())


@pytest.mark.parametrize("path", [*streamed(), "/api/v1/ws"])
def test_no_download_is_cut_off_by_a_clock(path: str) -> None:
    assert timeout_of("GET", re.sub(r"\{\w+\}", "0197", path)) == "0s"


def test_neither_are_uploads() -> None:
    assert timeout_of("POST", "/api/v1/uploads") == "0s"


@pytest.mark.parametrize("path", ["/api/v1/users/me/export", "/api/v1/shared/0197/waveform", "/api/v1/tracks"])
def test_what_should_be_quick_has_an_end(path: str) -> None:
    assert timeout_of("GET", path) == "90s"
