"""The gateway in front of the real services: PostgreSQL, Valkey, storage, a worker that makes tones."""

import asyncio
import contextlib
import io
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import soundfile
from PIL import Image
from websockets.asyncio.client import connect

from tests.support.real_services import real_services
from tests.support.user_management import UserManagement, eventually

PASSWORD = "a long passphrase"


@pytest_asyncio.fixture
async def url(user_management: UserManagement, servers_folder: Path, tmp_path: Path) -> AsyncIterator[str]:
    """A whole platform in this process."""
    async with real_services(user_management, servers_folder, tmp_path) as address:
        yield address


@contextlib.asynccontextmanager
async def somebody(url: str) -> AsyncIterator[httpx.AsyncClient]:
    name = f"u{uuid.uuid4().hex[:12]}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=70) as http:
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        answer = await http.post("/api/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        http.headers["x-refresh"] = answer.json()["refresh_token"]
        yield http


async def test_an_account_signs_in_goes_on_and_leaves(url: str) -> None:
    async with somebody(url) as http:
        me = (await http.get("/api/v1/users/me")).json()
        assert (await http.get("/api/v1/users/me/usage")).json()["balance_seconds"] > 0
        renewed = await http.post("/api/v1/auth/refresh", json={"refresh_token": http.headers["x-refresh"]})
        assert renewed.status_code == 200
        wrong = await http.post("/api/v1/auth/login", json={"identifier": me["email"], "password": "wrong wrong"})
        assert wrong.status_code == 401
        second = await http.post("/api/v1/auth/login", json={"identifier": me["username"], "password": PASSWORD})
        assert second.status_code == 200
        sessions = (await http.get("/api/v1/auth/sessions")).json()["items"]
        assert sorted(session["current"] for session in sessions) == [False, True]
        other = next(session["id"] for session in sessions if not session["current"])
        assert (await http.delete(f"/api/v1/auth/sessions/{other}")).status_code == 204
        ended = {"authorization": f"Bearer {second.json()['access_token']}"}

        async def is_refused() -> bool:
            return (await http.get("/api/v1/users/me", headers=ended)).status_code == 401

        await eventually(is_refused, what="the ended session's token is refused")
        assert (await http.post("/api/v1/auth/logout")).status_code == 204


async def test_wrong_accounts_are_refused_field_by_field(url: str) -> None:
    async with somebody(url) as http:
        me = (await http.get("/api/v1/users/me")).json()
        good = {
            "username": f"u{uuid.uuid4().hex[:12]}",
            "email": f"{uuid.uuid4().hex}@example.org",
            "password": PASSWORD,
        }
        for change, pointer in (
            ({"username": "me"}, "/username"),
            ({"username": "x"}, "/username"),
            ({"email": "nonsense"}, "/email"),
            ({"password": "short"}, "/password"),
        ):
            answer = await http.post("/api/v1/auth/register", json=good | change)
            assert answer.status_code == 422, answer.text
            assert pointer in [error["pointer"] for error in answer.json()["errors"]]
        taken = await http.post("/api/v1/auth/register", json=good | {"username": me["username"]})
        assert taken.status_code == 409


async def test_a_song_is_asked_for_heard_kept_and_converted(url: str) -> None:
    async with somebody(url) as http:
        body = {"prompt": "a tone", "model": "tone", "duration": 3, "title": "Tone"}
        headers = {"idempotency-key": uuid.uuid4().hex}
        job = (await http.post("/api/v1/generate", json=body, headers=headers)).json()
        again = await http.post("/api/v1/generate", json=body, headers=headers)
        assert (again.json()["id"], again.headers["idempotency-replayed"]) == (job["id"], "true")
        assert job["request"]["duration"] == 3.0

        live = await http.get(f"/api/v1/stream/{job['id']}", params={"format": "wav"})
        assert live.status_code == 200
        assert live.content[:4] == b"RIFF"
        ended = (await http.get(f"/api/v1/jobs/{job['id']}", params={"wait": 60})).json()
        assert ended["status"] == "succeeded"
        events = await http.get(f"/api/v1/jobs/{job['id']}/events")
        lines = events.text.splitlines()
        assert lines[[line.startswith("event: done") for line in lines].index(True) + 1].startswith("data: ")
        done = json.loads(lines[-2].removeprefix("data: "))
        assert done["result"] == ended["result"]

        track = (await http.get(f"/api/v1/tracks/{ended['result']['track_ids'][0]}")).json()
        assert (track["title"], track["model"], track["job_id"]) == ("Tone", "tone", job["id"])
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as stranger:
            for audio_format in ("wav", "flac", "mp3", "ogg", "opus"):
                audio = await stranger.get(f"{track['links']['audio']}&format={audio_format}")
                assert audio.status_code == 200
                info = soundfile.info(io.BytesIO(audio.content))
                assert abs(info.frames / info.samplerate - 3) < 0.2
                part = await stranger.get(
                    f"{track['links']['audio']}&format={audio_format}",
                    headers={"range": "bytes=100-199", "if-range": audio.headers["etag"]},
                )
                assert (part.status_code, part.content) == (206, audio.content[100:200])
        waveform = (await http.get(f"/api/v1/tracks/{track['id']}/waveform", params={"points": 64})).json()
        assert len(waveform["maxima"]) == 64
        assert max(waveform["maxima"]) > 0.05
        after = await http.get(f"/api/v1/stream/{job['id']}", headers={"range": "bytes=0-3"})
        assert (after.status_code, after.content) == (206, b"RIFF")

        convert = await http.post("/api/v1/processing/convert", json={"track_id": track["id"], "format": "flac"})
        assert convert.status_code == 202
        assert (convert.json()["kind"], set(convert.json()["request"])) == ("convert", {"track_id", "format"})
        assert (await http.delete(f"/api/v1/tracks/{track['id']}")).status_code == 204
        assert (await http.get(f"/api/v1/tracks/{track['id']}")).status_code == 404


async def test_a_cancelled_song_ends_its_listeners(url: str) -> None:
    async with somebody(url) as http:
        body = {"prompt": "a tone", "model": "tone", "duration": 60, "spec": {"speed": 1}}
        job = (await http.post("/api/v1/generate", json=body)).json()
        async with http.stream("GET", f"/api/v1/stream/{job['id']}", params={"format": "mp3"}) as live:
            assert live.status_code == 200
            pieces = live.aiter_raw()
            await anext(pieces)
            assert (await http.post(f"/api/v1/jobs/{job['id']}/cancel")).status_code == 202
            async with asyncio.timeout(60):
                with contextlib.suppress(httpx.RemoteProtocolError):
                    async for _ in pieces:
                        pass
        ended = (await http.get(f"/api/v1/jobs/{job['id']}", params={"wait": 10})).json()
        assert ended["status"] == "cancelled"
        assert (await http.get(f"/api/v1/stream/{job['id']}")).status_code == 409


async def test_what_the_model_does_not_take_is_said_by_name(url: str) -> None:
    async with somebody(url) as http:
        for change, pointer in (
            ({"model": "nonesuch"}, "/model"),
            ({"duration": 3_000}, "/duration"),
            ({"lyrics": "la la"}, "/lyrics"),
        ):
            answer = await http.post("/api/v1/generate", json={"prompt": "x", "model": "tone", **change})
            assert answer.status_code == 422
            assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_the_hub_tells_a_songs_whole_life(url: str) -> None:
    async with somebody(url) as http:
        headers = {"authorization": http.headers["authorization"]}
        socket_url = f"{url.replace('http', 'ws', 1)}/api/v1/ws"
        async with connect(socket_url, additional_headers=headers, proxy=None) as socket:
            hello = json.loads(await socket.recv())
            body = {"prompt": "a tone", "model": "tone", "duration": 5}
            job = (await http.post("/api/v1/generate", json=body)).json()
            told: list[dict[str, Any]] = []
            async with asyncio.timeout(60):
                while not told or told[-1]["type"] != "done":
                    told.append(json.loads(await socket.recv()))
        assert {message["job_id"] for message in told} == {job["id"]}
        states = [message["data"]["status"] for message in told if message["type"] == "status"]
        assert states == ["queued", "running", "succeeded"]
        done = told[-1]["data"]
        assert (done["id"], done["status"], len(done["result"]["track_ids"])) == (job["id"], "succeeded", 1)
        assert any(message["type"] == "progress" for message in told)
        # Whoever was away in between hears what cannot be read off the progress.
        again = f"{socket_url}?last_event_id={hello['id']}"
        async with connect(again, additional_headers=headers, proxy=None) as socket:
            async with asyncio.timeout(60):
                seen = [json.loads(await socket.recv()) for _ in range(5)]
        assert [message["type"] for message in seen] == ["hello", "status", "status", "status", "done"]
        assert seen[0]["data"]["resumed"]


async def test_a_shared_song_is_heard_by_strangers_until_its_link_is_revoked(url: str) -> None:
    async with somebody(url) as http, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as stranger:
        body = {"prompt": "a tone", "model": "tone", "duration": 2}
        job = (await http.post("/api/v1/generate", json=body)).json()
        ended = (await http.get(f"/api/v1/jobs/{job['id']}", params={"wait": 60})).json()
        path = f"/api/v1/tracks/{ended['result']['track_ids'][0]}"
        asked = {"password": "open sesame", "expires_in_hours": 1}
        made = (await http.post(f"{path}/share", json=asked)).json()
        secrets = {"token": made["token"], "password": asked["password"]}
        shared = (await stranger.post("/api/v1/shared", json=secrets)).json()
        assert shared["duration"] == 2.0
        audio = await stranger.get(f"{shared['links']['audio']}&format=flac")
        samples, rate = soundfile.read(io.BytesIO(audio.content))
        assert len(samples) / rate == 2.0
        part = await stranger.get(shared["links"]["audio"], headers={"range": "bytes=0-99"})
        assert (part.status_code, len(part.content)) == (206, 100)
        waveform = (await stranger.get(f"{shared['links']['waveform']}&points=16")).json()
        assert max(waveform["maxima"]) > 0.01
        drawn = await stranger.get(f"{shared['links']['cover']}&size=160")
        assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/jpeg")
        assert drawn.content == (await http.get(f"{path}/cover", params={"size": 160})).content
        unchanged = {"if-none-match": drawn.headers["etag"]}
        assert (await stranger.get(f"{shared['links']['cover']}&size=160", headers=unchanged)).status_code == 304
        assert (await stranger.get(f"{shared['links']['cover']}&size=9")).status_code == 422
        assert (await http.delete(f"{path}/shares/{made['share']['id']}")).status_code == 204
        for name in ("audio", "waveform", "cover"):
            assert (await stranger.get(shared["links"][name])).status_code == 404, name
        assert (await stranger.post("/api/v1/shared", json=secrets)).status_code == 404


async def test_a_picture_that_was_sent_is_in_what_is_downloaded(url: str) -> None:
    out = io.BytesIO()
    Image.effect_noise((300, 200), 90.0).convert("RGB").save(out, "PNG")
    async with somebody(url) as http:
        body = {"prompt": "a tone", "model": "tone", "duration": 2}
        job = (await http.post("/api/v1/generate", json=body)).json()
        ended = (await http.get(f"/api/v1/jobs/{job['id']}", params={"wait": 60})).json()
        path = f"/api/v1/tracks/{ended['result']['track_ids'][0]}"
        drawn = await http.get(f"{path}/cover")
        assert drawn.content.startswith(b"\xff\xd8\xff")
        answer = await http.put(f"{path}/cover", files={"file": ("cover.png", out.getvalue())})
        assert (answer.status_code, answer.json()["has_cover"]) == (200, True)
        cover = (await http.get(f"{path}/cover", params={"size": 640})).content
        assert cover != drawn.content
        kept = await http.get(f"{path}/audio", params={"format": "flac", "download": "true"})
        assert cover in kept.content
        assert cover not in (await http.get(f"{path}/audio", params={"format": "flac"})).content
        with soundfile.SoundFile(io.BytesIO(kept.content)) as file:
            assert (file.title, file.frames / file.samplerate) == (answer.json()["title"], 2.0)
        assert (await http.put(f"{path}/cover", files={"file": ("x.png", b"words")})).status_code == 415
        assert (await http.delete(f"{path}/cover")).status_code == 204
        assert (await http.get(f"{path}/cover")).content == drawn.content
        for ending in ("png", "svg"):
            picture = await http.get(f"{path}/waveform.{ending}", params={"scheme": "ocean"})
            assert picture.status_code == 200, ending
        assert b"<polygon" in picture.content


async def test_a_kept_session_is_asked_to_be_rendered_as_it_was_kept(url: str) -> None:
    async with somebody(url) as http:
        body = {"prompt": "a tone", "model": "tone", "duration": 2}
        job = (await http.post("/api/v1/generate", json=body)).json()
        ended = (await http.get(f"/api/v1/jobs/{job['id']}", params={"wait": 60})).json()
        session = {"tracks": [{"track_id": ended["result"]["track_ids"][0], "gain_db": -3}]}
        mix = (await http.post("/api/v1/mixes", json={"title": "Tones", "session": session})).json()
        changed = {"tracks": [{"track_id": str(uuid.uuid4())}]}
        assert (await http.post(f"/api/v1/mixes/{mix['id']}/versions", json={"session": changed})).status_code == 201
        key = {"Idempotency-Key": "once"}
        asked = [await http.post(f"/api/v1/mixes/{mix['id']}/versions/1/render", headers=key) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [202, 202]
        assert asked[0].json()["id"] == asked[1].json()["id"]
        request = asked[0].json()["request"]
        assert (asked[0].json()["kind"], request["title"], request["tracks"]) == ("mix", "Tones", session["tracks"])
        lost = await http.post(f"/api/v1/mixes/{mix['id']}/versions/2/render")
        assert lost.status_code == 404
        assert lost.json()["detail"].startswith("This version cannot be rendered: ")
