"""`musicgen models`: pull and remove ask the server; add and check run its own command."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from musicgen_client.cli import run


def test_refusal_of_the_server_is_the_commands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "check", "large", "--quick", "--models-dir", str(tmp_path)]) == 1
    assert "There is no musicgen-large" in capfd.readouterr().err


def test_help_names_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--help"]) == 0
    said = capsys.readouterr().out
    assert "add" in said
    assert "check" in said


@pytest.fixture
def at_home(config_home: Path, monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    """Commands go to the scripted server, with no terminal."""
    monkeypatch.setenv("MUSICGEN_URL", server.url)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))


MODEL = {"id": "musicgen-small", "title": "MusicGen small", "licence": "CC-BY-NC-4.0", "size_bytes": 2_400_000_000}


@pytest.mark.usefixtures("at_home")
def test_pull_says_the_licence_and_follows_the_job(
    server: Any, answer: Any, raw: Any, job: Any, event_stream: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET", "/api/v1/models/musicgen-small", answer(MODEL))
    server.on("POST", "/api/v1/models/musicgen-small/pull", answer(job("queued", kind="pull_model"), 202))
    half = {"progress": 0.5, "stage": "fetching model.safetensors"}
    events = event_stream(("1", "progress", half), ("2", "done", {}))
    server.on("GET", "/api/v1/jobs/j1/events", lambda _: raw(200, iter([events])))
    server.on("GET", "/api/v1/jobs/j1", answer(job("succeeded", kind="pull_model", result={"track_ids": []})))
    assert run(["models", "pull", "musicgen-small"]) == 0
    out, err = capsys.readouterr()
    assert out == "musicgen-small is installed\n"
    assert "2.4 GB, licence CC-BY-NC-4.0 (for non-commercial use only)" in err
    assert "50% fetching model.safetensors" in err
    assert run(["models", "pull", "musicgen-small", "--no-wait", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["job"]["kind"] == "pull_model"


@pytest.mark.usefixtures("at_home")
def test_failed_pull_is_a_line_and_an_exit_code(
    server: Any, answer: Any, raw: Any, job: Any, event_stream: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    server.on("GET", "/api/v1/models/musicgen-small", answer(MODEL))
    server.on("POST", "/api/v1/models/musicgen-small/pull", answer(job("queued"), 202))
    server.on("GET", "/api/v1/jobs/j1/events", lambda _: raw(200, iter([event_stream(("1", "error", {}))])))
    error = {"type": "about:blank", "title": "x", "status": 503, "detail": "The hub does not answer."}
    server.on("GET", "/api/v1/jobs/j1", answer(job("failed", error=error)))
    assert run(["models", "pull", "musicgen-small"]) != 0
    assert "The hub does not answer." in capsys.readouterr().err


@pytest.mark.usefixtures("at_home")
def test_remove_asks_first(server: Any, raw: Any, capsys: pytest.CaptureFixture[str]) -> None:
    server.on("DELETE", "/api/v1/models/musicgen-small", lambda _: raw(204, b""))
    assert run(["models", "remove", "musicgen-small"]) != 0
    assert server.asked == []
    assert run(["models", "remove", "musicgen-small", "--yes"]) == 0
    assert capsys.readouterr().out.endswith("musicgen-small is removed\n")
