"""What every kind of job shares: the registry, the stored request, licences, and what is said of a new track."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from protos.users.v1 import tracks_pb2
from services.processing.heavy_work import HeavyWork
from services.processing.jobs import registry
from services.processing.jobs.kind import Equipment, LicenceTerms, Made, NewTrack, Wanted, Work
from services.processing.jobs.licences import merged
from services.processing.jobs.sizes import Sound
from services.processing.jobs.stored_request import StoredRequest, source_record
from services.processing.media.measuring import SILENCE_DBTP, SILENCE_LUFS, measure
from services.processing.scratch import Scratch
from services.processing.worker.kind_run import KindRun
from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore

TERMS = st.builds(
    LicenceTerms,
    st.sampled_from(["MIT", "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "MIT OR Apache-2.0", ""]),
    st.booleans(),
    st.lists(st.sampled_from(["A", "B", "C"]), unique=True).map(tuple),
)


def track(**changes: Any) -> tracks_pb2.Track:
    content = {
        "title": "A song",
        "prompt": "rain",
        "duration_seconds": 2.0,
        "sample_rate_hz": 44_100,
        "channels": 2,
        "bpm": 84.0,
        "key": "D minor",
        "tags": ["lo-fi"],
        "master_object_key": "jobs/j/1/master.flac",
        "midi_object_key": "jobs/j/1/song.mid",
        "stems": [tracks_pb2.Stem(name=name, object_key=f"jobs/j/1/stems/{name}.flac") for name in ("drums", "bass")],
        "licence": tracks_pb2.Licence(name="CC-BY-4.0", commercial_use=True, attributions=["Ada"]),
    }
    return tracks_pb2.Track(id="t1", content=tracks_pb2.TrackContent(**{**content, **changes}))


@given(st.lists(TERMS, max_size=6))
def test_merged_licence_is_as_strict_as_the_strictest_and_names_everybody(terms: list[LicenceTerms]) -> None:
    found = merged(terms)
    assert found.commercial_use == (bool(terms) and all(term.commercial_use for term in terms))
    assert set(found.attributions) == {name for term in terms for name in term.attributions}
    assert all(term.name in found.name for term in terms)


def test_licences_with_a_choice_keep_it_within_the_whole() -> None:
    both = merged([LicenceTerms("MIT OR Apache-2.0", True), LicenceTerms("CC-BY-NC-4.0", False)])
    assert both.name == "(MIT OR Apache-2.0) AND CC-BY-NC-4.0"


def test_request_survives_the_ledger() -> None:
    record = source_record(track(), [Wanted("t1", stems=("bass",))])
    request = StoredRequest({"track_id": "t1"}, [record], "uploads/u/1", {"traceparent": "00-…"})
    assert StoredRequest.from_json(request.to_json()) == request


def test_public_part_of_a_stored_request_is_what_was_asked_for() -> None:
    text = StoredRequest({"track_id": "t1"}, [source_record(track(), [Wanted("t1")])]).to_json()
    assert {name for name in json.loads(text) if not name.startswith("_")} == {"track_id"}


@pytest.mark.parametrize("text", ["", "null", "{}", '{"_object_key": "k"}', '{"_sources": 3}', '{"_sources": [{}]}'])
def test_foreign_job_request_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(AppError) as raised:
        StoredRequest.from_json(text)
    assert raised.value.code is ErrorCode.INTERNAL


def test_only_what_is_wanted_is_fetched() -> None:
    assert source_record(track(), [Wanted("t1", master=False, stems=("bass",))]).object_keys == (
        "jobs/j/1/stems/bass.flac",
    )
    assert set(source_record(track(), [Wanted("t1", master=False, stems=None)]).stems) == {"drums", "bass"}
    both = source_record(track(), [Wanted("t1", master=False, stems=("bass",)), Wanted("t1")])
    assert (both.master, set(both.stems)) == ("jobs/j/1/master.flac", {"bass"})


def test_missing_stem_is_refused_where_it_is_named() -> None:
    with pytest.raises(AppError) as raised:
        source_record(track(), [Wanted("t1", stems=("vocals",), pointer="/tracks/3/stem")])
    [violation] = raised.value.violations
    assert violation.pointer == "/tracks/3/stem"
    assert "drums, bass" in violation.detail


def test_every_offered_kind_answers_to_its_name() -> None:
    assert "convert" in registry.offered()
    for name in registry.offered():
        kind = registry.kind_of(name)
        assert kind is not None
        assert kind.name == name
        with pytest.raises(AppError) as raised:
            kind.parse({"no such field": 1})
        assert raised.value.code is ErrorCode.VALIDATION


def test_unknown_kind_is_none() -> None:
    assert registry.kind_of("compose") is None


def test_checking_requests_loads_nothing_heavy() -> None:
    program = (
        "import sys, services.processing.server\n"
        "from services.processing.jobs import registry\n"
        "kinds = [registry.kind_of(name) for name in registry.offered()]\n"
        "print([name for name in ('torch', 'onnxruntime', 'numba', 'demucs_infer') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_measure_says_what_the_standard_says(write_master: Callable[..., Path]) -> None:
    # EBU Tech 3341 case 1: a stereo sine of 1 kHz at −23 dBFS reads −23 LUFS.
    seconds = np.arange(20 * 48_000) / 48_000
    tone = (10 ** (-23 / 20) * np.sin(2 * np.pi * 1_000 * seconds)).astype(np.float32)
    found = measure(write_master(np.stack([tone, tone], axis=1), 48_000), lambda: None)
    assert found.loudness_lufs == pytest.approx(-23.0, abs=0.1)
    assert found.true_peak_dbtp == pytest.approx(-23.0, abs=0.2)
    assert (found.duration_seconds, found.channels) == (20.0, 2)


def test_silence_is_measured_as_the_floor(write_master: Callable[..., Path]) -> None:
    found = measure(write_master(np.zeros((48_000, 2), np.float32), 48_000), lambda: None)
    assert (found.loudness_lufs, found.true_peak_dbtp) == (SILENCE_LUFS, SILENCE_DBTP)


class _Request(BaseModel):
    track_id: str


class _Louder:
    """A kind that makes a new track of its source, with a stem and a file."""

    name = "louder"

    def __init__(self, files: Mapping[str, bytes] | None = None, parent_id: str = "t1") -> None:
        self._files = files if files is not None else {"notes.json": b"{}"}
        self._parent_id = parent_id

    def parse(self, body: Mapping[str, Any]) -> _Request:
        return _Request.model_validate(body)

    def wanted(self, request: _Request) -> Sequence[Wanted]:
        return (Wanted(request.track_id, stems=("bass",)),)

    def written_bytes(self, request: _Request, sources: Mapping[str, Sound]) -> int:
        return 0

    def run(self, work: Work) -> Made:
        source = work.sources[work.request.track_id]
        assert source.master is not None
        work.report(0.5, "making it louder")
        for name, data in self._files.items():
            (work.folder / name.replace("/", "_")).write_bytes(data)
        new = NewTrack(
            "  Louder\nsong ", source.master, {"Bass line": source.stems["bass"]}, parent_id=self._parent_id, bpm=84.0
        )
        return Made({"gain_db": 3.0}, [new], {name: work.folder / name.replace("/", "_") for name in self._files})


@pytest.fixture
async def stored_song(store: ObjectStore, master: Path) -> StoredRequest:
    for key in ("master.flac", "stems/bass.flac"):
        await store.put_file(f"jobs/j/1/{key}", master)
    record = source_record(track(midi_object_key=""), [Wanted("t1", stems=("bass",))])
    return StoredRequest({"track_id": "t1"}, [record])


async def test_what_a_kind_made_is_stored_measured_and_described(
    store: ObjectStore, scratch: Scratch, heavy: HeavyWork, stored_song: StoredRequest, master: Path
) -> None:
    reports: list[float] = []
    made = await KindRun(store, scratch, heavy, Equipment()).run(
        _Louder(),
        stored_song,
        "jobs/new/7",
        check=lambda: None,
        report=lambda fraction, stage: reports.append(fraction),
    )
    [content] = made.tracks
    found = measure(master, lambda: None)
    assert (content.title, content.parent_id, content.model, content.bpm) == ("Louder song", "t1", "louder", 84.0)
    assert content.duration_seconds == pytest.approx(3.0)
    assert content.loudness_lufs == pytest.approx(found.loudness_lufs)
    assert content.licence == track().content.licence
    assert content.master_object_key == "jobs/new/7/master.flac"
    assert [(stem.name, stem.object_key) for stem in content.stems] == [
        ("Bass line", "jobs/new/7/stems/0-bass-line.flac")
    ]
    [file] = made.result["files"]
    assert (file["name"], file["media_type"], file["size_bytes"]) == ("notes.json", "application/json", 2)
    assert await store.get(file["object_key"]) == b"{}"
    assert made.stored_bytes == sum([info.size_bytes async for info in store.list("jobs/new")])
    assert reports == sorted(reports)
    # Measuring the master, storing it, the stem and the file each take their part of the last tenth.
    assert len(set(reports[reports.index(0.9) + 1 :])) == 4
    assert reports[-1] == pytest.approx(1.0, abs=1e-4)


class _Endless(_Louder):
    def run(self, work: Work) -> Made:
        while True:
            work.check()


async def test_kind_that_works_for_longer_than_it_may_is_stopped(
    store: ObjectStore, scratch: Scratch, heavy: HeavyWork, stored_song: StoredRequest
) -> None:
    runner = KindRun(store, scratch, heavy, Equipment(), lambda *_, upload: 0.05)
    with pytest.raises(AppError) as raised:
        await runner.run(_Endless(), stored_song, "jobs/new/7", check=lambda: None, report=lambda fraction, stage: None)
    assert raised.value.code is ErrorCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize(("upload", "words"), [("", "The track was deleted before"), ("uploads/u/1", "The file was")])
async def test_source_that_was_deleted_meanwhile_is_called_so(
    store: ObjectStore, scratch: Scratch, heavy: HeavyWork, stored_song: StoredRequest, upload: str, words: str
) -> None:
    request = StoredRequest(stored_song.body, () if upload else stored_song.sources, upload)
    await store.delete("jobs/j/1/master.flac")
    with pytest.raises(AppError, match=words) as raised:
        await KindRun(store, scratch, heavy, Equipment()).run(
            _Louder(), request, "jobs/new/7", check=lambda: None, report=lambda fraction, stage: None
        )
    assert raised.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize("kind", [_Louder({"../x": b""}), _Louder(parent_id="somebody's")])
async def test_kind_that_oversteps_is_stopped(
    store: ObjectStore, scratch: Scratch, heavy: HeavyWork, stored_song: StoredRequest, kind: _Louder
) -> None:
    with pytest.raises(AppError) as raised:
        await KindRun(store, scratch, heavy, Equipment()).run(
            kind, stored_song, "jobs/new/7", check=lambda: None, report=lambda fraction, stage: None
        )
    assert raised.value.code is ErrorCode.INTERNAL
