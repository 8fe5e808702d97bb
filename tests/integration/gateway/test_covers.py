"""Pictures of tracks over HTTP: who may send them, what is refused before it is looked at, how they are cached."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.gateway.test_tracks import add_track
from tests.support.gateway_platform import Gateway, Person, running_gateway

pytestmark = pytest.mark.integration

PNG = b"\x89PNG\r\n\x1a\n" + bytes(2_000_000)


async def send(person: Person, track_id: str, data: bytes = PNG, name: str = "file") -> httpx.Response:
    return await person.http.put(f"/api/v1/tracks/{track_id}/cover", files={name: ("cover.png", data)})


async def left(gateway: Gateway) -> list[str]:
    return [info.key async for info in gateway.backend.store.list("uploads")]


async def test_cover_is_drawn_until_one_is_sent_and_again_when_it_is_taken_away(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}/cover"
    drawn = await ada.http.get(path, params={"size": 320})
    assert drawn.content == f"drawn of {track.content.master_object_key} 320".encode()
    assert (await ada.http.get(f"/api/v1/tracks/{track.id}")).json()["has_cover"] is False
    changed = await send(ada, track.id)
    assert (changed.status_code, changed.json()["has_cover"]) == (200, True)
    assert await left(gateway) == [], "what was sent is not kept"
    sent = await ada.http.get(path)
    assert sent.content == PNG
    assert sent.headers["content-type"] == "image/jpeg"
    assert sent.headers["content-disposition"].startswith('inline; filename="Rain on tin.jpg"')
    assert (await ada.http.delete(path)).status_code == 204
    assert (await ada.http.get(path, params={"size": 320})).content == drawn.content


async def test_caches_ask_each_time_and_are_told_of_a_change(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}/cover"
    await send(ada, track.id)
    first = await ada.http.get(path)
    assert first.headers["cache-control"] == "private, no-cache"
    assert "last-modified" not in first.headers, "an older picture may come back"
    validator = {"if-none-match": first.headers["etag"]}
    assert (await ada.http.get(path, headers=validator)).status_code == 304
    dated = {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    assert (await ada.http.get(path, headers=dated)).status_code == 200
    await ada.http.delete(path)
    assert (await ada.http.get(path, headers=validator)).status_code == 200
    part = await ada.http.get(path, headers={"range": "bytes=0-4"})
    assert (part.status_code, part.content) == (206, b"drawn")


async def test_picture_named_by_its_version_is_cached_and_another_one_is_not(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}"
    seen: list[str] = []
    for change in (None, send(ada, track.id), ada.http.delete(f"{path}/cover")):
        if change is not None:
            assert (await change).is_success
        seen.append((await ada.http.get(path)).json()["cover_version"])
        named = await ada.http.get(f"{path}/cover", params={"version": seen[-1]})
        assert named.headers["cache-control"] == "private, max-age=3600"
        for other in ("", "0", seen[0] + "0", "é"):
            asked = await ada.http.get(f"{path}/cover", params={"version": other})
            assert (asked.headers["cache-control"], asked.content) == ("private, no-cache", named.content), other
    assert seen[0] == seen[2] != seen[1], "the drawn one is what it was"
    assert (await ada.http.get(f"{path}/cover", params={"version": "v" * 65})).status_code == 422


async def test_drawn_picture_is_shown_beside_the_one_that_was_sent(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}"
    drawn = await ada.http.get(f"{path}/cover")
    await send(ada, track.id)
    version = (await ada.http.get(path)).json()["cover_version"]
    asked = await ada.http.get(f"{path}/cover", params={"drawn": True, "version": version})
    assert asked.content == drawn.content != (await ada.http.get(f"{path}/cover")).content
    assert asked.headers["cache-control"] == "private, no-cache", "it is not the one of that version"


async def test_links_to_covers_work_without_a_header(gateway: Gateway, ada: Person) -> None:
    link = (await ada.http.get(f"/api/v1/tracks/{add_track(gateway, ada).id}")).json()["links"]["cover"]
    async with gateway.client() as http:
        assert (await http.get(f"{link}&size=160")).status_code == 200
        assert (await http.put(link, files={"file": ("a.png", PNG)})).status_code == 401


async def test_somebody_else_sees_a_public_track_s_cover_and_changes_none(
    gateway: Gateway, ada: Person, bob: Person
) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}/cover"
    for public, seen in ((False, 404), (True, 200)):
        track.content.public = public
        assert (await bob.http.get(path)).status_code == seen
        assert (await bob.http.delete(path)).status_code == 404
        answer = await send(bob, track.id)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    assert track.cover_object_key == ""
    assert await left(gateway) == [], "a stranger's file is not even stored"


async def test_what_is_no_picture_is_refused_and_not_kept(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    answer = await send(ada, track.id, b"words")
    assert (answer.status_code, answer.json()["detail"]) == (
        415,
        "This is no PNG, JPEG or WebP picture. Send one of these.",
    )
    assert (await send(ada, track.id, b"")).status_code == 422
    assert (await send(ada, track.id, b"x", name="picture")).json()["errors"][0]["pointer"] == "/file"
    path = f"/api/v1/tracks/{track.id}/cover"
    both = await ada.http.put(path, files={"file": ("a.png", PNG), "title": (None, b"x")})
    assert (both.status_code, both.json()["errors"][0]["pointer"]) == (422, "/title")
    assert (await ada.http.put(path, content=PNG, headers={"content-type": "image/png"})).status_code == 415
    assert await left(gateway) == []


async def test_body_beyond_the_limit_is_refused_by_its_length(gateway: Gateway, ada: Person) -> None:
    track = add_track(gateway, ada)
    async with (
        running_gateway(gateway.backend, max_cover_bytes=100_000) as small,
        small.client(ada.tokens.access_token) as http,
    ):
        for path, status in ((f"/api/v1/tracks/{track.id}/cover", 413), ("/api/v1/uploads", 202)):
            method = "PUT" if status == 413 else "POST"
            answer = await http.request(method, path, files={"file": ("a.png", bytes(200_000))})
            assert answer.status_code == status, path


@pytest.mark.parametrize("size", ["0", "15", "1281", "x", "-1"])
async def test_size_beyond_what_is_offered_is_named(gateway: Gateway, ada: Person, size: str) -> None:
    answer = await ada.http.get(f"/api/v1/tracks/{add_track(gateway, ada).id}/cover", params={"size": size})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/size")


@pytest.mark.parametrize(("ending", "media_type"), [("png", "image/png"), ("svg", "image/svg+xml")])
async def test_waveform_is_a_picture_of_an_address_of_its_own(
    gateway: Gateway, ada: Person, bob: Person, ending: str, media_type: str
) -> None:
    track = add_track(gateway, ada)
    path = f"/api/v1/tracks/{track.id}/waveform.{ending}"
    answer = await ada.http.get(path, params={"width": 500, "height": 64, "scheme": "ocean"})
    assert (answer.status_code, answer.content) == (200, ending.encode())
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "private, max-age=3600"
    again = await ada.http.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    wrong = await ada.http.get(path, params={"width": 1, "height": 9_999, "scheme": "../x"})
    assert {error["pointer"] for error in wrong.json()["errors"]} == {"/width", "/height", "/scheme"}
    assert (await bob.http.get(path)).status_code == 404
