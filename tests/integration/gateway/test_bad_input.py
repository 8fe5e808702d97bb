import asyncio
import contextlib
import socket
from typing import Any

import httpx
import pytest

from services.shared.ids import new_id
from tests.support.gateway_platform import Backend, Gateway, Person, running_gateway

GENERATE = "/api/v1/generate"


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == answer.request.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    assert "services." not in answer.text
    return problem


@pytest.mark.parametrize(
    ("body", "pointer", "advice"),
    [
        ({}, "/prompt", "required"),
        ({"prompt": ""}, "/prompt", "empty"),
        ({"prompt": "   \n\t "}, "/prompt", "blanks"),
        ({"prompt": "x" * 5_000}, "/prompt", "at most 2000 characters"),
        ({"prompt": "bell \u0007"}, "/prompt", "U+0007"),
        ({"prompt": "nul \u0000"}, "/prompt", "U+0000"),
        ({"prompt": 5}, "/prompt", "string"),
        ({"prompt": None}, "/prompt", "required"),
        ({"prompt": ["a"]}, "/prompt", "string"),
        ({"prompt": "x", "duration": 0}, "/duration", "greater than 0"),
        ({"prompt": "x", "duration": -1}, "/duration", "greater than 0"),
        ({"prompt": "x", "duration": 1e9}, "/duration", "3600 or less"),
        ({"prompt": "x", "duration": 601}, "/duration", "600"),
        ({"prompt": "x", "duration": "30"}, "/duration", "number"),
        ({"prompt": "x", "duration": True}, "/duration", "number"),
        ({"prompt": "x", "seed": 1.5}, "/seed", "whole number"),
        ({"prompt": "x", "seed": -1}, "/seed", "0 or more"),
        ({"prompt": "x", "model": "nonesuch"}, "/model", "composer"),
        ({"prompt": "x", "promt": "y"}, "/promt", "remove it"),
        ({"prompt": "x", "public": "yes"}, "/public", "true or false"),
        ({"prompt": "x", "structure": [{"section": "a"}]}, "/structure/0", "seconds or bars"),
        ({"prompt": "x", "structure": [{"section": "a", "seconds": 1, "bars": 1}]}, "/structure/0", "seconds or bars"),
        ({"prompt": "x", "structure": [{"section": "a", "bars": 0}]}, "/structure/0/bars", "1 or more"),
        ({"prompt": "x", "spec": {"a": "b" * 40_000}}, "/spec", "at most"),
        ({"prompt": "x", "title": "a\nb"}, "/title", "one line"),
    ],
)
async def test_a_wrong_value_is_named_with_what_to_change(
    ada: Person, body: dict[str, Any], pointer: str, advice: str
) -> None:
    problem = assert_problem(await ada.http.post(GENERATE, json=body), 422, "validation")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert advice in problem["errors"][0]["detail"]
    assert problem["errors"][0]["in"] == "body"


async def test_every_wrong_value_is_named_at_once(ada: Person) -> None:
    problem = assert_problem(
        await ada.http.post(GENERATE, json={"prompt": "", "duration": 0, "seeed": 1}), 422, "validation"
    )
    assert {error["pointer"] for error in problem["errors"]} == {"/prompt", "/duration", "/seeed"}
    assert problem["detail"] == "3 values of the request have to change."


@pytest.mark.parametrize(
    "text",
    [
        b'{"prompt": ',
        b"{'prompt': 'x'}",
        b'{"prompt": "x", "duration": NaN}',
        b'{"prompt": "x", "duration": Infinity}',
        b'{"prompt": "\xff\xfe"}',
        b'{"prompt": "\\ud800"}',
        b"[" * 5_000,
        b"\x00",
    ],
)
async def test_text_that_is_not_json_is_refused(ada: Person, text: bytes) -> None:
    answer = await ada.http.post(GENERATE, content=text, headers={"content-type": "application/json"})
    problem = assert_problem(answer, 422, "validation")
    assert "not valid JSON" in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (GENERATE, '{"prompt": "x", "spec": {"a": %s}}'),
        ("/api/v1/processing/mix", '{"tracks": [{"effects": [{"parameters": {"a": %s}}]}]}'),
    ],
)
async def test_what_is_nested_without_end_is_refused(ada: Person, path: str, body: str) -> None:
    headers = {"content-type": "application/json", "idempotency-key": "deep"}
    for levels, said in ((64, True), (900, True), (20, False)):
        text = body % ("[" * levels + '"]["' + "]" * levels)
        problem = (await ada.http.post(path, content=text, headers=headers)).json()
        assert ("nested too deeply" in str(problem.get("detail"))) is said, problem
        assert problem["status"] != 500


