"""Shaping audio over HTTP: one call a kind, catalogues, pictures."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.support.gateway_platform import Gateway, Person

pytestmark = pytest.mark.integration

KINDS: dict[str, dict[str, Any]] = {
    "separate": {"model": "spleeter-2stems", "shifts": 2},
    "master": {"preset": "streaming", "target_lufs": -14.0},
    "transcribe": {"stem": "drums"},
    "analyze": {"features": ["key"]},
    "convert": {"format": "mp3", "bitrate": 192_000},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_makes_a_job(gateway: Gateway, ada: Person, kind: str) -> None:
    body = {"track_id": gateway.backend.tracks.add(ada.user).id, **KINDS[kind]}
    answer = await ada.http.post(f"/api/v1/processing/{kind}", json=body)
    job = answer.json()
    assert (answer.status_code, job["kind"]) == (202, kind)
    assert answer.headers["location"] == job["links"]["self"]
    sent = gateway.backend.processing.submitted[-1]
    assert (sent.kind, orjson.loads(sent.request_json)) == (kind, body)


async def test_session_is_handed_on_as_it_is(gateway: Gateway, ada: Person) -> None:
    track_id = gateway.backend.tracks.add(ada.user).id
    effects = [{"effect": "compressor", "ratio": 3.0, "later": {"deep": [1, None]}}]
    body = {"tracks": [{"track_id": track_id, "gain_db": -2.5, "effects": effects}], "tempo": 90.0}
    assert (await ada.http.post("/api/v1/processing/mix", json=body)).status_code == 202
    assert orjson.loads(gateway.backend.processing.submitted[-1].request_json) == body


async def test_what_is_wrong_is_named_by_field(ada: Person) -> None:
    for kind, body, pointer in (
        ("mix", {"tracks": []}, "/tracks"),
        ("separate", {}, "/track_id"),
        ("convert", {"track_id": "t", "format": "aac3"}, "/format"),
        ("convert", {"track_id": "t", "format": "wav", "volume": 11}, "/volume"),
    ):
        answer = await ada.http.post(f"/api/v1/processing/{kind}", json=body)
        assert answer.status_code == 422
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_someone_else_s_track_is_not_found(gateway: Gateway, ada: Person, bob: Person) -> None:
    track_id = gateway.backend.tracks.add(ada.user).id
    for kind, more in KINDS.items():
        answer = await bob.http.post(f"/api/v1/processing/{kind}", json={"track_id": track_id, **more})
        assert answer.status_code == 404


async def test_catalogues_are_told_once(ada: Person) -> None:
    for name in ("effects", "presets"):
        answer = await ada.http.get(f"/api/v1/processing/{name}")
        assert answer.json() == {"items": [f"CATALOGUE_{name.upper()}"]}
        headers = {"if-none-match": answer.headers["etag"]}
        assert (await ada.http.get(f"/api/v1/processing/{name}", headers=headers)).status_code == 304


async def test_picture_of_a_track_opens_by_its_link(gateway: Gateway, ada: Person, bob: Person) -> None:
    track_id = gateway.backend.tracks.add(ada.user).id
    links = (await ada.http.get(f"/api/v1/tracks/{track_id}")).json()["links"]
    async with gateway.client() as http:
        answer = await http.get(f"{links['spectrogram']}&width=300&scheme=viridis")
    assert (answer.content, answer.headers["content-type"]) == (b"PNG", "image/png")
    path = f"/api/v1/tracks/{track_id}/spectrogram.png"
    assert (await bob.http.get(path)).status_code == 404
    for query in ({"width": 1}, {"height": 10_000}, {"scheme": "../../x"}):
        assert (await ada.http.get(path, params=query)).status_code == 422


async def test_file_that_takes_long_to_make_is_to_be_asked_for_again(gateway: Gateway, ada: Person) -> None:
    track_id = gateway.backend.tracks.add(ada.user).id
    gateway.backend.processing.too_slow = True
    try:
        answer = await ada.http.get(f"/api/v1/tracks/{track_id}/audio", params={"format": "opus"})
    finally:
        gateway.backend.processing.too_slow = False
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "The file is still being made. Ask again."
