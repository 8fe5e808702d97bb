"""Sending a file: streamed to storage, refused early where it can be, one job however often it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest

from tests.support.gateway_platform import Backend, Gateway, Person, running_gateway

pytestmark = pytest.mark.integration

URL = "/api/v1/uploads"
WAV = b"RIFF" + bytes(100_000)


async def stored(gateway: Gateway, person: Person) -> dict[str, int]:
    return {info.key: info.size_bytes async for info in gateway.backend.store.list(f"uploads/{person.user.id}")}


async def send(person: Person, data: bytes = WAV, name: str = "Rain on tin.wav", **options: object) -> httpx.Response:
    return await person.http.post(URL, files={"file": (name, data)}, **options)


async def test_file_becomes_a_job_that_knows_where_it_lies(gateway: Gateway, ada: Person) -> None:
    answer = await send(ada, data=WAV)
    assert (answer.status_code, answer.json()["kind"]) == (202, "import")
    assert answer.headers["location"] == answer.json()["links"]["self"]
    sent = gateway.backend.processing.submitted[-1]
    assert orjson.loads(sent.request_json) == {"filename": "Rain on tin.wav", "size_bytes": len(WAV)}
    assert sent.upload.object_key.startswith(f"uploads/{ada.user.id}/")
    assert (sent.upload.size_bytes, sent.upload.filename) == (len(WAV), "Rain on tin.wav")
    assert await gateway.backend.store.get(sent.upload.object_key) == WAV


async def test_title_may_come_before_or_after_the_file(ada: Person, gateway: Gateway) -> None:
    for order in (("title", "file"), ("file", "title")):
        parts = {"title": (None, b"T\xc3\xb6ne"), "file": ("a.wav", WAV)}
        answer = await ada.http.post(URL, files=[(name, parts[name]) for name in order])
        assert answer.status_code == 202
        assert orjson.loads(gateway.backend.processing.submitted[-1].request_json)["title"] == "Töne"


@pytest.mark.parametrize("chunk", [1, 7, 61, 4_096])
async def test_bytes_arrive_unchanged_however_they_are_cut(gateway: Gateway, ada: Person, chunk: int) -> None:
    data = b"\r\n--x\r\n-=boundary--\r\n--bound\r\n" * 20 + bytes(range(256))
    head = b'--boundary\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + data + b"\r\n--boundary--\r\n"

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), chunk):
            yield body[start : start + chunk]

    headers = {"content-type": "multipart/form-data; boundary=boundary"}
    answer = await ada.http.post(URL, content=pieces(), headers=headers)
    assert answer.status_code == 202
    key = gateway.backend.processing.submitted[-1].upload.object_key
    assert await gateway.backend.store.get(key) == data


async def test_what_is_no_upload_is_refused_and_leaves_nothing(gateway: Gateway, ada: Person) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nRIFF'
    form = {"content-type": "multipart/form-data; boundary=b"}
    cases = [
        (415, {"content": b"RIFF", "headers": {"content-type": "audio/wav"}}),
        (415, {"json": {"file": "x"}}),
        (415, {"content": part + b"\r\n--b--", "headers": {**form, "content-encoding": "gzip"}}),
        (415, {"content": b"", "headers": {"content-type": "multipart/form-data"}}),
        (422, {"content": part, "headers": form}),
        (422, {"content": b"nonsense", "headers": form}),
        (422, {"files": {"song": ("a.wav", WAV)}}),
        (422, {"files": {"file": ("a.wav", b"")}}),
        (422, {"files": [("file", ("a.wav", WAV)), ("file", ("b.wav", WAV))]}),
        (422, {"files": [("file", ("a.wav", WAV)), ("public", (None, b"yes"))]}),
        (422, {"files": [("file", ("a.wav", WAV)), ("title", (None, b"x" * 5_000))]}),
        (422, {"files": [("file", ("a.wav", WAV)), ("title", (None, b"two\nlines"))]}),
        (422, {"files": [(f"f{n}", (None, b"x")) for n in range(30)]}),
    ]
    for status, options in cases:
        answer = await ada.http.post(URL, **options)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), options
    assert await stored(gateway, ada) == {}


async def test_file_that_is_too_large_is_refused_by_its_length_and_by_its_bytes(backend: Backend) -> None:
    async with running_gateway(backend, max_upload_bytes=1_000_000) as gateway, gateway.person() as person:
        assert (await send(person, bytes(2_000_000))).status_code == 413

        async def endless() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            for _ in range(100):
                yield bytes(50_000)

        headers = {"content-type": "multipart/form-data; boundary=b"}
        try:
            answer = await person.http.post(URL, content=endless(), headers=headers)
        except (httpx.WriteError, httpx.ReadError):
            pass  # the connection was closed while the rest was on its way
        else:
            assert answer.status_code == 413
        assert await stored(gateway, person) == {}
        assert (await send(person, bytes(900_000))).status_code == 202, "larger than other bodies may be"


async def test_same_key_and_file_make_one_job_and_keep_one_copy(gateway: Gateway, ada: Person) -> None:
    key = {"idempotency-key": "take-1"}
    before = await stored(gateway, ada)
    first = await send(ada, headers=key)
    again = await send(ada, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    kept = [name for name in await stored(gateway, ada) if name not in before]
    assert kept == [gateway.backend.processing.submitted[-1].upload.object_key]
    other = await send(ada, data=WAV + b"x", headers=key)
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-mismatch"
    assert [name for name in await stored(gateway, ada) if name not in before] == kept


async def test_file_stays_when_only_the_answer_was_lost_on_the_way(gateway: Gateway, ada: Person) -> None:
    gateway.backend.processing.lost_answers = 1
    answer = await send(ada, headers={"idempotency-key": "take-2"})
    assert answer.status_code == 202
    assert gateway.backend.processing.submitted[-1].upload.object_key in await stored(gateway, ada)


async def test_sender_that_leaves_leaves_nothing(gateway: Gateway, ada: Person) -> None:
    started = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(100_000)
        started.set()
        await asyncio.Event().wait()

    headers = {"content-type": "multipart/form-data; boundary=b"}
    sending = asyncio.create_task(ada.http.post(URL, content=half(), headers=headers))
    await started.wait()
    before = len(gateway.backend.processing.submitted)
    sending.cancel()
    await asyncio.wait({sending})
    assert (await send(ada)).status_code == 202
    assert len(await stored(gateway, ada)) == 1
    assert len(gateway.backend.processing.submitted) == before + 1


async def test_file_of_a_refused_job_is_forgotten(gateway: Gateway, ada: Person) -> None:
    gateway.backend.processing.refusal = "quota"
    try:
        answer = await send(ada)
    finally:
        gateway.backend.processing.refusal = ""
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/quota-exceeded")
    assert await stored(gateway, ada) == {}
