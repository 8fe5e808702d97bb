"""The gRPC service: derivatives, waveforms and submissions, as the gateway calls them."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import soundfile
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from protos.common.v1 import common_pb2
from protos.processing.v1 import processing_pb2
from protos.users.v1 import jobs_pb2
from services.processing.__main__ import serve
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call

pytestmark = pytest.mark.integration


async def derivative(processing: Any, key: str, audio_format: int) -> processing_pb2.EnsureDerivativeResponse:
    request = processing_pb2.EnsureDerivativeRequest(object_key=key, format=audio_format)
    return await call(processing.stub.EnsureDerivative, request, token=processing.token(), timeout=60)


async def waveform(processing: Any, key: str, points: int) -> processing_pb2.GetWaveformResponse:
    request = processing_pb2.GetWaveformRequest(object_key=key, points=points)
    return await call(processing.stub.GetWaveform, request, token=processing.token(), timeout=60)


@pytest.mark.parametrize(
    ("audio_format", "ending"),
    [
        (common_pb2.AUDIO_FORMAT_WAV, "wav"),
        (common_pb2.AUDIO_FORMAT_MP3, "mp3"),
        (common_pb2.AUDIO_FORMAT_OGG, "ogg"),
        (common_pb2.AUDIO_FORMAT_OPUS, "opus"),
    ],
)
async def test_derivative_can_be_read_from_storage(
    processing: Any, short_master: Path, tmp_path: Path, audio_format: int, ending: str
) -> None:
    await processing.store.put_file("jobs/x/1/master.flac", short_master)
    made = await derivative(processing, "jobs/x/1/master.flac", audio_format)
    again = await derivative(processing, "jobs/x/1/master.flac", audio_format)
    assert made == again
    assert made.object_key.endswith(f"/audio.{ending}")
    await processing.store.download(made.object_key, tmp_path / "made")
    assert soundfile.info(tmp_path / "made").duration == pytest.approx(2.0, abs=0.001)
    assert (await processing.store.head(made.object_key)).size_bytes == made.size_bytes


async def test_waveform_follows_the_envelope(processing: Any, short_master: Path) -> None:
    await processing.store.put_file("jobs/x/1/master.flac", short_master)
    samples, _ = soundfile.read(short_master)
    answer = await waveform(processing, "jobs/x/1/master.flac", 100)
    assert len(answer.minima) == len(answer.maxima) == 100
    assert answer.duration_seconds == pytest.approx(2.0)
    assert max(answer.maxima) == pytest.approx(samples.max(), abs=1e-6)
    assert (np.array(answer.minima) < 0).all()


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda p: derivative(p, "jobs/none/1/master.flac", common_pb2.AUDIO_FORMAT_MP3), ErrorCode.NOT_FOUND),
        (lambda p: derivative(p, "jobs/x/1/master.flac", 0), ErrorCode.VALIDATION),
        (lambda p: derivative(p, "/etc/passwd", common_pb2.AUDIO_FORMAT_MP3), ErrorCode.VALIDATION),
        (lambda p: derivative(p, "a/../../b", common_pb2.AUDIO_FORMAT_MP3), ErrorCode.VALIDATION),
        (lambda p: waveform(p, "jobs/none/1/master.flac", 100), ErrorCode.NOT_FOUND),
        (lambda p: waveform(p, "jobs/x/1/master.flac", 3), ErrorCode.VALIDATION),
        (lambda p: waveform(p, "", 100), ErrorCode.VALIDATION),
    ],
)
async def test_bad_requests_have_their_codes(processing: Any, ask: Any, code: ErrorCode) -> None:
    with pytest.raises(AppError) as raised:
        await ask(processing)
    assert raised.value.code is code


async def test_callers_without_identity_are_refused(processing: Any) -> None:
    request = processing_pb2.GetWaveformRequest(object_key="jobs/x/1/master.flac", points=100)
    with pytest.raises(AppError) as raised:
        await call(processing.stub.GetWaveform, request)
    assert raised.value.code is ErrorCode.UNAUTHENTICATED


async def test_health_stays_quick_while_files_are_made(processing: Any, long_master: Path) -> None:
    await processing.store.put_file("jobs/long/1/master.flac", long_master)
    work = asyncio.create_task(derivative(processing, "jobs/long/1/master.flac", common_pb2.AUDIO_FORMAT_OPUS))
    health = health_pb2_grpc.HealthStub(processing.channel)
    loop = asyncio.get_running_loop()
    times = []
    for _ in range(30):
        before = loop.time()
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
        times.append(loop.time() - before)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await asyncio.sleep(0.02)
    assert not work.done()
    work.cancel()
    assert sorted(times)[-3] < 0.1


async def test_caller_that_gives_up_finds_the_file_later(processing: Any, long_master: Path) -> None:
    await processing.store.put_file("jobs/long/1/master.flac", long_master)
    request = processing_pb2.EnsureDerivativeRequest(
        object_key="jobs/long/1/master.flac", format=common_pb2.AUDIO_FORMAT_OGG
    )
    with pytest.raises(AppError) as raised:
        await call(processing.stub.EnsureDerivative, request, token=processing.token(), timeout=0.1)
    assert raised.value.code is ErrorCode.DEADLINE_EXCEEDED
    made = await call(processing.stub.EnsureDerivative, request, token=processing.token(), timeout=60)
    assert (await processing.store.head(made.object_key)).size_bytes == made.size_bytes


async def test_submission_makes_a_queued_job(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    answer = await processing.submit(track, format="mp3", bitrate=128_000)
    assert (answer.job.kind, answer.job.queue, answer.replayed) == ("convert", "processing", False)
    assert answer.job.status == jobs_pb2.JOB_STATUS_QUEUED
    assert answer.job.owner_id == processing.person.id


async def test_same_key_makes_one_job(processing: Any, short_master: Path) -> None:
    track = await processing.track_of(short_master)
    key = jobs_pb2.Idempotency(route="POST /api/v1/processing/convert", key="k1", body_sha256=b"1" * 32)
    first = await processing.submit(track, idempotency=key)
    second = await processing.submit(track, idempotency=key)
    assert (second.job.id, second.replayed) == (first.job.id, True)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "compose"}, "/kind"),
        ({"format": "aac"}, "/format"),
        ({"format": "mp3", "bit_depth": 24}, "/bit_depth"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_wrong_submissions_are_refused_by_field(
    processing: Any, short_master: Path, fields: dict[str, Any], pointer: str
) -> None:
    track = await processing.track_of(short_master)
    with pytest.raises(AppError) as raised:
        await processing.submit(track, **fields)
    assert raised.value.code is ErrorCode.VALIDATION
    assert pointer in [violation.pointer for violation in raised.value.violations]


async def test_someone_else_s_track_is_not_found(processing: Any, short_master: Path) -> None:
    other = await processing.users.sign_up()
    track = await processing.track_of(short_master, other)
    with pytest.raises(AppError) as raised:
        await processing.submit(track)
    assert raised.value.code is ErrorCode.NOT_FOUND
    assert [violation.pointer for violation in raised.value.violations] == ["/track_id"]


async def test_services_cannot_submit(processing: Any) -> None:
    request = processing_pb2.SubmitRequest(kind="convert", request_json="{}")
    with pytest.raises(AppError) as raised:
        await call(processing.stub.Submit, request, token=processing.users.service_tokens.token())
    assert raised.value.code is ErrorCode.FORBIDDEN


async def test_server_on_a_taken_address_says_so(processing: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = processing.settings.model_copy(update={"address": address})
        with pytest.raises(AppError, match="cannot listen"):
            await serve(settings, asyncio.Event())


async def test_reflection_is_off_in_production(processing: Any) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(processing.channel)
    answers = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
    with pytest.raises(grpc.RpcError) as raised:
        await anext(aiter(answers))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
