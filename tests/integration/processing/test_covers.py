"""Covers: sent by their tracks' owners, drawn for everybody else's; as the gateway calls for them."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from protos.processing.v1 import processing_pb2
from protos.users.v1 import tracks_pb2
from services.processing.media.derivatives import derivative_folder
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.shared.ids import new_id
from tests.support.user_management import Person

pytestmark = pytest.mark.integration


def picture(seed: int = 1, side: int = 1_300) -> bytes:
    blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(blocks).resize((side, side)).save(out, "PNG")
    return out.getvalue()


async def take(processing: Any, track_id: str, data: bytes, person: Person | None = None) -> tracks_pb2.Track:
    """Send a picture as the gateway does."""
    sender = person or processing.person
    key = f"uploads/{sender.id}/{new_id()}"
    await processing.store.put(key, data)
    request = processing_pb2.SetCoverRequest(track_id=track_id, upload_object_key=key)
    answer = await call(processing.stub.SetCover, request, token=processing.token(sender), timeout=90)
    track: tracks_pb2.Track = answer.track
    return track


async def ensure(processing: Any, track: tracks_pb2.Track, size: int = 640) -> processing_pb2.EnsureCoverResponse:
    request = processing_pb2.EnsureCoverRequest(
        object_key=track.content.master_object_key, cover_object_key=track.cover_object_key, size=size
    )
    found: processing_pb2.EnsureCoverResponse = await call(
        processing.stub.EnsureCover, request, token=processing.token(), timeout=60
    )
    return found


async def remove(processing: Any, track_id: str) -> None:
    request = tracks_pb2.SetCoverRequest(track_id=track_id)
    await call(processing.users.tracks.SetCover, request, token=processing.token())


async def opened(processing: Any, found: processing_pb2.EnsureCoverResponse) -> Image.Image:
    data = await processing.store.get(found.object_key)
    assert len(data) == found.size_bytes
    shown = Image.open(io.BytesIO(data))
    shown.load()
    assert shown.format == "JPEG"
    return shown


async def test_track_without_a_picture_has_a_drawn_one_in_every_size(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    first, again = await asyncio.gather(ensure(processing, track), ensure(processing, track))
    assert first == again
    assert (await opened(processing, first)).size == (640, 640)
    assert (await opened(processing, await ensure(processing, track, 100))).size == (160, 160)


async def test_sent_picture_is_shown_in_every_size_until_it_is_taken_away(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    drawn = await ensure(processing, track)
    changed = await take(processing, track.id, picture())
    assert changed.cover_object_key.startswith(f"jobs/{track.job_id}/cover/")
    for size in (160, 320, 640, 1_280):
        assert (await opened(processing, await ensure(processing, changed, size))).size == (size, size)
    assert (await ensure(processing, changed)).etag != drawn.etag
    await remove(processing, track.id)
    found = await call(
        processing.users.tracks.GetTrack, tracks_pb2.GetTrackRequest(track_id=track.id), token=processing.token()
    )
    assert found.track.cover_object_key == ""
    assert await ensure(processing, found.track) == drawn


async def test_sizes_that_were_thrown_away_are_made_again(processing: Any, short_master: Path) -> None:
    track = await take(processing, (await processing.track_of(short_master)).id, picture())
    before = await ensure(processing, track, 320)
    shown = np.asarray(await opened(processing, before)).astype(int)
    await processing.store.delete_prefix(derivative_folder(track.cover_object_key) + "/")
    after = await ensure(processing, track, 320)
    assert after.etag == before.etag
    assert np.abs(np.asarray(await opened(processing, after)).astype(int) - shown).mean() < 3


async def test_somebody_else_s_track_gets_no_picture(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    other = await processing.users.sign_up()
    published = tracks_pb2.UpdateTrackRequest(track_id=track.id, public=True)
    for _ in ("private", "public"):
        with pytest.raises(AppError) as raised:
            await take(processing, track.id, picture(), other)
        assert raised.value.code is ErrorCode.NOT_FOUND
        await call(processing.users.tracks.UpdateTrack, published, token=processing.token())
    stored = [info.key async for info in processing.store.list(f"jobs/{track.job_id}")]
    assert stored == [track.content.master_object_key], "nothing was left in the owner's folder"


async def test_file_of_somebody_else_is_not_taken(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    other = await processing.users.sign_up()
    await processing.store.put(f"uploads/{other.id}/x", picture())
    for key in (f"uploads/{other.id}/x", track.content.master_object_key, "", f"uploads/{processing.person.id}"):
        request = processing_pb2.SetCoverRequest(track_id=track.id, upload_object_key=key)
        with pytest.raises(AppError) as raised:
            await call(processing.stub.SetCover, request, token=processing.token(), timeout=60)
        assert raised.value.code is ErrorCode.VALIDATION


async def test_picture_lies_where_its_track_s_job_writes(processing: Any, short_master: Path) -> None:
    """Otherwise deleting one's own track would delete what is somebody else's."""
    track, other = await processing.track_of(short_master), await processing.track_of(short_master)
    for key in (other.content.master_object_key, f"jobs/{other.job_id}/cover/x.jpg", track.content.master_object_key):
        request = tracks_pb2.SetCoverRequest(track_id=track.id, object_key=key)
        with pytest.raises(AppError) as raised:
            await call(processing.users.tracks.SetCover, request, token=processing.token())
        assert raised.value.code is ErrorCode.VALIDATION


async def test_what_is_no_picture_changes_nothing(processing: Any, short_master: Path) -> None:
    track = await take(processing, (await processing.track_of(short_master)).id, picture())
    with pytest.raises(AppError) as raised:
        await take(processing, track.id, b"<svg/>")
    assert raised.value.code is ErrorCode.UNSUPPORTED_MEDIA
    found = await call(
        processing.users.tracks.GetTrack, tracks_pb2.GetTrackRequest(track_id=track.id), token=processing.token()
    )
    assert found.track.cover_object_key == track.cover_object_key


async def test_pictures_sent_at_once_leave_one_whole_one(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    made = await asyncio.gather(*(take(processing, track.id, picture(seed, 200)) for seed in range(3)))
    found = await call(
        processing.users.tracks.GetTrack, tracks_pb2.GetTrackRequest(track_id=track.id), token=processing.token()
    )
    assert found.track.cover_object_key in {one.cover_object_key for one in made}
    assert (await opened(processing, await ensure(processing, found.track))).size == (200, 200)


@pytest.mark.parametrize("size", [0, 15, 1_281, -5])
async def test_size_beyond_what_is_offered_is_refused(processing: Any, short_master: Path, size: int) -> None:
    with pytest.raises(AppError) as raised:
        await ensure(processing, await processing.track_of(short_master), size)
    assert raised.value.violations[0].pointer == "/size"