async def test_a_number_beyond_every_number_is_refused(ada: Person) -> None:
    answer = await ada.http.post(
        GENERATE, content=b'{"prompt": "x", "duration": 1e999}', headers={"content-type": "application/json"}
    )
    assert_problem(answer, 422, "validation")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"5"])
async def test_a_body_that_is_no_object_is_refused(ada: Person, body: bytes) -> None:
    answer = await ada.http.post(GENERATE, content=body, headers={"content-type": "application/json"})
    problem = assert_problem(answer, 422, "validation")
    assert problem["errors"] == [
        {"pointer": "", "detail": "Send a JSON object as the body, with Content-Type: application/json.", "in": "body"}
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_another_media_type_is_unsupported(ada: Person, headers: dict[str, str]) -> None:
    answer = await ada.http.post(GENERATE, content=b'{"prompt": "x"}', headers=headers)
    assert_problem(answer, 415, "unsupported-media")


async def test_emoji_and_every_script_are_welcome(gateway: Gateway, ada: Person) -> None:
    prompt = "🎹 夜のジャズ\nثم هدوء"
    answer = await ada.http.post(GENERATE, json={"prompt": prompt})
    assert answer.status_code == 202
    assert gateway.backend.generation.submitted[-1].prompt == prompt


async def test_a_body_of_50_mb_is_refused_unread(ada: Person) -> None:
    answer = await ada.http.post(GENERATE, json={"prompt": "x" * 50_000_000})
    assert_problem(answer, 413, "payload-too-large")


async def test_a_client_that_asks_first_never_sends_the_large_body(gateway: Gateway, ada: Person) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /api/v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 50000000\r\nExpect: 100-continue\r\nAuthorization: Bearer "
        + ada.tokens.access_token.encode()
        + b"\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_chunked_body_is_refused_as_soon_as_it_is_too_large(gateway: Gateway, ada: Person) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    head = (
        "POST /api/v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Transfer-Encoding: chunked\r\nAuthorization: Bearer {ada.tokens.access_token}\r\n\r\n"
    )

    def send_endlessly() -> tuple[int, bytes]:
        sent, answer = 0, b""
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head.encode())
            # The server closes the connection: the body never comes to its end.
            with contextlib.suppress(ConnectionError):
                while sent < 50_000_000:
                    connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                    sent += 0x10000
            while b"}" not in answer:
                answer += connection.recv(65_536)
        return sent, answer

    sent, answer = await asyncio.to_thread(send_endlessly)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"/problems/payload-too-large"' in answer
    assert sent < 50_000_000


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/jobs/{id}"),
        ("POST", "/api/v1/jobs/{id}/cancel"),
        ("GET", "/api/v1/jobs/{id}/events"),
        ("GET", "/api/v1/stream/{id}"),
        ("GET", "/api/v1/tracks/{id}"),
        ("DELETE", "/api/v1/tracks/{id}"),
        ("GET", "/api/v1/tracks/{id}/audio"),
        ("GET", "/api/v1/tracks/{id}/stems"),
        ("GET", "/api/v1/tracks/{id}/stems/drums/audio"),
        ("GET", "/api/v1/tracks/{id}/stems/drums/waveform"),
        ("GET", "/api/v1/tracks/{id}/midi"),
        ("GET", "/api/v1/tracks/{id}/waveform"),
        ("DELETE", "/api/v1/auth/sessions/{id}"),
    ],
)
@pytest.mark.parametrize("unknown", ["unknown", "malformed", "%00", "..%2f..%2fetc%2fpasswd"])
async def test_an_unknown_id_is_not_found(ada: Person, method: str, path: str, unknown: str) -> None:
    found = new_id() if unknown == "unknown" else unknown
    answer = await ada.http.request(method, path.format(id=found))
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"


