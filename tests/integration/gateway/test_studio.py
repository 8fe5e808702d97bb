"""The web studio's files, as the gateway serves them beside the API."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.support.gateway_platform import Backend, running_gateway

HASH = "sha256-" + "B" * 43 + "="
SCRIPT = b"console.log(1);" * 50


@pytest_asyncio.fixture(scope="module")
async def http(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    out: Path = tmp_path_factory.mktemp("studio")
    for name, content in {
        "index.html": b"<!doctype html>home",
        "create/index.html": b"<!doctype html>create",
        "404.html": b"<!doctype html>lost",
        "_next/static/chunks/a.js": SCRIPT,
        "_next/static/chunks/a.js.gz": gzip.compress(SCRIPT),
        "service-worker.js": b"self.APP={};",
        "sound.wav": bytes(range(200)),
        "csp.json": f'{{"create/index.html": ["{HASH}"]}}'.encode(),
    }.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    (out.parent / "outside.txt").write_bytes(b"secret")
    async with running_gateway(backend, ui_dir=out) as gateway, gateway.client() as client:
        yield client


async def test_pages_come_with_a_policy_of_their_own(http: httpx.AsyncClient) -> None:
    for path, body, hashes in (("/", b"home", ""), ("/create/", b"create", HASH), ("/create", b"create", HASH)):
        answer = await http.get(path, params={"id": "1"})
        assert (answer.status_code, answer.content) == (200, b"<!doctype html>" + body)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["script-src"] == " ".join(["'self'"] + ([f"'{hashes}'"] if hashes else []))
        assert policy["frame-ancestors"] == "'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"


async def test_current_pages_are_not_sent_again(http: httpx.AsyncClient) -> None:
    first = await http.get("/create/")
    again = await http.get("/create/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("*", "gzip"),
        ("gzip;q=0.5", "gzip"),
    ],
)
async def test_scripts_are_sent_small_and_kept_for_good(
    http: httpx.AsyncClient, accepted: str, encoding: str | None
) -> None:
    answer = await http.get("/_next/static/chunks/a.js", headers={"accept-encoding": accepted})
    assert answer.content == SCRIPT
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["etag"].endswith('-gzip"') == (encoding == "gzip")


async def test_what_opens_the_studio_offline_is_always_the_newest_and_may_fetch_from_here_alone(
    http: httpx.AsyncClient,
) -> None:
    answer = await http.get("/service-worker.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; connect-src 'self'; frame-ancestors 'none'"
    )
    again = await http.get("/service-worker.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.headers["content-security-policy"]) == (
        304,
        answer.headers["content-security-policy"],
    )


async def test_media_take_ranges(http: httpx.AsyncClient) -> None:
    part = await http.get("/sound.wav", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, bytes(range(10, 20)))
    assert part.headers["content-range"] == "bytes 10-19/200"
    assert (await http.get("/sound.wav", headers={"range": "bytes=900-"})).status_code == 416
    head = await http.head("/sound.wav")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "200", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/create/nowhere/",
        "/csp.json",
        "/%2e%2e/outside.txt",
        "/create/%2e%2e/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/..%5coutside.txt",
        "/_next/static/chunks/a.js.gz",
        "/apis",
        "/%00",
    ],
)
async def test_paths_that_lead_nowhere_get_the_studios_page(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.content) == (404, b"<!doctype html>lost")
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["/api", "/api/v1/nonesuch", "/health/nonesuch", "/problems/nonesuch", "/docs/x", "/metrics"]
)
async def test_paths_of_the_server_keep_their_problem_documents(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_server_itself_stays_where_it_was(http: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/openapi.json", "/docs", "/redoc", "/version", "/.well-known/jwks.json"):
        assert (await http.get(path)).status_code == 200, path
    assert (await http.get("/api/v1/users/me")).status_code == 401


async def test_pages_take_no_posts(http: httpx.AsyncClient) -> None:
    answer = await http.post("/create/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert (await http.post("/api/v1/nonesuch")).status_code == 404


async def test_a_missing_studio_does_not_stop_the_api(backend: Backend, tmp_path: Path) -> None:
    async with running_gateway(backend, ui_dir=tmp_path / "none") as gateway, gateway.client() as client:
        assert (await client.get("/")).status_code == 307
        assert (await client.get("/health/live")).status_code == 200
