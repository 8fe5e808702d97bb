"""Bad input is answered at the edge, in the problem format, with what to change."""

import contextlib

import httpx
import pytest

from tests.support.platform import Caller, Platform

pytestmark = pytest.mark.e2e

BODIES = {
    "empty prompt": ({"prompt": ""}, "/prompt"),
    "blank prompt": ({"prompt": "  \n\t "}, "/prompt"),
    "5,000 characters": ({"prompt": "la " * 1667}, "/prompt"),
    "control characters": ({"prompt": "lofi \x07\x1b[2J"}, "/prompt"),
    "duration 0": ({"prompt": "lofi", "duration": 0}, "/duration"),
    "duration -1": ({"prompt": "lofi", "duration": -1}, "/duration"),
    "duration 1e9": ({"prompt": "lofi", "duration": 1e9}, "/duration"),
    "unknown model": ({"prompt": "lofi", "model": "no-such-model"}, "/model"),
    "unknown field": ({"prompt": "lofi", "tempo_bpm": 80}, "/tempo_bpm"),
    "wrong type": ({"prompt": 17}, "/prompt"),
    "what the model does not take": ({"prompt": "lofi", "guidance_scale": 3.0}, "/guidance_scale"),
    "no prompt": ({}, "/prompt"),
    "a list": ([], ""),
}


def problem(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    document = answer.json()
    assert document["status"] == status
    assert "/problems/" in document["type"]
    assert document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


@pytest.mark.parametrize("name", list(BODIES))
def test_bad_body_names_the_field_and_the_cure(musician: Caller, name: str) -> None:
    body, pointer = BODIES[name]
    document = problem(musician.call("POST", "/generate", json=body), 422)
    assert pointer in [error["pointer"] for error in document["errors"]]
    assert all(error["detail"] for error in document["errors"])


@pytest.mark.parametrize("body", ['{"prompt": "lofi", "duration": NaN}', '{"prompt": "lofi', "", "\xff\xfe"])
def test_what_is_not_json_is_said_to_be_so(musician: Caller, body: str) -> None:
    answer = musician.call(
        "POST", "/generate", content=body.encode("latin-1"), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    problem(answer, answer.status_code)


def test_emoji_and_other_scripts_are_welcome(musician: Caller) -> None:
    job = musician.generate("🎹🌧️ 雨の夜のローファイ", duration=2)
    assert musician.finished(job["id"])["status"] == "succeeded"


def test_body_of_fifty_megabytes_is_refused_unread(platform: Platform, musician: Caller) -> None:
    sent = 0

    def pieces() -> object:
        nonlocal sent
        for _ in range(50):
            sent += 1
            yield b" " * 1_000_000

    json_body = {"Content-Type": "application/json"}
    declared = musician.call("POST", "/generate", content=b" " * 50_000_000, headers=json_body)
    problem(declared, 413)
    with contextlib.suppress(httpx.WriteError):  # the server may close the door before everything is sent
        problem(musician.call("POST", "/generate", content=pieces(), headers=json_body), 413)
    assert sent < 50


@pytest.mark.parametrize("token", ["", "nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."])
def test_wrong_token_is_401(platform: Platform, token: str) -> None:
    answer = httpx.get(f"{platform.url}/api/v1/users/me", headers={"Authorization": f"Bearer {token}".strip()})
    problem(answer, 401)
    assert "www-authenticate" in answer.headers


def test_forged_token_is_401(platform: Platform, musician: Caller) -> None:
    head, body, signature = musician.access_token.split(".")
    forged = f"{head}.{body}.{signature[:-8]}AAAAAAAA"
    problem(httpx.get(f"{platform.url}/api/v1/users/me", headers={"Authorization": f"Bearer {forged}"}), 401)


def test_other_peoples_things_do_not_exist(platform: Platform, musician: Caller) -> None:
    ended = musician.finished(musician.generate("private", duration=2)["id"])
    stranger = platform.sign_up()
    track = ended["result"]["track_ids"][0]
    for path in (
        f"/jobs/{ended['id']}", f"/jobs/{ended['id']}/events", f"/stream/{ended['id']}", f"/tracks/{track}",
        f"/tracks/{track}/audio", f"/tracks/{track}/stems", f"/tracks/{track}/midi", f"/tracks/{track}/waveform",
    ):  # fmt: skip
        problem(stranger.call("GET", path), 404)
    problem(stranger.call("POST", f"/jobs/{ended['id']}/cancel"), 404)
    problem(stranger.call("DELETE", f"/tracks/{track}"), 404)


@pytest.mark.parametrize("unknown", ["0198c0de-0000-7000-8000-000000000000", "nonsense", "%00", "..%2f..%2fetc"])
def test_unknown_ids_are_404(musician: Caller, unknown: str) -> None:
    for path in (f"/jobs/{unknown}", f"/tracks/{unknown}", f"/tracks/{unknown}/audio", f"/models/{unknown}"):
        problem(musician.call("GET", path), 404)


def test_unknown_format_lists_the_known_ones(musician: Caller) -> None:
    ended = musician.finished(musician.generate("short", duration=2)["id"])
    track = ended["result"]["track_ids"][0]
    document = problem(musician.call("GET", f"/tracks/{track}/audio", params={"format": "xm"}), 422)
    assert "flac" in str(document["errors"])
    problem(musician.call("GET", f"/stream/{ended['id']}", params={"format": "xm"}), 422)


def test_unknown_path_and_wrong_method_are_problems_too(platform: Platform) -> None:
    problem(httpx.get(f"{platform.url}/api/v1/nothing-here"), 404)
    answer = httpx.put(f"{platform.url}/api/v1/generate")
    problem(answer, 405)
    assert "POST" in answer.headers["allow"]
