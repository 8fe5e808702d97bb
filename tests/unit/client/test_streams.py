"""Events, live audio and downloads over connections that break."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from musicgen_client import ApiError, AsyncClient, Client, UnexpectedAnswerError, UnreachableError
from musicgen_client.downloads import PartialFile
from musicgen_client.sse import EventFeed, EventParser

AUDIO = bytes(range(256)) * 1000

WHOLE = b"".join(
    [
        b"\xef\xbb\xbf: a comment\r\n\r\n",
        b'id: 1\r\nevent: status\r\ndata: {"status":\r\ndata: "running"}\r\n\r\n',
        b"retry: 100\nid: 2\nevent: progress\ndata:{}\n\n",
        b"event: preview\rdata: caf\xc3\xa9\r\r",
        b"event: nothing\n\n",
        b"data: 5\n\n",
        b"id: 9\nevent: progress\ndata: {}",
    ]
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_events_are_read_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    parser = EventParser()
    events = [event for start, end in pairwise(edges) for event in parser.feed(WHOLE[start:end])]
    assert [(event.id, event.type, event.data) for event in events] == [
        ("1", "status", {"status": "running"}),
        ("2", "progress", {}),
        ("2", "preview", {"text": "café"}),
        ("2", "message", {"value": 5}),
    ]


def test_feed_gives_up_after_many_failures_in_a_row() -> None:
    feed = EventFeed()
    pauses = []
    while (pause := feed.dropped()) is not None:
        pauses.append(pause)
    assert len(pauses) == 8
    assert pauses == sorted(pauses)
    assert max(pauses) <= 5.0


def test_events_go_on_after_a_broken_connection(
    server: Any, event_stream: Any, raw: Any, job: Any, answer: Any
) -> None:
    def events(asked: Any) -> Any:
        if "last-event-id" not in asked.headers:
            first = event_stream(("1", "status", {"status": "running"}), ("2", "progress", {"progress": 0.5}))
            return raw(200, iter([first]), {"Content-Length": "9999"}, cut=True)
        return raw(200, iter([event_stream(("3", "done", {"track_ids": ["t1"]}))]))

    server.on("GET", "/api/v1/jobs/j1/events", events)
    with Client(server.url) as client:
        assert [event.id for event in client.events("j1")] == ["1", "2", "3"]
    assert server.to("/api/v1/jobs/j1/events")[1].headers["last-event-id"] == "2"


def test_events_end_with_a_cancelled_job(server: Any, event_stream: Any, raw: Any) -> None:
    body = event_stream(("1", "status", {"status": "cancelled"}))
    server.on("GET", "/api/v1/jobs/j1/events", lambda _: raw(200, iter([body])))
    with Client(server.url) as client:
        assert [event.type for event in client.events("j1")] == ["status"]


def test_events_of_a_job_that_ended_long_ago_end_too(server: Any, raw: Any, answer: Any, job: Any) -> None:
    server.on("GET", "/api/v1/jobs/j1/events", lambda _: raw(200, iter([b": nothing is kept\n\n"])))
    server.on("GET", "/api/v1/jobs/j1", answer(job("succeeded")))
    with Client(server.url) as client:
        assert list(client.events("j1")) == []


def test_events_go_on_when_the_server_restarts(server: Any, raw: Any, problem: Any, event_stream: Any) -> None:
    answers = [
        problem(503, "unavailable", "starting"),
        raw(200, iter([event_stream(("1", "done", {}))])),
    ]
    server.on("GET", "/api/v1/jobs/j1/events", lambda _: answers.pop(0))
    with Client(server.url) as client:
        assert [event.type for event in client.events("j1")] == ["done"]


def test_events_of_an_unknown_job_are_refused(server: Any) -> None:
    with Client(server.url) as client, pytest.raises(ApiError) as raised:
        list(client.events("nope"))
    assert raised.value.status == 404


async def test_asynchronous_events_go_on_too(server: Any, event_stream: Any, raw: Any, answer: Any, job: Any) -> None:
    def events(asked: Any) -> Any:
        if "last-event-id" not in asked.headers:
            return raw(200, iter([event_stream(("1", "progress", {}))]))
        return raw(200, iter([event_stream(("2", "error", {"message": "a bug"}))]))

    server.on("GET", "/api/v1/jobs/j1/events", events)
    server.on("GET", "/api/v1/jobs/j1", answer(job("running")))
    async with AsyncClient(server.url) as client:
        assert [event.type async for event in client.events("j1")] == ["progress", "error"]
        with pytest.raises(ApiError):
            _ = [event async for event in client.events("nope")]


class RangeServer:
    """Serves AUDIO in pieces: each connection breaks after `piece` bytes."""

    def __init__(self, raw: Any, piece: int, etag: str = '"v1"') -> None:
        self.raw, self.piece, self.etag = raw, piece, etag
        self.asked = 0

    def __call__(self, asked: Any) -> Any:
        self.asked += 1
        start = 0
        headers = {"ETag": self.etag}
        status = 200
        if "range" in asked.headers and asked.headers.get("if-range") == self.etag:
            start = int(asked.headers["range"].removeprefix("bytes=").rstrip("-"))
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(AUDIO) - 1}/{len(AUDIO)}"
        rest = AUDIO[start:]
        headers["Content-Length"] = str(len(rest))
        return self.raw(status, iter([rest[: self.piece]]), headers, cut=len(rest) > self.piece)


def test_download_is_whole_and_leaves_nothing_beside_it(server: Any, raw: Any, tmp_path: Path) -> None:
    server.on("GET", "/api/v1/tracks/t1/audio", raw(200, AUDIO, {"ETag": '"v1"'}))
    seen: list[tuple[int, int | None]] = []
    with Client(server.url) as client:
        path = client.download("t1", tmp_path / "song.mp3", format="mp3", received=lambda *at: seen.append(at))
    assert path.read_bytes() == AUDIO
    assert [item.name for item in tmp_path.iterdir()] == ["song.mp3"]
    assert server.asked[0].query == {"format": "mp3", "download": "true"}
    assert seen[-1] == (len(AUDIO), len(AUDIO))


def test_broken_download_goes_on_where_it_broke(server: Any, raw: Any, tmp_path: Path) -> None:
    server.on("GET", "/api/v1/tracks/t1/audio", RangeServer(raw, 100_000))
    with Client(server.url) as client:
        assert client.download("t1", tmp_path / "song.wav").read_bytes() == AUDIO
    ranges = [asked.headers.get("range") for asked in server.asked]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_download_begins_again_when_the_file_has_changed(server: Any, raw: Any, tmp_path: Path) -> None:
    first, second = RangeServer(raw, 100_000, '"old"'), RangeServer(raw, 10**9, '"new"')
    server.on("GET", "/api/v1/tracks/t1/audio", lambda asked: second(asked) if first.asked else first(asked))
    with Client(server.url) as client:
        assert client.download("t1", tmp_path / "song.wav").read_bytes() == AUDIO


def test_wrong_range_is_refused(server: Any, raw: Any, tmp_path: Path) -> None:
    first = RangeServer(raw, 100_000)
    wrong = raw(206, AUDIO[5:], {"Content-Range": f"bytes 5-{len(AUDIO) - 1}/{len(AUDIO)}"})
    server.on("GET", "/api/v1/tracks/t1/audio", lambda asked: wrong if first.asked else first(asked))
    with Client(server.url) as client, pytest.raises(UnexpectedAnswerError, match="another range"):
        client.download("t1", tmp_path / "song.wav")
    assert list(tmp_path.iterdir()) == []


def test_failed_download_keeps_the_older_file(server: Any, tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"older")
    with Client(server.url) as client, pytest.raises(ApiError):
        client.download("t1", tmp_path / "song.wav")
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("song.wav", b"older")]


def test_download_gives_up_after_many_failures_in_a_row(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "song.wav") as partial:
        partial.begin(httpx.Response(200, headers={"content-length": "10"}))
        partial.write(b"abc")
        pauses = [partial.dropped() for _ in range(5)]
        assert pauses == sorted(pauses)
        with pytest.raises(UnreachableError, match="broke off after 3 of 10 bytes"):
            partial.dropped()


def test_stems_and_midi_are_fetched_under_their_names(
    server: Any, answer: Any, raw: Any, track: Any, tmp_path: Path
) -> None:
    server.on("GET", "/api/v1/tracks/t1", answer(track))
    for name in ("drums", "bass"):
        server.on("GET", f"/api/v1/tracks/t1/stems/{name}/audio", raw(200, name.encode()))
    server.on("GET", "/api/v1/tracks/t1/midi", raw(200, b"MThd"))
    with Client(server.url) as client:
        paths = client.download_stems("t1", tmp_path / "stems")
        client.download_midi("t1", tmp_path / "song.mid")
    assert [path.read_bytes() for path in paths] == [b"drums", b"bass"]
    assert (tmp_path / "song.mid").read_bytes() == b"MThd"


def test_conversion_is_asked_for_and_fetched(server: Any, answer: Any, raw: Any, job: Any, tmp_path: Path) -> None:
    server.on("POST", "/api/v1/processing/convert", answer(job(kind="convert"), 202))
    server.on("GET", "/api/v1/jobs/j1/file", raw(200, b"fLaC"))
    with Client(server.url) as client:
        made = client.convert("t1", "flac", sample_rate=48_000, bit_depth=24)
        assert client.download_file(made.id, tmp_path / "t.flac").read_bytes() == b"fLaC"
    assert server.asked[0].document == {"track_id": "t1", "format": "flac", "sample_rate": 48_000, "bit_depth": 24}


def test_stem_name_cannot_leave_the_folder(server: Any, answer: Any, track: Any, tmp_path: Path) -> None:
    server.on("GET", "/api/v1/tracks/t1", answer({**track, "stems": [{"name": "../../x"}]}))
    with Client(server.url) as client, pytest.raises(UnexpectedAnswerError, match="cannot be used as a file name"):
        client.download_stems("t1", tmp_path)


def test_live_audio_is_written_as_it_comes(server: Any, raw: Any, tmp_path: Path) -> None:
    server.on("GET", "/api/v1/stream/j1", lambda _: raw(200, iter([b"RIFF", b"data"])))
    with Client(server.url) as client:
        assert client.stream_to_file("j1", tmp_path / "live.wav").read_bytes() == b"RIFFdata"
        with pytest.raises(ApiError):
            list(client.stream("nope"))
    assert server.asked[0].query == {"format": "wav"}


def test_broken_live_audio_is_a_sentence(server: Any, raw: Any) -> None:
    server.on("GET", "/api/v1/stream/j1", lambda _: raw(200, iter([b"RIFF"]), {"Content-Length": "99"}, cut=True))
    with Client(server.url) as client, pytest.raises(UnreachableError, match="broke"):
        list(client.stream("j1", format="mp3"))


async def test_asynchronous_downloads_and_live_audio(
    server: Any, answer: Any, raw: Any, track: Any, tmp_path: Path
) -> None:
    server.on("GET", "/api/v1/tracks/t1", answer(track))
    server.on("GET", "/api/v1/tracks/t1/audio", RangeServer(raw, 150_000))
    for name in ("drums", "bass"):
        server.on("GET", f"/api/v1/tracks/t1/stems/{name}/audio", raw(200, name.encode()))
    server.on("GET", "/api/v1/tracks/t1/midi", raw(200, b"MThd"))
    server.on("GET", "/api/v1/stream/j1", lambda _: raw(200, iter([b"RIFF", b"data"])))
    server.on("GET", "/api/v1/stream/j2", lambda _: raw(200, iter([b"RIFF"]), {"Content-Length": "99"}, cut=True))
    async with AsyncClient(server.url) as client:
        received: list[int] = []
        path = await client.download("t1", tmp_path / "a.wav", received=lambda so_far, _: received.append(so_far))
        assert path.read_bytes() == AUDIO
        assert received[-1] == len(AUDIO)
        assert len(await client.download_stems("t1", tmp_path / "stems")) == 2
        assert (await client.download_midi("t1", tmp_path / "a.mid")).read_bytes() == b"MThd"
        assert [data async for data in client.stream("j1")] == [b"RIFF", b"data"]
        with pytest.raises(UnreachableError):
            _ = [data async for data in client.stream("j2")]
        with pytest.raises(ApiError):
            _ = [data async for data in client.stream("nope")]
        with pytest.raises(ApiError):
            await client.download_file("nope", tmp_path / "b.wav")
        with pytest.raises(ApiError):
            await client.download("nope", tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()


def test_event_data_is_json(event_stream: Any) -> None:
    event = EventParser().feed(event_stream(("7", "done", {"é": 1})))[0]
    assert json.loads(json.dumps(event.data)) == {"é": 1}
    assert event.last
