"""A song that was separated is worked on stem by stem, though its stems are tracks of their own."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from protos.processing.v1 import processing_pb2
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.processing.jobs.separated import newest, stem_name, whole_song
from services.processing.jobs.stored_request import SourceRecord, StoredRequest
from services.processing.jobs.submission import Submissions
from services.shared.errors import AppError
from services.shared.identity import Principal

FOUR = ("drums", "bass", "other", "vocals")


def child(job: str, stem: str, model: str = "hybrid", relation: str = "stem") -> tracks_pb2.Track:
    spec = orjson.dumps({"separate": {"model": model}, "stem": stem}).decode()
    content = tracks_pb2.TrackContent(
        model=model, parent_id="song", spec_json=spec, master_object_key=f"jobs/{job}/1/{stem}/master.flac"
    )
    return tracks_pb2.Track(id=f"{job}-{stem}", job_id=job, relation=relation, content=content)


def song(*stems: str) -> tracks_pb2.Track:
    parts = [tracks_pb2.Stem(name=name, object_key=f"own/{name}.flac") for name in stems]
    content = tracks_pb2.TrackContent(title="Song", master_object_key="own/master.flac", stems=parts)
    return tracks_pb2.Track(id="song", content=content)


class Library:
    """The caller's library and ledger, its pages two tracks long."""

    def __init__(self, track: tracks_pb2.Track, children: list[tracks_pb2.Track]) -> None:
        self._track, self._children = track, children
        self.taken: list[StoredRequest] = []

    async def GetTrack(self, request: tracks_pb2.GetTrackRequest, **_: Any) -> tracks_pb2.GetTrackResponse:  # noqa: N802
        return tracks_pb2.GetTrackResponse(track=self._track)

    async def ListTracks(self, request: tracks_pb2.ListTracksRequest, **_: Any) -> tracks_pb2.ListTracksResponse:  # noqa: N802
        assert request.parent_id == self._track.id
        start = int(request.page.cursor or 0)
        more = start + 2 < len(self._children)
        return tracks_pb2.ListTracksResponse(
            tracks=self._children[start : start + 2], next_cursor=str(start + 2) if more else ""
        )

    async def Create(self, request: jobs_pb2.CreateRequest, **_: Any) -> jobs_pb2.CreateResponse:  # noqa: N802
        self.taken.append(StoredRequest.from_json(request.request_json))
        return jobs_pb2.CreateResponse()


async def source(track: tracks_pb2.Track, children: list[tracks_pb2.Track], **body: object) -> SourceRecord:
    library = Library(track, children)
    text = orjson.dumps({"track_id": "song", **body}).decode()
    request = processing_pb2.SubmitRequest(kind="transcribe", request_json=text)
    await Submissions(library, library).create(request, Principal(subject="u1", kind="user"))  # type: ignore[arg-type]
    [found] = library.taken[0].sources
    return found


async def test_separated_song_is_transcribed_by_its_stems() -> None:
    found = await source(song(), [child("j", name) for name in FOUR])
    assert found.stems == {name: f"jobs/j/1/{name}/master.flac" for name in FOUR}
    assert found.master == "own/master.flac"


async def test_stems_that_a_track_has_itself_come_before_separated_ones() -> None:
    found = await source(song("drums", "melody"), [child("j", name) for name in FOUR])
    assert found.stems == {"drums": "own/drums.flac", "melody": "own/melody.flac"}
    found = await source(song("drums"), [child("j", name) for name in FOUR], stem="drums")
    assert found.stems == {"drums": "own/drums.flac"}


async def test_one_separated_stem_can_be_named() -> None:
    found = await source(song(), [child("new", "vocals"), child("old", "vocals"), child("old", "bass")], stem="vocals")
    assert found.stems == {"vocals": "jobs/new/1/vocals/master.flac"}


async def test_stem_that_nobody_separated_is_refused_where_it_is_named() -> None:
    with pytest.raises(AppError) as raised:
        await source(song(), [child("j", "bass")], stem="drums")
    assert [item.pointer for item in raised.value.violations] == ["/stem"]


async def test_separated_stem_knows_which_one_it_is() -> None:
    assert (await source(child("j", "drums"), [])).stem == "drums"
    assert (await source(song(), [])).stem == ""


def test_separation_with_the_most_stems_counts_and_of_equals_the_newest() -> None:
    coarse = [child("newest", name, "spleeter-2stems") for name in ("vocals", "accompaniment")]
    fine = [child("new", name) for name in FOUR] + [child("old", name) for name in FOUR]
    found = whole_song([*coarse, *fine])
    assert found == {name: f"jobs/new/1/{name}/master.flac" for name in FOUR}


def test_separation_that_left_out_or_lost_a_stem_is_not_the_song() -> None:
    assert whole_song([child("j", "vocals"), child("j", "bass")]) == {}
    assert whole_song([child("a", "vocals", "spleeter-2stems"), child("b", "accompaniment", "spleeter-2stems")]) == {}


def test_accompaniment_beside_all_four_stems_is_not_heard_twice() -> None:
    assert set(whole_song([child("j", name) for name in (*FOUR, "accompaniment", "residual")])) == set(FOUR)
    assert set(whole_song([child("j", name) for name in ("vocals", "accompaniment")])) == {"vocals", "accompaniment"}


@pytest.mark.parametrize("spec", ["", "no JSON", "[]", "{}", '{"stem": 3}', '{"stem": "karaoke"}'])
def test_what_is_no_stem_has_no_name(spec: str) -> None:
    track = child("j", "drums")
    track.content.spec_json = spec
    assert stem_name(track) == ""
    assert newest([track], "drums") == {}
    assert stem_name(child("j", "drums", relation="mix")) == ""
