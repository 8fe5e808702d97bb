import asyncio

import structlog

from tests.support.gateway_platform import Backend, Gateway, Person, running_gateway


async def test_ready_names_every_dependency(gateway: Gateway) -> None:
    async with gateway.client() as http:
        assert (await http.get("/health/live")).json() == {"status": "ok"}
        answer = await http.get("/health/ready")
    assert answer.status_code == 200
    states = {item["name"]: item["state"] for item in answer.json()["dependencies"]}
    assert states == dict.fromkeys(("user_management", "generation", "processing", "valkey", "storage"), "up")
    assert all(0 <= item["latency_ms"] < 60_000 for item in answer.json()["dependencies"])


async def test_a_missing_dependency_is_named(backend: Backend) -> None:
    async with (
        running_gateway(
            backend, redis_url="redis://127.0.0.1:1/0", processing_address=f"unix:{backend.folder}/none.sock"
        ) as gateway,
        gateway.client() as http,
    ):
        answer = await http.get("/health/ready")
    assert answer.status_code == 503
    problem = answer.json()
    assert problem["type"] == "/problems/not-ready"
    assert problem["detail"] == "Not available: processing, valkey."
    assert [item["name"] for item in problem["dependencies"] if item["state"] == "down"] == ["processing", "valkey"]
    assert "sock" not in answer.text


async def test_a_restart_of_a_service_is_invisible_to_reads(gateway: Gateway, ada: Person) -> None:
    backend = gateway.backend
    await backend.servers["users"].stop(0)
    reading = asyncio.create_task(ada.http.get("/api/v1/users/me"))
    await asyncio.sleep(0.3)
    assert not reading.done()
    await backend.start("users")
    assert (await asyncio.wait_for(reading, 60)).status_code == 200


async def test_a_service_that_stays_away_is_unavailable(backend: Backend) -> None:
    nowhere = f"unix:{backend.folder}/none.sock"
    async with running_gateway(backend, generation_address=nowhere) as gateway, gateway.person() as person:
        for answer in (
            await person.http.get("/api/v1/models"),
            await person.http.post("/api/v1/generate", json={"prompt": "x"}),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert answer.json()["type"] == "/problems/unavailable"


async def test_an_unexpected_failure_tells_nothing_of_the_inside(gateway: Gateway, ada: Person) -> None:
    track = gateway.backend.tracks.add(ada.user, spec_json="{broken")
    with structlog.testing.capture_logs() as logs:
        answer = await ada.http.get(f"/api/v1/tracks/{track.id}")
    assert [entry["log_level"] for entry in logs if entry["event"] == "unexpected error"] == ["error"]
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert "Error" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
