import re

import pytest
from prometheus_client import REGISTRY

from services.shared.ids import new_id
from services.shared.telemetry import configure_tracing
from tests.support.gateway_platform import Backend, Gateway, Person, eventually, running_gateway

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


async def test_a_request_keeps_the_id_that_its_client_gave(ada: Person) -> None:
    answer = await ada.http.get("/api/v1/users/me", headers={"x-request-id": "Song-42.a_b"})
    assert answer.headers["x-request-id"] == "Song-42.a_b"


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", "<script>", "é".encode().decode("latin-1")])
async def test_an_insane_request_id_is_replaced(ada: Person, sent: str) -> None:
    answer = await ada.http.get("/api/v1/users/me", headers=[(b"x-request-id", sent.encode("latin-1"))])
    assert UUID.fullmatch(answer.headers["x-request-id"])


async def test_every_answer_tells_browsers_what_it_may_do(gateway: Gateway) -> None:
    async with gateway.client() as http:
        for path in ("/health/live", "/api/v1/nonesuch", "/docs", "/problems/validation"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "server" not in headers


async def test_another_sites_pages_may_not_read_the_api(gateway: Gateway) -> None:
    async with gateway.client() as http:
        answer = await http.get("/health/live", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_allowed_origins_may_read_the_api(backend: Backend) -> None:
    async with running_gateway(backend, cors_origins=("https://music.example",)) as gateway, gateway.client() as http:
        preflight = await http.options(
            "/api/v1/generate",
            headers={
                "origin": "https://music.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,idempotency-key",
            },
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == "https://music.example"
        assert "access-control-allow-credentials" not in preflight.headers
        refused = await http.get("/health/live", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in refused.headers


async def test_a_clients_trace_and_request_id_reach_the_services(gateway: Gateway, ada: Person) -> None:
    configure_tracing("gateway", "")
    trace_id = new_id().replace("-", "")
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "x-request-id": "from-the-client"}
    assert (await ada.http.get("/api/v1/users/me", headers=headers)).status_code == 200
    assert gateway.backend.accounts.last_trace_id == trace_id
    assert gateway.backend.accounts.last_request_id == "from-the-client"


async def test_metrics_count_by_route_and_never_by_id(gateway: Gateway, ada: Person) -> None:
    labels = {"route": "/api/v1/jobs/{job_id}", "method": "GET", "status": "404"}
    before = REGISTRY.get_sample_value("http_requests_total", labels) or 0
    for method in ("GET", "HEAD"):
        await ada.http.request(method, f"/api/v1/jobs/{new_id()}")
    head = labels | {"method": "HEAD"}
    # A request is counted when it ends, which its client may hear of a moment before.
    await eventually(lambda: REGISTRY.get_sample_value("http_requests_total", head), "the last one is counted")
    assert REGISTRY.get_sample_value("http_requests_total", labels) == before + 1
    assert REGISTRY.get_sample_value("http_request_duration_seconds_count", {"route": labels["route"], "method": "GET"})
