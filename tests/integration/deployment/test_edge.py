"""A real Envoy with the shipped configuration before a real gateway."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import certificate
from tests.support.gateway_platform import Gateway, Person, running_backend, running_gateway

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Edge:
    """A running Envoy; `plain` and `tls` are its ports."""

    def __init__(self, folder: Path, gateway: Gateway) -> None:
        chain, key = certificate(folder, "localhost")
        chain.rename(folder / "tls.crt")
        key.rename(folder / "tls.key")
        self.plain, self.tls = free_port(), free_port()
        self.context = ssl.create_default_context(cafile=folder / "tls.crt")
        host, port = gateway.url.removeprefix("http://").split(":")
        text = (ROOT / "configs/envoy/envoy.yaml").read_text()
        for shipped, here in (
            ("address: 0.0.0.0, port_value: 8080", f"address: 127.0.0.1, port_value: {self.plain}"),
            ("address: 0.0.0.0, port_value: 8443", f"address: 127.0.0.1, port_value: {self.tls}"),
            ("address: gateway, port_value: 8000", f"address: {host}, port_value: {port}"),
            ("/etc/envoy/tls", str(folder)),
        ):
            assert shipped in text
            text = text.replace(shipped, here)
        self.configuration = folder / "envoy.yaml"
        self.configuration.write_text(text)

    def client(self, **options: object) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"https://localhost:{self.tls}", verify=self.context, trust_env=False, timeout=20, **options
        )

    async def serves(self) -> bool:
        async with self.client() as http:
            try:
                return (await http.get("/health/live")).status_code == 200
            except httpx.TransportError:
                return False


@pytest.fixture(scope="module")
async def gateway(servers_folder: Path, valkey_url: str) -> AsyncIterator[Gateway]:
    folder = servers_folder / "edge"
    folder.mkdir()
    async with (
        running_backend(folder, valkey_url) as backend,
        running_gateway(backend, trusted_proxies="127.0.0.1") as running,
    ):
        yield running


@pytest.fixture(scope="module")
async def ada(gateway: Gateway) -> AsyncIterator[Person]:
    async with gateway.person("ada") as person:
        yield person


@pytest.fixture(scope="module")
async def edge(
    gateway: Gateway, deployment_tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    edge = Edge(folder, gateway)
    command = ["-c", str(edge.configuration), "--disable-hot-restart", "--concurrency", "1"]
    with (folder / "envoy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(deployment_tools / "envoy", *command, stdout=log, stderr=log)
        try:
            async with asyncio.timeout(60):
                while not await edge.serves():
                    assert process.returncode is None, (folder / "envoy.log").read_text()[-2000:]
                    await asyncio.sleep(0.05)
            yield edge
        finally:
            process.terminate()
            await process.wait()


async def test_plain_http_is_sent_to_https_and_says_so_for_a_year(edge: Edge) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(f"http://localhost:{edge.plain}/api/v1/models")
    assert answer.status_code == 301
    assert answer.headers["location"].startswith("https://localhost")
    async with edge.client() as http:
        assert "max-age=31536000" in (await http.get("/health/live")).headers["strict-transport-security"]


def test_browsers_get_http_2(edge: Edge) -> None:
    context = ssl.create_default_context(cafile=edge.configuration.with_name("tls.crt"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", edge.tls)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/metrics", {}, 404),
        ("/api/v1/%2e%2e%2fmetrics", {}, 400),
        ("/health/live", {"x-long": "a" * 40_000}, 431),
        ("/health/live", {"x_underscore": "a"}, 400),
    ],
)
async def test_what_nobody_outside_should_send_is_stopped_at_the_edge(
    edge: Edge, path: str, headers: dict[str, str], status: int
) -> None:
    async with edge.client() as http:
        assert (await http.get(path, headers=headers)).status_code == status


async def test_live_audio_arrives_while_it_is_made(edge: Edge, gateway: Gateway, ada: Person) -> None:
    token = {"authorization": f"Bearer {ada.tokens.access_token}"}
    async with edge.client(headers=token) as http:
        job = (await http.post("/api/v1/generate", json={"prompt": "rain"})).json()
        await gateway.backend.jobs.sound(job["id"], b"first ")
        async with http.stream("GET", f"/api/v1/stream/{job['id']}?format=mp3") as answer:
            chunks = answer.aiter_bytes()
            async with asyncio.timeout(60):
                assert await anext(chunks) == b"first "
                # The second is made only now: nothing on the way gathers up.
                await gateway.backend.jobs.sound(job["id"], b"second")
                assert await anext(chunks) == b"second"


async def test_a_client_cannot_claim_another_address(edge: Edge, gateway: Gateway) -> None:
    body = {"identifier": "nobody", "password": "wrong password"}
    async with edge.client(headers={"x-forwarded-for": "203.0.113.9"}) as http:
        await http.post("/api/v1/auth/login", json=body)
    keys = [key.decode() async for key in gateway.backend.redis.scan_iter("mg:rate:*")]
    assert keys
    assert not [key for key in keys if "203.0.113.9" in key]
