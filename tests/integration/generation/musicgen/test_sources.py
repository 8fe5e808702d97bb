"""Songs that start from other tracks: looked up with the caller's rights, fetched by the worker, named as parent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from protos.users.v1 import jobs_pb2, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.ids import new_id

pytestmark = pytest.mark.integration


async def refused(generation: Any, **fields: Any) -> dict[str, str]:
    with pytest.raises(AppError) as caught:
        await generation.submit(model="musicgen-debug", **fields)
    assert caught.value.code is ErrorCode.VALIDATION
    return {violation.pointer: violation.detail for violation in caught.value.violations}


async def test_song_goes_on_from_a_track_and_names_it_as_its_parent(generation: Any, worker: asyncio.Event) -> None:
    first = await generation.ended(await generation.submit(duration_seconds=3))
    track = await generation.track(first)
    job = await generation.submit(
        model="musicgen-debug", duration_seconds=1.5, seed=3, continue_from_id=track.id, continue_at=2.0
    )
    ended = await generation.ended(job)
    assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED, ended
    made = await generation.track(ended)
    assert made.content.parent_id == track.id
    assert made.content.duration_seconds == pytest.approx(1.5)
    assert '"continue_at":2.0' in ended.request_json


async def test_what_is_made_of_somebody_elses_song_names_them(generation: Any, worker: asyncio.Event) -> None:
    track = await generation.track(await generation.ended(await generation.submit(duration_seconds=2)))
    publish = tracks_pb2.UpdateTrackRequest(track_id=track.id, public=True, title="Tide")
    users = generation.users
    await call(users.tracks.UpdateTrack, publish, token=users.token(generation.person))
    fan = await users.sign_up()
    job = await generation.submit(
        person=fan, model="musicgen-debug", duration_seconds=1, continue_from_id=track.id, continue_at=1.0
    )
    ended = await generation.ended(job, person=fan)
    request = tracks_pb2.GetTrackRequest(track_id=ended.track_ids[0])
    made = (await call(users.tracks.GetTrack, request, token=users.token(fan))).track
    assert (made.relation, made.content.parent_id) == ("remix", track.id)
    assert f"“Tide” by {generation.person.username}" in made.content.licence.attributions
    assert made.credit == ""


async def test_tracks_that_the_caller_does_not_have_are_refused_by_field(
    generation: Any, worker: asyncio.Event
) -> None:
    track = await generation.track(await generation.ended(await generation.submit(duration_seconds=2)))
    assert set(await refused(generation, continue_from_id=new_id())) == {"/continue_from_id"}
    assert set(await refused(generation, continue_from_id="no id at all")) == {"/continue_from_id"}
    stranger = await generation.users.sign_up()
    assert set(await refused(generation, person=stranger, continue_from_id=track.id)) == {"/continue_from_id"}
    late = await refused(generation, continue_from_id=track.id, continue_at=2.5)
    assert "2.0 seconds long" in late["/continue_at"]
    assert set(await refused(generation, continue_at=1.0)) == {"/continue_at"}
    # The debug model follows no melody, and the tone takes neither.
    assert "does not take melody_id" in (await refused(generation, melody_id=track.id))["/melody_id"]


async def test_track_that_went_before_the_songs_turn_is_named_by_its_field(
    generation: Any, worker: asyncio.Event
) -> None:
    track = await generation.track(await generation.ended(await generation.submit(duration_seconds=2)))
    await generation.store.delete(track.content.master_object_key)
    job = await generation.submit(model="musicgen-debug", duration_seconds=1, continue_from_id=track.id)
    ended = await generation.ended(job)
    assert (ended.status, ended.error.code) == (jobs_pb2.JOB_STATUS_FAILED, "validation")
    assert [item.pointer for item in ended.error.violations] == ["/continue_from_id"]
