"""`musicgen mixes`, and the calls behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from musicgen_client import AsyncClient
from musicgen_client.cli import run
from musicgen_client.exit_codes import ExitCode

Captured = pytest.CaptureFixture[str]
SESSION = {"tracks": [{"track_id": "t1", "gain_db": -2.0}]}
MIX = {"id": "m1", "title": "Söng", "version": 2, "updated_at": "2026-11-21T10:00:30Z"}
VERSION = {"mix_id": "m1", "number": 2, "note": "louder", "created_at": "2026-11-21T10:00:30Z", "session": SESSION}


@pytest.fixture(autouse=True)
def studio(config_home: Path, monkeypatch: pytest.MonkeyPatch, server: Any, answer: Any, raw: Any, job: Any) -> None:
    monkeypatch.setenv("MUSICGEN_URL", server.url)
    server.on("GET", "/api/v1/mixes", answer({"items": [MIX], "next_cursor": "c2"}))
    server.on("POST", "/api/v1/mixes", answer(MIX, 201))
    server.on("GET", "/api/v1/mixes/m1", answer(MIX))
    server.on("DELETE", "/api/v1/mixes/m1", raw(204))
    server.on("GET", "/api/v1/mixes/m1/versions", answer({"items": [VERSION], "next_cursor": None}))
    server.on("POST", "/api/v1/mixes/m1/versions", answer(VERSION, 201))
    server.on("GET", "/api/v1/mixes/m1/versions/2", answer(VERSION))
    server.on("POST", "/api/v1/mixes/m1/versions/1/restore", answer({**VERSION, "number": 3}, 201))
    server.on("POST", "/api/v1/mixes/m1/versions/2/render", answer(job(), 202))


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "mix.yaml"
    path.write_text(yaml.safe_dump(SESSION))
    return str(path)


def test_mixes_are_made_saved_listed_and_opened(server: Any, file: str, tmp_path: Path, capsys: Captured) -> None:
    assert run(["mixes", "create", "Söng", file, "--note", "first"]) == 0
    assert server.asked[-1].document == {"title": "Söng", "session": SESSION, "note": "first"}
    assert "idempotency-key" in server.asked[-1].headers
    assert run(["mixes", "save", "m1", file, "--base", "1", "--note", "louder"]) == 0
    assert server.asked[-1].document == {"session": SESSION, "note": "louder", "base_version": 1}
    assert capsys.readouterr().out == "m1\nv2\n"
    assert run(["mixes"]) == 0
    assert capsys.readouterr().out.startswith("m1\tSöng\tv2\t")
    assert run(["mixes", "versions", "m1"]) == 0
    assert capsys.readouterr().out.endswith("\tlouder\n")
    out = tmp_path / "old.yaml"
    assert run(["mixes", "open", "m1", "2", "-o", str(out)]) == 0
    assert yaml.safe_load(out.read_text()) == SESSION


def test_versions_are_restored_rendered_and_removed(server: Any, capsys: Captured) -> None:
    assert run(["mixes", "restore", "m1", "1"]) == 0
    assert run(["mixes", "render", "m1", "2", "--no-wait"]) == 0
    assert capsys.readouterr().out == "v3\nj1\n"
    assert "idempotency-key" in server.asked[-1].headers
    assert run(["mixes", "delete", "m1"]) == 0
    assert server.asked[-1].method == "DELETE"


@pytest.mark.parametrize(
    "arguments",
    [
        ["open", "m1", "0", "-o", "x.yaml"],
        ["save", "m1", "/nowhere.yaml"],
        ["render", "m1", "2", "--no-wait", "-o", "x.wav"],
    ],
)
def test_wrong_usage_changes_nothing(server: Any, arguments: list[str]) -> None:
    assert run(["mixes", *arguments]) == ExitCode.USAGE
    assert server.asked == []


async def test_asynchronous_client_does_the_same(server: Any) -> None:
    async with AsyncClient(server.url) as client:
        assert (await client.create_mix("Söng", SESSION)).version == 2
        assert (await client.save_mix_version("m1", SESSION)).note == "louder"
        assert (await client.mix_version("m1", 2)).session == SESSION
        assert [mix.id for mix in (await client.mixes()).items] == ["m1"]
        assert (await client.saved_mix("m1")).title == "Söng"
        assert (await client.mix_versions("m1")).items[0].number == 2
        assert (await client.restore_mix_version("m1", 1)).number == 3
        assert (await client.render_mix_version("m1", 2)).id == "j1"
        await client.delete_mix("m1")
