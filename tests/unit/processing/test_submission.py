"""What becomes of a request between the caller and the worker: nothing is lost, and what is allowed fits."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from protos.processing.v1 import processing_pb2
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.processing.jobs import registry
from services.processing.jobs.stored_request import StoredRequest
from services.processing.jobs.submission import LONGEST_REQUEST, Submissions
from services.processing.mixing import limits
from services.shared.errors import AppError
from services.shared.identity import Principal
from services.user_management.jobs.wire import new_job

SECONDS = 100.0
VERSION = 100 * 44_100 * 2 * 2
CALLER = Principal(subject="u1", kind="user")


class _Ledger:
    """Takes jobs as the real one does, and has every track that is asked for."""

    def __init__(self) -> None:
        self.taken: list[StoredRequest] = []
        self.held_bytes = 0

    async def Create(self, request: jobs_pb2.CreateRequest, **_: Any) -> jobs_pb2.CreateResponse:  # noqa: N802
        new_job(request)
        self.held_bytes = request.reserve_bytes
        self.taken.append(StoredRequest.from_json(request.request_json))
        return jobs_pb2.CreateResponse()

    async def GetTrack(self, request: tracks_pb2.GetTrackRequest, **_: Any) -> tracks_pb2.GetTrackResponse:  # noqa: N802
        content = tracks_pb2.TrackContent(
            title="t" * 200,
            prompt="p" * 1_000,
            duration_seconds=SECONDS,
            sample_rate_hz=44_100,
            channels=2,
            master_object_key="jobs/j/1/master.flac",
            stems=[tracks_pb2.Stem(name=name, object_key=f"jobs/j/1/{name}.flac") for name in ("drums", "vocals")],
        )
        return tracks_pb2.GetTrackResponse(track=tracks_pb2.Track(id=request.track_id, content=content))


async def _submitted(kind: str, body: dict[str, Any]) -> _Ledger:
    ledger = _Ledger()
    size = body.get("size_bytes", 0)
    upload = processing_pb2.Upload(object_key="uploads/u1/f", size_bytes=size) if kind == "import" else None
    request = processing_pb2.SubmitRequest(kind=kind, request_json=orjson.dumps(body).decode(), upload=upload)
    await Submissions(ledger, ledger).create(request, CALLER)  # type: ignore[arg-type]
    return ledger


async def _stored(kind: str, body: dict[str, Any]) -> StoredRequest:
    [found] = (await _submitted(kind, body)).taken
    return found


_LANE = {"target": "pan", "points": [{"time": 0, "value": 0, "bezier": [0, 0.5, 1, 1], "curve": "bezier"}]}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("mix", {"tracks": [{"track_id": "a"}], "master": {"ceiling_dbtp": None}}),
        ("mix", {"tracks": [{"track_id": "a"}], "master": {}}),
        ("mix", {"tracks": [{"track_id": "a", "stem": None, "automation": [_LANE], "effects": [{"type": "gate"}]}]}),
        ("master", {"track_id": "a", "target_lufs": None, "preset": "streaming", "reference_track_id": "b"}),
        ("separate", {"track_id": "a", "model": "hybrid", "stems": None, "weights": {"vocals": {"htdemucs": 1.0}}}),
        ("transcribe", {"track_id": "a", "stem": None, "quantize": {"grid": "1/8"}, "bpm": None}),
        ("analyze", {"track_id": "a", "features": ["tempo"]}),
        ("convert", {"track_id": "a", "format": "mp3", "bit_depth": None}),
        ("import", {"filename": "a.wav", "title": None}),
    ],
)
async def test_worker_reads_exactly_what_was_asked_for(kind: str, body: dict[str, Any]) -> None:
    known = registry.kind_of(kind)
    assert known is not None
    stored = await _stored(kind, body)
    assert known.parse(stored.body) == known.parse(body)


async def test_mix_without_a_ceiling_stays_without_one() -> None:
    stored = await _stored("mix", {"tracks": [{"track_id": "a"}], "master": {"ceiling_dbtp": None}})
    assert stored.body["master"] == {"ceiling_dbtp": None}


async def test_largest_session_that_the_rules_allow_is_taken() -> None:
    lanes = ("gain_db", "pan", "width")
    each = limits.ALL_POINTS // (64 * len(lanes))
    tracks = [
        {
            "track_id": f"{number:036d}",
            "automation": [
                {"target": lane, "points": [{"time": n * 7.0, "value": 0.125, "curve": "hold"} for n in range(each)]}
                for lane in lanes
            ],
            "clips": [{"start": float(n), "offset": 1.25, "length": 3.5, "gain_db": -6.5} for n in range(8)],
        }
        for number in range(64)
    ]
    body = {"tracks": tracks}
    assert 800_000 < len(orjson.dumps(body)) < LONGEST_REQUEST
    stored = await _stored("mix", body)
    assert len(stored.sources) == 64


async def test_request_beyond_its_length_is_refused_in_words() -> None:
    with pytest.raises(AppError, match="1,024 KiB"):
        await _stored("mix", {"tracks": [{"track_id": "a"}], "title": "ö" * (LONGEST_REQUEST // 2)})


@pytest.mark.parametrize(
    ("kind", "body", "held"),
    [
        ("separate", {"track_id": "a"}, 2 * VERSION),
        ("separate", {"track_id": "a", "model": "htdemucs_6s", "residual": "stem"}, 7 * VERSION),
        ("separate", {"track_id": "a", "preset": "karaoke"}, VERSION),
        ("separate", {"track_id": "a", "stems": ["vocals"]}, VERSION),
        ("master", {"track_id": "a", "reference_track_id": "b"}, VERSION),
        ("convert", {"track_id": "a", "format": "wav", "bit_depth": 32, "sample_rate": 96_000}, 100 * 96_000 * 2 * 4),
        ("convert", {"track_id": "a", "format": "flac"}, VERSION),
        ("convert", {"track_id": "a", "format": "mp3", "bitrate": 128_000}, 100 * 16_000),
        ("import", {"filename": "a.WAV", "size_bytes": 1_000_000}, 2 * 1_000_000),
        ("import", {"filename": "a.mp3", "size_bytes": 1_000_000}, 9 * 1_000_000),
        ("transcribe", {"track_id": "a"}, 1 << 20),
        ("analyze", {"track_id": "a"}, 4 << 20),
    ],
)
async def test_as_much_is_held_as_the_job_will_write(kind: str, body: dict[str, Any], held: int) -> None:
    assert (await _submitted(kind, body)).held_bytes == held


@pytest.mark.parametrize(
    ("session", "seconds"),
    [
        ({"tracks": [{"track_id": "a"}]}, SECONDS + 30),
        ({"tracks": [{"track_id": "a", "start": 7_000, "stretch": 2, "offset": 50}], "tail": 0}, 7_100),
        ({"tracks": [{"track_id": "a", "loop": True, "length": 3_600}], "tail": 10}, 3_610),
        ({"tracks": [{"track_id": "a", "offset": 500}], "tail": 0}, 0),
        ({"tracks": [{"track_id": "a"}], "tail": 0, "range": {"start": 20, "end": 50}}, 30),
        ({"tracks": [{"track_id": "a"}], "tail": 0, "range": {"start": 500}}, 0),
    ],
)
async def test_a_mix_holds_what_its_song_will_be_long(session: dict[str, Any], seconds: float) -> None:
    held = (await _submitted("mix", session)).held_bytes
    assert held == pytest.approx(seconds * 48_000 * 2 * 2 + (1 << 20))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"track_id": "a", "model": "x\0"}, "/model"),
        ({"track_id": "a", "weights": {"a/b": [1, {"c": "\0"}]}}, "/weights/a~1b/1/c"),
        ({"track_id": "a", "weights": {"\0": 1}}, "/weights"),
    ],
)
async def test_text_that_no_database_keeps_is_refused_where_it_stands(body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(AppError) as raised:
        await _stored("separate", body)
    assert [(item.pointer, "U+0000" in item.detail) for item in raised.value.violations] == [(pointer, True)]
