"""The `musicgen` command: answers on stdout, everything else on stderr, and an exit code for each kind of failure."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from musicgen_client import FileTokenStore
from musicgen_client.cli import run
from musicgen_client.exit_codes import ExitCode, of_error, of_status

CLIENT_FOLDER = Path(__file__).parents[3] / "clients" / "python"


@pytest.fixture(autouse=True)
def at_home(config_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    """Every command works in an empty folder, against the scripted server, with no terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSICGEN_URL", server.url)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))


@pytest.fixture
def song(server: Any, answer: Any, raw: Any, job: Any, track: Any, event_stream: Any) -> None:
    """A server that makes one song."""
    events = event_stream(
        ("1", "status", {"status": "queued", "queue_position": 2}),
        ("2", "progress", {"progress": 0.5, "stage": "making the bass", "eta_seconds": 61}),
        ("3", "progress", {"progress": 0.51, "stage": "making the bass", "eta_seconds": 60}),
        ("4", "done", {"track_ids": ["t1"]}),
    )
    server.on("POST", "/api/v1/generate", answer(job(), 202))
    server.on("GET", "/api/v1/jobs/j1/events", lambda _: raw(200, iter([events])))
    server.on("GET", "/api/v1/jobs/j1", answer(job("succeeded")))
    server.on("GET", "/api/v1/tracks/t1", answer(track))
    server.on("GET", "/api/v1/tracks/t1/audio", lambda asked: raw(200, b"audio as " + asked.query["format"].encode()))
    server.on("GET", "/api/v1/tracks/t1/midi", raw(200, b"MThd"))
    server.on("GET", "/api/v1/stream/j1", lambda _: raw(200, iter([b"live ", b"audio"])))
    for name in ("drums", "bass"):
        server.on("GET", f"/api/v1/tracks/t1/stems/{name}/audio", raw(200, name.encode()))


Captured = pytest.CaptureFixture[str]


def test_generate_shows_progress_and_writes_the_song(song: None, server: Any, tmp_path: Path, capsys: Captured) -> None:
    code = run(["generate", "calm piano", "--duration", "30", "-o", "song.mp3", "--seed", "7", "--bpm", "70"])
    out, err = capsys.readouterr()
    assert code == 0
    assert out == "song.mp3\n"
    assert err.splitlines() == [
        "  0% waiting, number 2 in the queue",
        " 50% making the bass, 1:01 left",
        "100% done",
        "Calm piano: 0:30, composer, seed 7",
    ]
    assert (tmp_path / "song.mp3").read_bytes() == b"audio as mp3"
    assert server.asked[0].document == {"prompt": "calm piano", "duration": 30.0, "seed": 7, "bpm": 70.0}


def test_generate_passes_every_option_on(song: None, server: Any) -> None:
    options = ["--model", "composer", "--key", "A minor", "--negative-prompt", "noise", "--lyrics", "la"]
    heard = ["--melody", "m", "--style", "s", "--style-codebooks", "2", "--guidance-beta", "4"]
    assert run(["generate", "x", *options, *heard, "--title", "One", "--public"]) == 0
    assert server.asked[0].document == {
        "prompt": "x",
        "model": "composer",
        "key": "A minor",
        "negative_prompt": "noise",
        "lyrics": "la",
        "melody_id": "m",
        "style_id": "s",
        "style_codebooks": 2,
        "guidance_beta": 4.0,
        "title": "One",
        "public": True,
    }


def test_generate_names_the_file_after_the_song(song: None, tmp_path: Path, capsys: Captured) -> None:
    assert run(["generate", "calm piano"]) == 0
    assert run(["generate", "calm piano", "--format", "flac"]) == 0
    assert run(["generate", "calm piano"]) == 0
    assert capsys.readouterr().out.split() == ["calm-piano.wav", "calm-piano.flac", "calm-piano-2.wav"]


def test_generate_fetches_stems_and_midi(song: None, tmp_path: Path, capsys: Captured) -> None:
    assert run(["generate", "x", "-o", "a.wav", "--stems", "parts", "--midi", "a.mid"]) == 0
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files >= {"a.wav", "a.mid", "parts/drums.wav", "parts/bass.wav"}


