"""Sending files and shaping audio, from the SDK and from the command line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from musicgen_client import AsyncClient, Client
from musicgen_client.cli import run

Captured = pytest.CaptureFixture[str]

SOUND = bytes(range(256)) * 3_000
FILE = {"media_type": "audio/midi", "size_bytes": 4, "sha256": "ab", "link": "/x"}


@pytest.fixture(autouse=True)
def at_home(config_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSICGEN_URL", server.url)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / 'My "song".wav'
    path.write_bytes(SOUND)
    return path


@pytest.fixture
def studio(server: Any, answer: Any, raw: Any, job: Any, track: Any, event_stream: Any) -> Any:
    """A server whose jobs all succeed: `studio("separate", tracks=["t1"], files=["notes.mid"])`."""
    events = event_stream(("1", "progress", {"progress": 0.5, "stage": "listening"}), ("2", "done", {}))

    def serve(path: str, tracks: Any = (), files: Any = (), **result: Any) -> None:
        made = {"track_ids": list(tracks), "files": [{"name": name, **FILE} for name in files], **result}
        job_id = path.rpartition("/")[2]
        server.on("POST", f"/api/v1/{path}", answer({**job(), "id": job_id}, 202))
        server.on("GET", f"/api/v1/jobs/{job_id}/events", lambda _: raw(200, iter([events])))
        server.on("GET", f"/api/v1/jobs/{job_id}", answer({**job("succeeded"), "id": job_id, "result": made}))
        for name in files:
            server.on("GET", f"/api/v1/jobs/{job_id}/files/{name}", raw(200, name.encode()))
        for track_id in tracks:
            server.on("GET", f"/api/v1/tracks/{track_id}", answer({**track, "id": track_id, "title": track_id}))
            server.on("GET", f"/api/v1/tracks/{track_id}/audio", lambda asked: raw(200, asked.query["format"].encode()))

    serve("uploads", tracks=["u1"])
    return serve


def sent_file(asked: Any) -> tuple[str, bytes]:
    """Name and bytes of the file in a form, as the standard library reads it."""
    from email.parser import BytesParser
    from email.policy import HTTP

    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    for part in BytesParser(policy=HTTP).parsebytes(head + asked.body).iter_parts():
        if part.get_param("name", header="content-disposition") == "file":
            return str(part.get_filename()), part.get_payload(decode=True)
    raise AssertionError(asked.body[:200])


def test_upload_sends_the_bytes_and_tells_how_far_it_is(server: Any, studio: Any, song: Path) -> None:
    told: list[tuple[int, int]] = []
    with Client(server.url) as client:
        job = client.upload(song, title="Töne", sent=lambda done, size: told.append((done, size)))
    [asked] = server.to("/api/v1/uploads")
    assert job.id == "uploads"
    assert sent_file(asked)[1] == SOUND
    assert "Töne".encode() in asked.body
    assert int(asked.headers["content-length"]) == len(asked.body)
    assert asked.headers["idempotency-key"]
    assert told[-1] == (len(SOUND), len(SOUND))
    assert len(told) > 1


async def test_asynchronous_upload_sends_the_same(server: Any, studio: Any, song: Path) -> None:
    async with AsyncClient(server.url) as client:
        await client.upload(song)
    assert sent_file(server.to("/api/v1/uploads")[0])[1] == SOUND


def test_upload_is_sent_again_from_its_beginning(server: Any, studio: Any, song: Path, problem: Any) -> None:
    answers = [
        problem(503, "unavailable", "Starting.", **{"Retry-After": "0"}),
        server.routes["POST", "/api/v1/uploads"],
    ]
    server.on("POST", "/api/v1/uploads", lambda asked: answers.pop(0) if len(answers) > 1 else answers[0](asked))
    with Client(server.url) as client:
        client.upload(song)
    first, second = server.to("/api/v1/uploads")
    assert sent_file(first) == sent_file(second)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_every_kind_is_asked_for_as_the_api_wants_it(server: Any, studio: Any) -> None:
    for kind in ("separate", "mix", "master", "transcribe", "analyze", "convert"):
        studio(f"processing/{kind}")
    with Client(server.url) as client:
        client.separate("t1", model="htdemucs", stems=["vocals"], options={"residual": "stem"})
        client.mix({"tracks": [{"track_id": "t1"}]})
        client.master("t1", target_lufs=-14.0)
        client.transcribe("t1", quantize={"grid": "1/8"})
        client.analyze("t1", features=["key"])
        client.convert("t1", "mp3", bitrate=128_000)
    assert [(asked.path.rpartition("/")[2], asked.document) for asked in server.asked] == [
        ("separate", {"track_id": "t1", "model": "htdemucs", "stems": ["vocals"], "residual": "stem"}),
        ("mix", {"tracks": [{"track_id": "t1"}]}),
        ("master", {"track_id": "t1", "target_lufs": -14.0}),
        ("transcribe", {"track_id": "t1", "quantize": {"grid": "1/8"}}),
        ("analyze", {"track_id": "t1", "features": ["key"]}),
        ("convert", {"track_id": "t1", "format": "mp3", "bitrate": 128_000}),
    ]


def test_command_takes_a_file_instead_of_a_track(server: Any, studio: Any, song: Path, capsys: Captured) -> None:
    studio("processing/master", tracks=["m1"])
    assert run(["master", str(song), "--preset", "loud", "-o", "loud.flac"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == ["track m1 m1", "loud.flac"]
    assert 'sending My "song".wav' in err
    assert server.to("/api/v1/processing/master")[0].document == {"track_id": "u1", "preset": "loud"}
    assert Path("loud.flac").read_bytes() == b"flac"


def test_upload_command_names_the_track(studio: Any, song: Path, capsys: Captured) -> None:
    assert run(["upload", str(song), "--title", "Mine"]) == 0
    assert capsys.readouterr().out == "track u1 u1\n"


def test_ending_of_the_output_chooses_among_files(studio: Any, capsys: Captured) -> None:
    studio("processing/transcribe", files=["notes.mid", "notes.musicxml"])
    assert run(["transcribe", "t1", "-q", "1/16", "--swing", "0.5", "-o", "mine.musicxml"]) == 0
    assert Path("mine.musicxml").read_bytes() == b"notes.musicxml"
    assert run(["transcribe", "t1", "-o", "all/"]) == 0
    assert {path.name for path in Path("all").iterdir()} == {"notes.mid", "notes.musicxml"}
    assert run(["transcribe", "t1"]) == 0
    assert Path("notes.mid").read_bytes() == b"notes.mid"
    capsys.readouterr()
    assert run(["transcribe", "t1", "-o", "notes.pdf"]) == 2
    assert "notes.mid, notes.musicxml" in capsys.readouterr().err


def test_stems_are_fetched_into_a_folder(server: Any, studio: Any, capsys: Captured) -> None:
    studio("processing/separate", tracks=["vocals", "rest"])
    assert run(["separate", "t1", "--stems", "vocals, rest", "-o", "parts/", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["files"] == ["parts/vocals.wav", "parts/rest.wav"]
    assert server.to("/api/v1/processing/separate")[0].document["stems"] == ["vocals", "rest"]


def test_every_option_of_a_separation_and_a_transcription_is_sent(server: Any, studio: Any) -> None:
    studio("processing/separate")
    assert run(["separate", "t1", "--residual", "stem"]) == 0
    assert run(["separate", "t1", "--karaoke", "--guide-vocals", "-12"]) == 0
    assert [asked.document for asked in server.to("/api/v1/processing/separate")] == [
        {"track_id": "t1", "residual": "stem"},
        {"track_id": "t1", "preset": "karaoke", "guide_vocals_db": -12.0},
    ]
    studio("processing/transcribe")
    grid = ["-q", "1/8", "--strength", "0.8", "--swing", "0.5", "--triplets", "--ends"]
    assert run(["transcribe", "t1", "--bpm", "92.5", "--no-bends", "--no-score", *grid]) == 0
    [asked] = server.to("/api/v1/processing/transcribe")
    assert asked.document == {
        "track_id": "t1",
        "quantize": {"grid": "1/8", "strength": 0.8, "swing": 0.5, "triplets": True, "ends": True},
        "bpm": 92.5,
        "bends": False,
        "musicxml": False,
    }


def test_analysis_is_printed(studio: Any, capsys: Captured) -> None:
    studio("processing/analyze", bpm=84.0)
    assert run(["analyze", "t1"]) == 0
    assert json.loads(capsys.readouterr().out) == {"bpm": 84.0}


def test_convert_takes_the_format_from_the_output(server: Any, studio: Any) -> None:
    studio("processing/convert", files=["audio.opus"])
    assert run(["convert", "t1", "-o", "song.opus", "--bitrate", "96000"]) == 0
    assert server.to("/api/v1/processing/convert")[0].document["format"] == "opus"
    assert Path("song.opus").read_bytes() == b"audio.opus"


def test_converted_file_without_a_name_is_called_as_its_track(studio: Any, song: Path) -> None:
    studio("processing/convert", files=["audio.mp3"])
    assert run(["convert", str(song), "-f", "mp3", "-o", "all/"]) == 0
    assert run(["convert", str(song), "-f", "mp3"]) == 0
    assert Path("all/u1.mp3").read_bytes() == Path("u1.mp3").read_bytes() == b"audio.mp3"


def test_notes_of_a_result_are_told(studio: Any, capsys: Captured) -> None:
    studio("processing/master", tracks=["m1"], notes=["The limiter works hard."])
    assert run(["master", "t1"]) == 0
    out, err = capsys.readouterr()
    assert "The limiter works hard." in err
    assert out.splitlines() == ["track m1 m1"]


@pytest.mark.parametrize("name", ["session.yaml", "session.json"])
def test_session_file_is_rendered_and_its_files_are_sent_once(
    server: Any, studio: Any, song: Path, name: str, capsys: Captured
) -> None:
    studio("processing/mix", tracks=["m1"])
    session = {"tracks": [{"file": song.name, "gain_db": -3}, {"file": song.name, "pan": 0.5}, {"track_id": "t9"}]}
    Path(name).write_text(json.dumps(session))
    assert run(["mix", name]) == 0
    assert server.to("/api/v1/processing/mix")[0].document == {
        "tracks": [{"track_id": "u1", "gain_db": -3}, {"track_id": "u1", "pan": 0.5}, {"track_id": "t9"}]
    }
    assert len(server.to("/api/v1/uploads")) == 1


_LAUGHTER = "a0: &a0 [ha, ha]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("laughs.yaml", _LAUGHTER),
        ("circle.yaml", "tracks: &a [*a]"),
        ("deep.yaml", "tracks: " + "[" * 200 + "]" * 200),
        ("deeper.yaml", "tracks: " + "[" * 20_000),
        ("deep.json", '{"tracks": ' + "[" * 200 + "]" * 200 + "}"),
        ("deeper.json", '{"tracks": ' + "[" * 200_000),
    ],
)
def test_session_file_that_swells_is_refused_before_anything_is_sent(
    server: Any, studio: Any, capsys: Captured, name: str, text: str
) -> None:
    Path(name).write_text(text)
    assert run(["mix", name]) == 2
    assert name.rpartition(".")[0] in capsys.readouterr().err
    assert server.to("/api/v1/processing/mix") == []


SESSION = {"version": 1, "title": "Täglich", "tracks": [{"track_id": "t9", "gain_db": -3.0}], "tempo": 84.0}


@pytest.fixture
def mixed(server: Any, studio: Any, answer: Any, track: Any) -> None:
    studio("processing/mix", tracks=["m1"])
    for track_id, spec in (("m0", {"session": SESSION}), ("song", {"prompt": "rain"}), ("none", None)):
        server.on("GET", f"/api/v1/tracks/{track_id}", answer({**track, "id": track_id, "spec": spec}))


def test_mixed_track_is_rendered_again_by_its_own_session(server: Any, mixed: None) -> None:
    assert run(["mix", "m0"]) == 0
    assert server.to("/api/v1/processing/mix")[0].document == SESSION


@pytest.mark.parametrize("name", ["saved.yaml", "saved.json"])
def test_saved_session_is_the_one_that_is_rendered(server: Any, mixed: None, name: str) -> None:
    assert run(["mix", "m0", "--save", name]) == 0
    assert server.to("/api/v1/processing/mix") == []
    assert "Täglich" in Path(name).read_text("utf-8")
    assert run(["mix", name]) == 0
    assert server.to("/api/v1/processing/mix")[0].document == SESSION


def test_saving_a_session_overwrites_no_other_version(mixed: None, capsys: Captured) -> None:
    Path("saved.yaml").write_text("mine")
    assert run(["mix", "m0", "--save", "saved.yaml"]) == 2
    assert "exists" in capsys.readouterr().err
    assert Path("saved.yaml").read_text() == "mine"


@pytest.mark.parametrize("track_id", ["song", "none"])
def test_track_that_was_not_mixed_has_no_session(mixed: None, track_id: str, capsys: Captured) -> None:
    assert run(["mix", track_id]) == 2
    assert "holds no session" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["mix", "list.yaml", "--save", "x.yaml"], "--save takes"),
        (["upload", "none.wav"], "no file"),
        (["separate", "none.wav"], "no file"),
        (["mix", "none.yaml"], "cannot read"),
        (["mix", "broken.json"], "not valid JSON"),
        (["mix", "broken.yaml"], "not valid YAML"),
        (["mix", "list.yaml"], "one object"),
        (["mix", "lost.yaml"], "no file"),
        (["convert", "t1", "-o", "nowhere/x.mp3"], "does not exist"),
        (["convert", "t1", "-o", "x.mp3", "--no-wait"], "--no-wait"),
        (["convert", "t1", "-f", "mp3", "-o", "x.wav"], "makes no .wav file"),
        (["transcribe", "t1", "--swing", "0.5"], "--swing needs --quantize"),
        (["transcribe", "t1", "--triplets"], "--triplets needs --quantize"),
        (["separate", "t1", "--guide-vocals", "-6"], "--guide-vocals needs --karaoke"),
        (["mix", "date.yaml"], "/title is read as a date: put it in quotes"),
        (["mix", "nan.yaml"], "/tracks/0/gain_db is nan"),
        (["mix", "nan.json"], "/tracks/0/gain_db is inf"),
        (["mix", "number.yaml"], "/buses/1 needs quotes"),
        (["master", "t1", "--lufs", "nan"], "cannot be sent as JSON"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(
    server: Any, arguments: list[str], word: str, capsys: Captured
) -> None:
    Path("broken.json").write_text("{")
    Path("broken.yaml").write_text("tracks: [")
    Path("list.yaml").write_text("- 1")
    Path("lost.yaml").write_text("tracks: [{file: lost.wav}]")
    Path("date.yaml").write_text("title: 2026-11-22\ntracks: [{file: song.wav}]")
    Path("nan.yaml").write_text("tracks: [{file: song.wav, gain_db: .nan}]")
    Path("nan.json").write_text('{"tracks": [{"gain_db": Infinity}]}')
    Path("number.yaml").write_text("buses: {1: {}}")
    assert run(arguments) == 2
    assert word in capsys.readouterr().err
    assert server.asked == []


def test_without_waiting_only_the_job_is_named(studio: Any, song: Path, capsys: Captured) -> None:
    assert run(["upload", str(song), "--no-wait"]) == 0
    assert capsys.readouterr().out == "uploads\n"
