import re

import pytest

from services.gateway.problems import PROBLEM_KINDS
from tests.support.gateway_platform import Gateway


async def test_the_public_keys_are_a_jwk_set(gateway: Gateway) -> None:
    async with gateway.client() as http:
        answer = await http.get("/.well-known/jwks.json")
    assert answer.headers["content-type"] == "application/json"
    assert [key["kty"] for key in answer.json()["keys"]] == ["OKP"]
    assert "d" not in answer.json()["keys"][0]


async def test_the_version_is_the_projects(gateway: Gateway) -> None:
    async with gateway.client() as http:
        answer = (await http.get("/version")).json()
    assert answer == {"name": "music-gen-ai", "version": "0.1.0", "api": "v1", "single_user": False, "guests": False}


async def test_metrics_are_not_public(gateway: Gateway) -> None:
    async with gateway.client() as http:
        assert (await http.get("/metrics")).status_code == 404


async def test_every_problem_type_has_a_page(gateway: Gateway) -> None:
    async with gateway.client() as http:
        for code, kind in PROBLEM_KINDS.items():
            answer = await http.get(f"/problems/{code}")
            assert answer.status_code == 200
            assert kind.title.replace("'", "&#x27;") in answer.text
        assert (await http.get("/problems/nonesuch")).status_code == 404


async def test_the_root_leads_to_the_documentation(gateway: Gateway) -> None:
    async with gateway.client(follow_redirects=True) as http:
        answer = await http.get("/")
    assert answer.url.path == "/docs"
    assert answer.status_code == 200


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_documentation_asks_no_other_host(gateway: Gateway, page: str) -> None:
    async with gateway.client() as http:
        answer = await http.get(page)
        assert "http://" not in answer.text.replace(gateway.url, "")
        assert "https://" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert "http" not in policy
        assert "default-src 'none'" in policy
        for path in re.findall(r'(?:src|href|spec-url)="(/[^"]+)"', answer.text):
            assert (await http.get(path)).status_code == 200


async def test_the_openapi_document_is_served(gateway: Gateway) -> None:
    async with gateway.client() as http:
        answer = await http.get("/openapi.json")
    assert answer.json()["openapi"].startswith("3.1")
    assert "/api/v1/generate" in answer.json()["paths"]