def test_generate_answers_json_and_nothing_else(song: None, capsys: Captured) -> None:
    assert run(["generate", "x", "-o", "a.wav", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["job"]["status"], document["tracks"][0]["id"], document["files"]) == ("succeeded", "t1", ["a.wav"])
    assert err == ""


def test_generate_without_waiting_names_the_job(song: None, capsys: Captured) -> None:
    assert run(["generate", "x", "--no-wait"]) == 0
    assert capsys.readouterr().out == "j1\n"
    assert run(["generate", "x", "--no-wait", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["job"]["id"] == "j1"


def test_generate_writes_live_audio(song: None, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["generate", "x", "--stream", "-o", "live.mp3"]) == 0
    assert (tmp_path / "live.mp3").read_bytes() == b"live audio"
    capfdbinary.readouterr()
    assert run(["generate", "x", "--stream", "-o", "-"]) == 0
    assert capfdbinary.readouterr().out == b"live audio"


def test_song_without_progress_is_still_written(song: None, server: Any, problem: Any, capsys: Captured) -> None:
    server.on("GET", "/api/v1/jobs/j1/events", problem(500, "internal", "no events"))
    assert run(["generate", "x", "--stream", "-o", "live.wav"]) == 0
    assert "the progress can no longer be shown: no events" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "a.xyz"], "the ending of --output has to be one of wav, flac, mp3, ogg, opus, m4a, not 'xyz'"),
        (["--format", "aac"], "--format has to be one of"),
        (["-o", "."], "is a folder"),
        (["-o", "missing/a.wav"], "the folder missing does not exist"),
        (["--no-wait", "-o", "a.wav"], "--no-wait fetches nothing"),
        (["-o", "-"], "needs --stream"),
        (["--stream", "-o", "a.flac"], "live audio comes as wav, mp3 or opus, not flac"),
        (["--duration", "nan"], "--duration has to be a number"),
        (["--stems", __file__], "is not a folder"),
        (["--seed", "many"], "Input should be a valid integer"),
        (["--sed", "1"], "No such option"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_made(
    song: None, server: Any, capsys: Captured, arguments: list[str], says: str
) -> None:
    assert run(["generate", "x", *arguments]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert (out, len(err.splitlines())) == ("", 1)
    assert server.asked == []


def test_failed_job_exits_with_one(song: None, server: Any, answer: Any, job: Any, capsys: Captured) -> None:
    error = {"type": "/problems/internal", "title": "Internal", "status": 500, "detail": "the engine broke"}
    server.on("GET", "/api/v1/jobs/j1", answer(job("failed", error=error)))
    assert run(["generate", "x"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "musicgen: job j1 failed: the engine broke"
    assert run(["job", "j1"]) == 1


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (401, "unauthenticated", 3),
        (404, "not-found", 4),
        (422, "validation", 5),
        (403, "forbidden", 5),
        (429, "quota-exceeded", 6),
        (500, "internal", 7),
        (507, "storage-full", 7),
    ],
)
def test_each_refusal_has_its_exit_code(
    server: Any, problem: Any, capsys: Captured, status: int, code: str, exit_code: int
) -> None:
    server.on("GET", "/api/v1/tracks", problem(status, code, "Something is\nwrong."))
    assert run(["tracks"]) == exit_code
    out, err = capsys.readouterr()
    assert err.startswith("musicgen: Something is wrong")
    assert (out, len(err.splitlines())) == ("", 1)


def test_errors_are_json_on_stdout_when_asked(server: Any, problem: Any, capsys: Captured) -> None:
    server.on("GET", "/api/v1/tracks", problem(429, "rate-limited", "Slow down."))
    assert run(["tracks", "--json"]) == 6
    document = json.loads(capsys.readouterr().out)["error"]
    assert (document["exit_code"], document["problem"]["status"]) == (6, 429)


def test_unreachable_server_exits_with_seven(capsys: Captured) -> None:
    assert run(["login", "ada", "--url", "http://127.0.0.1:9", "--password-stdin"]) == 7
    assert "cannot reach http://127.0.0.1:9" in capsys.readouterr().err


def test_signed_out_user_is_told_how_to_sign_in(server: Any, problem: Any, capsys: Captured) -> None:
    server.on("GET", "/api/v1/users/me", problem(401, "unauthenticated", "Sign in first."))
    assert run(["whoami"]) == 3
    assert capsys.readouterr().err == "musicgen: Sign in first. Sign in with: musicgen login\n"


def test_local_file_trouble_is_a_sentence(song: None, tmp_path: Path, capsys: Captured) -> None:
    blocker = tmp_path / "parts" / "drums.wav"
    blocker.mkdir(parents=True)
    (blocker / "full").touch()
    assert run(["download", "t1", "-o", "a.wav", "--stems", "parts"]) == 2
    assert capsys.readouterr().err.startswith("musicgen: cannot use ")


def test_account_commands(
    server: Any, answer: Any, raw: Any, token_pair: Any, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("POST", "/api/v1/auth/register", answer(token_pair(), 201))
    server.on("POST", "/api/v1/auth/login", answer(token_pair()))
    server.on("POST", "/api/v1/auth/logout", raw(204))
    server.on("GET", "/api/v1/users/me", answer({"id": "u1", "username": "ada", "email": "ada@example.org"}))
    server.on("GET", "/api/v1/users/me/usage", answer({"balance_seconds": 3600, "used_seconds": 90.0}))
    monkeypatch.setenv("MUSICGEN_PASSWORD", "secret")
    assert run(["register", "ada", "--email", "ada@example.org", "--full-name", "Ada"]) == 0
    assert run(["login", "ada", "--totp", "123456"]) == 0
    assert server.to("/api/v1/auth/login")[0].document == {"identifier": "ada", "password": "secret", "totp": "123456"}
    store = FileTokenStore(server.url)
    assert store.load() is not None
    assert run(["whoami"]) == 0
    assert "ada <ada@example.org>, user" in capsys.readouterr().out
    assert run(["whoami", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["usage"]["balance_seconds"] == 3600
    assert run(["logout"]) == 0
    assert store.load() is None
    assert run(["logout", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2]) == {"signed_out": True, "server_told": True}


def test_password_can_come_from_stdin(
    server: Any, answer: Any, token_pair: Any, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    server.on("POST", "/api/v1/auth/login", answer(token_pair()))
    monkeypatch.setattr(sys, "stdin", io.StringIO("pass word\n"))
    assert run(["login", "ada", "--password-stdin", "--json"]) == 0
    assert server.asked[0].document["password"] == "pass word"
    assert json.loads(capsys.readouterr().out)["user"]["username"] == "ada"
    assert run(["register", "ada", "--email", "a@b.org", "--password-stdin", "--json"]) == 4


def test_missing_answers_are_refused_without_a_terminal(capsys: Captured) -> None:
    assert run(["login"]) == 2
    assert "IDENTIFIER is missing" in capsys.readouterr().err
    assert run(["login", "ada"]) == 2
    assert "MUSICGEN_PASSWORD or --password-stdin" in capsys.readouterr().err


def test_logout_forgets_even_when_the_server_is_away(
    server: Any, problem: Any, token_pair: Any, capsys: Captured
) -> None:
    from musicgen_client.models import TokenPair
    from musicgen_client.tokens import Tokens

    store = FileTokenStore(server.url)
    store.save(Tokens.from_pair(TokenPair.model_validate(token_pair())))
    server.on("POST", "/api/v1/auth/logout", problem(500, "internal", "no"))
    assert run(["logout"]) == 0
    assert store.load() is None
    assert "could not be told" in capsys.readouterr().out


def test_lists(server: Any, answer: Any, job: Any, track: Any, capsys: Captured) -> None:
    server.on("GET", "/api/v1/jobs", answer({"items": [job("running", stage="making the bass")], "next_cursor": "c2"}))
    server.on("GET", "/api/v1/tracks", answer({"items": [track], "next_cursor": "c3"}))
    model = {"id": "composer", "title": "Composer", "licence": "CC0-1.0", "default": True, "max_duration": 600}
    server.on("GET", "/api/v1/models", answer({"items": [model]}))
    assert run(["jobs", "--limit", "1"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("j1\tgenerate\trunning\t0%\tmaking the bass\t2026-11-21")
    assert err == "more: --cursor c2\n"
    assert run(["tracks", "--cursor", "c1"]) == 0
    assert capsys.readouterr().out.startswith("t1\tCalm piano\t0:30\tcomposer\t")
    assert run(["models"]) == 0
    assert capsys.readouterr().out.startswith("composer (default)\tComposer\tCC0-1.0\tno\tno\t0 MB\t10:00")
    for name in ("jobs", "tracks", "models"):
        assert run([name, "--json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["items"]) == 1


def test_lists_are_shown_whole_when_all_is_asked_for(
    server: Any, answer: Any, job: Any, track: Any, capsys: Captured
) -> None:
    def pages(*items: Any) -> Any:
        found = {None: {"items": [items[0]], "next_cursor": "c1"}, "c1": {"items": [items[1]], "next_cursor": None}}
        return lambda asked: answer(found[asked.query.get("cursor")])

    server.on("GET", "/api/v1/jobs", pages(job(), {**job(), "id": "j2"}))
    server.on("GET", "/api/v1/tracks", pages(track, {**track, "id": "t2"}))
    assert run(["jobs", "--all"]) == 0
    out, err = capsys.readouterr()
    assert [line.split("\t")[0] for line in out.splitlines()] == ["j1", "j2"]
    assert err == ""
    assert run(["tracks", "--all", "--query", "rain", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert [item["id"] for item in whole["items"]] == ["t1", "t2"]
    assert (whole["items"][0]["title"], whole["next_cursor"]) == ("Calm piano", None)
    assert server.to("/api/v1/tracks")[1].query == {"limit": "100", "q": "rain", "cursor": "c1"}


LISTS = {
    "playlists": "playlists",
    "playlists show p1": "playlists/p1/tracks",
    "playlists invitations": "playlists/invitations",
    "projects": "projects",
    "mixes": "mixes",
    "mixes versions m1": "mixes/m1/versions",
    "feed": "feed",
    "explore": "explore",
    "search rain": "search",
    "comment t1": "tracks/t1/comments",
    "notifications": "notifications",
    "webhooks deliveries w1": "webhooks/w1/deliveries",
    "webhooks dead-letters": "webhooks/deliveries/dead",
}


@pytest.mark.parametrize(("command", "path"), LISTS.items(), ids=list(LISTS))
def test_every_list_can_be_shown_whole(
    server: Any, answer: Any, track: Any, capsys: Captured, command: str, path: str
) -> None:
    item = {"title": "x", "username": "ada", "mix_id": "m1", "event": "test", "webhook_id": "w1", "status": "dead"}
    item |= {"url": "https://example.org", "attempts": 1, "type": "track", "position": 0}

    def page(asked: Any) -> Any:
        number = 1 if asked.query.get("cursor") is None else 2
        one = {**item, "id": f"x{number}", "number": number, "track": {**track, "id": f"t{number}"}}
        return answer({"items": [one], "next_cursor": "c1" if number == 1 else None})

    server.on("GET", f"/api/v1/{path}", page)
    assert run([*command.split(), "--all", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert (len(whole["items"]), whole["next_cursor"]) == (2, None)
    assert [asked.query.get("cursor") for asked in server.to(f"/api/v1/{path}")] == [None, "c1"]
    assert run([*command.split(), "--limit", "1"]) == 0
    assert "--cursor c1" in capsys.readouterr().err


def test_empty_list_says_so(server: Any, answer: Any, capsys: Captured) -> None:
    server.on("GET", "/api/v1/tracks", answer({"items": []}))
    assert run(["tracks"]) == 0
    assert capsys.readouterr() == ("", "no tracks yet: try musicgen generate\n")


def test_job_can_be_followed(server: Any, answer: Any, raw: Any, job: Any, event_stream: Any, capsys: Captured) -> None:
    answers = [answer(job("running")), answer(job("succeeded"))]
    server.on("GET", "/api/v1/jobs/j1", lambda _: answers.pop(0))
    server.on("GET", "/api/v1/jobs/j1/events", lambda _: raw(200, iter([event_stream(("1", "done", {}))])))
    assert run(["job", "j1", "--wait"]) == 0
    assert capsys.readouterr().out == "j1 generate succeeded 100%\ntrack t1\n"
    server.on("GET", "/api/v1/jobs/j1", answer(job("running")))
    assert run(["job", "j1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "running"


def test_cancel(server: Any, answer: Any, job: Any, capsys: Captured) -> None:
    server.on("POST", "/api/v1/jobs/j1/cancel", answer(job("cancelled"), 202))
    assert run(["cancel", "j1"]) == 0
    assert capsys.readouterr().out == "j1 cancelled\n"
    assert run(["cancel", "j1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "j1"


def test_download(song: None, tmp_path: Path, capsys: Captured) -> None:
    assert run(["download", "t1", "-o", "a.ogg", "--midi", "a.mid"]) == 0
    assert capsys.readouterr().out.split() == ["a.ogg", "a.mid"]
    assert (tmp_path / "a.ogg").read_bytes() == b"audio as ogg"
    assert run(["download", "t1", "--format", "opus", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == ["calm-piano.opus"]


def test_version(server: Any, answer: Any, capsys: Captured) -> None:
    assert run(["version", "--url", "http://127.0.0.1:9"]) == 0
    assert "no server: cannot reach" in capsys.readouterr().out
    server.on("GET", "/version", answer({"version": "9.9"}))
    assert run(["version"]) == 0
    assert f"server 9.9 at {server.url}" in capsys.readouterr().out
    assert run(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["server"] == "9.9"


def test_help_is_shown_without_arguments(capsys: Captured) -> None:
    assert run([]) == 0
    assert "generate" in capsys.readouterr().out
    assert run(["nonsense"]) == 2


def command(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(CLIENT_FOLDER)}
    program = [sys.executable, "-m", "musicgen_client.cli", *arguments]
    return subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, **options)


def test_help_is_quick() -> None:
    def seconds() -> float:
        """Of the processor, so that a busy machine does not count."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with command("--help") as process:
            process.communicate(timeout=30)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.9


def hold_events(server: Any, answer: Any, raw: Any, job: Any, first: bytes) -> tuple[threading.Event, threading.Event]:
    """A job that runs until the test lets go: (the client follows it, let go)."""
    following, released = threading.Event(), threading.Event()

    def events(_asked: Any) -> Any:
        def body() -> Any:
            yield first
            following.set()
            released.wait(20.0)

        return raw(200, body())

    server.on("POST", "/api/v1/generate", answer(job(), 202))
    server.on("GET", "/api/v1/jobs/j1/events", events)
    server.on("POST", "/api/v1/jobs/j1/cancel", answer(job("cancelled"), 202))
    return following, released


def test_interrupt_asks_the_server_to_cancel(server: Any, answer: Any, raw: Any, job: Any, event_stream: Any) -> None:
    first = event_stream(("1", "progress", {"progress": 0.1, "stage": "drums"}))
    following, released = hold_events(server, answer, raw, job, first)
    with command("generate", "x", stderr=subprocess.PIPE) as process:
        assert following.wait(20.0)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    released.set()
    assert process.returncode == 130
    assert b"cancelled j1" in err
    assert b"Traceback" not in err
    assert len(server.to("/api/v1/jobs/j1/cancel")) == 1


def test_terminal_shows_a_bar(
    song: None, server: Any, answer: Any, raw: Any, job: Any, event_stream: Any, tmp_path: Path
) -> None:
    first = event_stream(("1", "progress", {"progress": 0.5, "stage": "making the bass", "eta_seconds": 61}))
    following, released = hold_events(server, answer, raw, job, first)
    primary, secondary = os.openpty()
    shown = b""
    with command("generate", "x", stderr=secondary) as process:
        os.close(secondary)
        assert following.wait(20.0)
        deadline = time.monotonic() + 20.0
        while b"making the bass" not in shown and time.monotonic() < deadline:
            shown += os.read(primary, 4096)
        process.send_signal(signal.SIGINT)
        process.wait(20)
        released.set()
    os.close(primary)
    assert b"50%" in shown
    assert b"1:01 left" in shown


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_reader_that_went_away_is_no_error(server: Any, answer: Any, job: Any, unbuffered: str) -> None:
    server.on("GET", "/api/v1/jobs", answer({"items": [job()] * 100}))
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(CLIENT_FOLDER), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        [sys.executable, "-m", "musicgen_client.cli", "jobs"],
        env=environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=30,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("status", "code"), [(401, 3), (409, 5), (413, 5), (503, 7)])
def test_statuses_map_to_exit_codes(status: int, code: int) -> None:
    assert of_status(status) == code


def test_errors_map_to_exit_codes() -> None:
    assert of_error(TimeoutError()) is ExitCode.SERVER
    assert of_error(PermissionError()) is ExitCode.USAGE