async def test_an_unknown_model_is_not_found(ada: Person) -> None:
    assert_problem(await ada.http.get("/api/v1/models/nonesuch"), 404, "not-found")


async def test_an_unknown_path_is_a_problem_too(ada: Person) -> None:
    assert_problem(await ada.http.get("/api/v1/nonesuch"), 404, "not-found")


async def test_another_method_is_told_which_ones_there_are(ada: Person) -> None:
    answer = await ada.http.put("/api/v1/tracks/" + new_id(), json={})
    assert_problem(answer, 405, "method-not-allowed")
    assert {"GET", "HEAD", "PATCH", "DELETE"} <= {word.strip() for word in answer.headers["allow"].split(",")}


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/api/v1/jobs?limit=0", "/limit"),
        ("/api/v1/jobs?limit=x", "/limit"),
        ("/api/v1/jobs?status=sleeping", "/status"),
        ("/api/v1/tracks?limit=1000", "/limit"),
    ],
)
async def test_a_wrong_query_value_is_named(ada: Person, path: str, pointer: str) -> None:
    problem = assert_problem(await ada.http.get(path), 422, "validation")
    assert [(error["in"], error["pointer"]) for error in problem["errors"]] == [("query", pointer)]


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_an_idempotency_key_has_a_form(ada: Person, key: str) -> None:
    answer = await ada.http.post(GENERATE, json={"prompt": "x"}, headers={"idempotency-key": key})
    problem = assert_problem(answer, 422, "validation")
    assert problem["errors"][0]["in"] == "header"


async def test_a_wrong_value_in_a_batch_is_named_by_its_place(ada: Person) -> None:
    body = {"requests": [{"prompt": "x"}, {"prompt": "x", "duration": 601}]}
    problem = assert_problem(await ada.http.post("/api/v1/generate/batch", json=body), 422, "validation")
    assert problem["errors"][0]["pointer"] == "/requests/1/duration"
    assert (await ada.http.get("/api/v1/jobs")).json()["items"] == []


@pytest.mark.parametrize("size", [0, 33])
async def test_a_batch_has_bounds(ada: Person, size: int) -> None:
    answer = await ada.http.post("/api/v1/generate/batch", json={"requests": [{"prompt": "x"}] * size})
    problem = assert_problem(answer, 422, "validation")
    assert problem["errors"][0]["pointer"] == "/requests"


async def test_a_patch_of_a_wrong_type_is_named(gateway: Gateway, ada: Person) -> None:
    track = gateway.backend.tracks.add(ada.user)
    answer = await ada.http.patch(f"/api/v1/tracks/{track.id}", json={"tags": "lofi"})
    problem = assert_problem(answer, 422, "validation")
    assert problem["errors"] == [{"pointer": "/tags", "detail": "Must be an array: put it in [ ].", "in": "body"}]


async def test_a_body_that_stalls_is_not_waited_for_forever(backend: Backend) -> None:
    async with running_gateway(backend, body_seconds=0.2) as gateway, gateway.person() as person:
        host, port = gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n"
            b"Authorization: Bearer " + person.tokens.access_token.encode() + b'\r\n\r\n{"prompt": '
        )
        answer = await asyncio.wait_for(reader.read(), 60)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"/problems/request-timeout"' in answer
        writer.close()


async def test_an_upload_that_trickles_is_ended_and_leaves_nothing(backend: Backend) -> None:
    async with (
        running_gateway(backend, body_seconds=0.3, slowest_upload_bytes_per_second=100_000) as gateway,
        gateway.person() as person,
    ):
        host, port = gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /api/v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: 1000000\r\nAuthorization: Bearer " + person.tokens.access_token.encode() + b"\r\n\r\n"
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        )
        answer = asyncio.create_task(reader.read())
        async with asyncio.timeout(60):
            while not (await asyncio.wait({answer}, timeout=0.01))[0]:
                writer.write(b"x")
        assert answer.result().startswith(b"HTTP/1.1 408 ")
        assert b'"/problems/request-timeout"' in answer.result()
        assert [info.key async for info in gateway.backend.store.list("uploads/")] == []
        writer.close()
