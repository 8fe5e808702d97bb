"""The examples of the package's README, run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

EDITED = "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"
README = Path(__file__).parents[3] / "clients" / "python" / "README.md"


def test_examples_of_the_readme_run(
    server: Any,
    answer: Any,
    problem: Any,
    raw: Any,
    job: Any,
    track: Any,
    token_pair: Any,
    event_stream: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    generated = [answer(job(), 202), problem(429, "quota-exceeded", "The quota is used up.")]
    pages = {None: ([track], "c1"), "c1": ([{**track, "id": "t2", "title": "Rain"}], None)}

    def tracks(asked: Any) -> Any:
        items, following = pages[asked.query.get("cursor")]
        return answer({"items": items, "next_cursor": following})

    server.on("POST", "/api/v1/auth/login", answer(token_pair()))
    server.on("POST", "/api/v1/generate", lambda _: generated.pop(0))
    server.on("GET", "/api/v1/jobs/j1/events", raw(200, event_stream(("1", "done", job("succeeded")))))
    server.on("GET", "/api/v1/jobs/j1", answer(job("succeeded")))
    server.on("GET", "/api/v1/tracks/t1/audio", raw(200, b"song"))
    server.on("GET", "/api/v1/tracks", tracks)
    server.on("GET", f"/api/v1/tracks/{EDITED}", answer({**track, "id": EDITED}, ETag='"7-abc"'))
    server.on("PATCH", f"/api/v1/tracks/{EDITED}", problem(412, "precondition-failed", "It was changed."))
    server.on("GET", "/api/v1/users/ada/followers", answer({"items": [], "next_cursor": None}))
    server.on("GET", "/api/v1/users/me/usage", answer({"balance_seconds": 12.5}))

    examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        code = compile(example.replace("http://127.0.0.1:8000", server.url), str(README), "exec")
        if ".hub(" not in example:  # that one never ends, and test_hub follows a real one
            exec(code, {})

    assert (tmp_path / "song.flac").read_bytes() == b"song"
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("done ")
    assert said[1:] == [
        "Calm piano",
        "Rain",
        "somebody was quicker; read it again",
        "used up; left: 12.5",
        "no such thing",
    ]
    assert server.to("/api/v1/tracks/" + EDITED)[1].headers["if-match"] == '"7-abc"'
