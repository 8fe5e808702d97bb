"""Files that people send, from storage to a track of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import soundfile

from protos.processing.v1 import processing_pb2
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call

pytestmark = pytest.mark.integration


async def submit(processing: Any, path: Path, key: str | None = None, **body: Any) -> jobs_pb2.Job:
    key = key or f"uploads/{processing.person.id}/{path.name}"
    await processing.store.put_file(key, path)
    size_bytes = (await processing.store.head(key)).size_bytes
    request = processing_pb2.SubmitRequest(
        kind="import",
        request_json=orjson.dumps({"filename": path.name, "size_bytes": size_bytes, **body}).decode(),
        upload=processing_pb2.Upload(object_key=key, size_bytes=size_bytes, filename=path.name),
    )
    return (await call(processing.stub.Submit, request, token=processing.token())).job


async def track_of(processing: Any, job: jobs_pb2.Job) -> tracks_pb2.Track:
    request = tracks_pb2.GetTrackRequest(track_id=job.track_ids[0])
    return (await call(processing.users.tracks.GetTrack, request, token=processing.token())).track


async def test_sent_file_becomes_a_track_bit_for_bit(
    processing: Any, worker: Any, short_master: Path, tmp_path: Path
) -> None:
    job = await processing.ended((await submit(processing, short_master)).id)
    assert job.error.message == ""
    track = await track_of(processing, job)
    content = track.content
    assert (content.title, content.model, content.licence.name) == ("short", "upload", "own upload")
    assert content.duration_seconds == pytest.approx(2.0)
    assert -20.0 < content.loudness_lufs < -5.0
    await processing.store.download(content.master_object_key, tmp_path / "kept.flac")
    assert np.array_equal(soundfile.read(tmp_path / "kept.flac")[0], soundfile.read(short_master)[0])
    assert orjson.loads(job.result_json)["codec"] == "PCM_24"
    usage = await processing.users.usage(processing.person)
    assert usage.stored_bytes == (await processing.store.head(content.master_object_key)).size_bytes


async def test_track_of_an_upload_can_be_worked_on(processing: Any, worker: Any, short_master: Path) -> None:
    job = await processing.ended((await submit(processing, short_master, title="Mine")).id)
    track = await track_of(processing, job)
    assert track.content.title == "Mine"
    converted = await processing.ended((await processing.submit(track, format="mp3")).job.id)
    assert converted.status == jobs_pb2.JOB_STATUS_SUCCEEDED


async def test_file_that_is_no_audio_says_what_it_is(processing: Any, worker: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("These are words.")
    job = await processing.ended((await submit(processing, path)).id)
    assert (job.status, job.error.code) == (jobs_pb2.JOB_STATUS_FAILED, "unsupported-media")
    assert job.error.message.startswith("This is a text document.")
    assert (await processing.users.usage(processing.person)).stored_bytes == 0


async def test_nobody_imports_what_somebody_else_sent(processing: Any, short_master: Path) -> None:
    other = await processing.users.sign_up()
    for key in (f"uploads/{other.id}/1", f"jobs/{processing.person.id}/1/master.flac"):
        with pytest.raises(AppError) as raised:
            await submit(processing, short_master, key)
        assert raised.value.code is ErrorCode.VALIDATION


async def test_other_kinds_take_no_file(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    request = processing_pb2.SubmitRequest(
        kind="convert",
        request_json=orjson.dumps({"track_id": track.id, "format": "flac"}).decode(),
        upload=processing_pb2.Upload(object_key=f"uploads/{processing.person.id}/1"),
    )
    with pytest.raises(AppError) as raised:
        await call(processing.stub.Submit, request, token=processing.token())
    assert [violation.pointer for violation in raised.value.violations] == ["/upload"]
