"""`musicgen playlists`, `projects`, `move` and `share`, against a server that answers what it is told to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from musicgen_client.cli import run
from musicgen_client.exit_codes import ExitCode

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def at_home(config_home: Path, monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    monkeypatch.setenv("MUSICGEN_URL", server.url)


def test_playlists_are_made_listed_and_filled(server: Any, answer: Any, raw: Any, track: Any, capsys: Captured) -> None:
    playlist = {"id": "p1", "title": "Sunday", "track_count": 1, "role": "owner", "public": True}
    placed = {"track": track, "position": 0, "added_at": "2026-11-21T10:00:30Z"}
    server.on("GET", "/api/v1/playlists", answer({"items": [playlist], "next_cursor": "c2"}))
    server.on("POST", "/api/v1/playlists", answer(playlist, 201))
    server.on("GET", "/api/v1/playlists/p1/tracks", answer({"items": [placed], "next_cursor": None}))
    server.on("PUT", "/api/v1/playlists/p1/tracks/t1", answer(placed))
    server.on("DELETE", "/api/v1/playlists/p1/tracks/t1", raw(204))
    assert run(["playlists", "--of", "ada"]) == 0
    listed = capsys.readouterr()
    assert listed.out == "p1\tSunday\t1\towner\tpublic\n"
    assert "--cursor c2" in listed.err
    assert server.to("/api/v1/playlists")[0].query == {"limit": "20", "owner": "ada"}
    assert run(["playlists", "create", "Sunday", "--public"]) == 0
    assert capsys.readouterr().out == "p1\n"
    assert server.to("/api/v1/playlists")[1].document == {"title": "Sunday", "public": True, "collaborative": False}
    assert run(["playlists", "show", "p1"]) == 0
    assert capsys.readouterr().out == "0\tt1\tCalm piano\t0:30\n"
    assert run(["playlists", "add", "p1", "t1", "--at", "0"]) == 0
    assert server.to("/api/v1/playlists/p1/tracks/t1")[0].document == {"position": 0}
    assert run(["playlists", "remove", "p1", "t1"]) == 0


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_strangers_texts_do_not_act_on_the_terminal(
    server: Any, answer: Any, capsys: Captured, form: list[str]
) -> None:
    title = "\x1b]0;pwned\x07\x9b2JSunday\u202e"
    playlist = {"id": "p1", "title": title, "track_count": 1, "role": "owner", "public": True}
    server.on("GET", "/api/v1/playlists", answer({"items": [playlist], "next_cursor": None}))
    assert run(["playlists", *form]) == 0
    printed = capsys.readouterr().out
    assert not any(character in printed for character in "\x1b\x07\x9b\u202e")
    if form:
        assert json.loads(printed)["items"][0]["title"] == title
    else:
        assert printed == "p1\t\\u001b]0;pwned\\u0007\\u009b2JSunday\\u202e\t1\towner\tpublic\n"


def test_invitations_are_sent_listed_accepted_and_declined(
    server: Any, answer: Any, raw: Any, capsys: Captured
) -> None:
    ada = {"id": "u1", "username": "ada"}
    asked = {"id": "p1", "title": "Sunday", "owner": ada, "track_count": 3, "role": "invited"}
    server.on("PUT", "/api/v1/playlists/p1/members/grace", answer({"id": "u2", "username": "grace"}))
    server.on("GET", "/api/v1/playlists/invitations", answer({"items": [asked], "next_cursor": None}))
    server.on("POST", "/api/v1/playlists/p1/invitation", answer({**asked, "role": "member"}))
    server.on("DELETE", "/api/v1/playlists/p1/invitation", raw(204))
    assert run(["playlists", "invite", "p1", "grace"]) == 0
    assert "grace is invited" in capsys.readouterr().err
    assert run(["playlists", "invitations"]) == 0
    assert capsys.readouterr().out == "p1\tSunday\tada\t3\n"
    assert run(["playlists", "accept", "p1"]) == 0
    assert "you are a member of Sunday" in capsys.readouterr().err
    assert run(["playlists", "decline", "p1"]) == 0
    assert len(server.to("/api/v1/playlists/p1/invitation")) == 2


def test_moving_says_what_was_not_moved(server: Any, answer: Any, capsys: Captured) -> None:
    items = [
        {"track_id": "t1", "done": True},
        {"track_id": "t2", "done": False, "type": "/problems/not-found", "detail": "There is no such track."},
    ]
    server.on("POST", "/api/v1/tracks/bulk", answer({"items": items}))
    assert run(["move", "t1", "t2", "--to", "p1"]) == ExitCode.NOT_FOUND
    said = capsys.readouterr().err
    assert "t2: There is no such track." in said
    assert "1 moved" in said
    run(["move", "t1"])
    sent = [asked.document for asked in server.to("/api/v1/tracks/bulk")]
    assert sent == [{"track_ids": ["t1", "t2"], "project_id": "p1"}, {"track_ids": ["t1"], "project_id": None}]


def test_a_links_token_is_the_only_line_on_stdout(server: Any, answer: Any, raw: Any, capsys: Captured) -> None:
    share = {"id": "s1", "track_id": "t1", "prefix": "mgs_abcdefgh", "has_password": False, "opened_count": 2}
    server.on("POST", "/api/v1/tracks/t1/share", answer({"share": share, "token": "mgs_secret"}, 201))
    server.on("GET", "/api/v1/tracks/t1/shares", answer({"items": [share], "next_cursor": None}))
    server.on("DELETE", "/api/v1/tracks/t1/shares/s1", raw(204))
    assert run(["share", "create", "t1", "--hours", "0"]) == 0
    assert capsys.readouterr().out == "mgs_secret\n"
    assert server.to("/api/v1/tracks/t1/share")[0].document == {"expires_in_hours": None}
    assert run(["share", "list", "t1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["opened_count"] == 2
    assert run(["share", "revoke", "t1", "s1"]) == 0


def test_projects_are_listed_and_made(server: Any, answer: Any, capsys: Captured) -> None:
    project = {"id": "p1", "title": "Album", "track_count": 3, "created_at": None}
    server.on("GET", "/api/v1/projects", answer({"items": [project], "next_cursor": None}))
    server.on("POST", "/api/v1/projects", answer(project, 201))
    server.on("GET", "/api/v1/tracks", answer({"items": [], "next_cursor": None}))
    assert run(["projects"]) == 0
    assert capsys.readouterr().out == "p1\tAlbum\t3\t\n"
    assert run(["projects", "create", "Album"]) == 0
    assert capsys.readouterr().out == "p1\n"
    assert run(["tracks", "--project", "none"]) == 0
    assert server.to("/api/v1/tracks")[0].query == {"limit": "20", "project_id": "none"}
