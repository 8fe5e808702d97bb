"""Covers and waveforms over both clients, and `musicgen cover` and `waveform`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from musicgen_client import AsyncClient, Client
from musicgen_client.cli import run
from musicgen_client.exit_codes import ExitCode

Captured = pytest.CaptureFixture[str]
COVER = "/api/v1/tracks/t1/cover"


@pytest.fixture(autouse=True)
def at_home(config_home: Path, monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    monkeypatch.setenv("MUSICGEN_URL", server.url)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "cover.png"
    path.write_bytes(b"\x89PNG" + bytes(range(256)))
    return path


@pytest.fixture
def pictures(server: Any, answer: Any, raw: Any, track: Any) -> Any:
    server.on("PUT", COVER, answer({**track, "has_cover": True}))
    server.on("DELETE", COVER, raw(204))
    for path, data in ((COVER, b"JPEG"), ("/api/v1/tracks/t1/waveform.png", b"P"),
                       ("/api/v1/tracks/t1/waveform.svg", b"S")):  # fmt: skip
        server.on("GET", path, raw(200, data))
    return server


def test_cover_is_sent_fetched_and_taken_away(pictures: Any, picture: Path, tmp_path: Path) -> None:
    with Client(pictures.url) as client:
        assert client.set_cover("t1", picture).has_cover
        assert client.download_cover("t1", tmp_path / "out.jpg", size=320).read_bytes() == b"JPEG"
        client.delete_cover("t1")
    sent, fetched, _ = pictures.to(COVER)
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert picture.read_bytes() in sent.body
    assert b'name="title"' not in sent.body
    assert fetched.query == {"size": "320"}


async def test_asynchronous_client_does_the_same(pictures: Any, picture: Path, tmp_path: Path) -> None:
    async with AsyncClient(pictures.url) as client:
        assert (await client.set_cover("t1", picture)).has_cover
        assert (await client.download_cover("t1", tmp_path / "out.jpg")).read_bytes() == b"JPEG"
        assert (await client.download_waveform("t1", tmp_path / "w.svg", scheme="ocean")).read_bytes() == b"S"
    assert pictures.to("/api/v1/tracks/t1/waveform.svg")[0].query["scheme"] == "ocean"


def test_command_sets_fetches_and_removes(pictures: Any, picture: Path, tmp_path: Path, capsys: Captured) -> None:
    assert run(["cover", "t1", "--set", str(picture)]) == 0
    out = tmp_path / "out.jpg"
    assert run(["cover", "t1", "-o", str(out), "--size", "160"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.read_bytes() == b"JPEG"
    assert run(["cover", "t1", "--remove", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": True}
    assert [asked.method for asked in pictures.to(COVER)] == ["PUT", "GET", "DELETE"]


def test_waveform_s_ending_says_what_it_is(pictures: Any, tmp_path: Path) -> None:
    for ending, data in (("png", b"P"), ("svg", b"S")):
        out = tmp_path / f"w.{ending}"
        assert run(["waveform", "t1", "-o", str(out), "--width", "800"]) == 0
        assert out.read_bytes() == data
        assert pictures.to(f"/api/v1/tracks/t1/waveform.{ending}")[0].query["width"] == "800"


@pytest.mark.parametrize(
    "arguments",
    [
        ["cover", "t1"],
        ["cover", "t1", "--remove", "-o", "x.jpg"],
        ["cover", "t1", "--set", "/nowhere/x.png"],
        ["cover", "t1", "-o", "/nowhere/x.jpg"],
        ["cover", "t1", "-o", "x.jpg", "--size", "9999"],
        ["waveform", "t1", "-o", "x.gif"],
        ["waveform", "t1"],
    ],
)
def test_wrong_usage_asks_the_server_nothing(pictures: Any, arguments: list[str]) -> None:
    assert run(arguments) == ExitCode.USAGE
    assert pictures.asked == []
