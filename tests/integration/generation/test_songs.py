"""A job goes from Submit to a track, and says on the way how far it is."""

from __future__ import annotations

import asyncio
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import soundfile

from protos.generation.v1 import generation_pb2
from protos.users.v1 import jobs_pb2
from services.generation.mastering import measure
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call, stream
from tests.support.listening import decode
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration


def entries(folder: Path) -> list[Path]:
    """Everything below the folders of the server and the worker."""
    return [path for own in folder.iterdir() for path in own.iterdir()]


async def test_job_becomes_a_track(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(prompt="a calm tone\nsecond line", seed=7, public=True)
    ended = await generation.ended(job)
    assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED
    content = (await generation.track(ended)).content
    assert (content.title, content.prompt) == ("A calm tone", "a calm tone\nsecond line")
    assert (content.model, content.seed, content.public) == ("tone", 7, True)
    assert (content.duration_seconds, content.sample_rate_hz, content.channels) == (2.0, 44_100, 2)
    assert (content.licence.name, content.licence.commercial_use) == ("Apache-2.0", True)
    assert (content.model_revision, content.runtime, content.precision) == ("tone-1", "numpy", "float32")
    assert content.engine_version
    assert orjson.loads(content.spec_json) == {"seed": 7}
    master = await generation.store.get(content.master_object_key)
    assert content.master_object_key.startswith(f"jobs/{job.id}/")
    assert hashlib.sha256(master).hexdigest() == content.master_sha256
    audio, rate = decode(master, "flac")
    assert (len(audio), rate) == (88_200, 44_100)
    measured = measure([audio], rate, 2)
    assert measured.loudness_lufs == pytest.approx(content.loudness_lufs, abs=0.1)
    assert measured.true_peak_dbtp <= -0.9


async def test_metrics_of_the_run_are_kept(generation: Any, worker: asyncio.Event) -> None:
    ended = await generation.ended(await generation.submit())
    metrics = orjson.loads(ended.metrics_json)
    assert metrics["real_time_factor"] > 0

    async def speed() -> float:
        return (await generation.models())["tone"].real_time_factor

    await eventually(speed, what="the speed is known")
    assert await speed() > 0
    assert (await generation.models())["musicgen-small"].real_time_factor == 0
    assert 0 <= metrics["first_audio_seconds"] < 10
    assert metrics["run_seconds"] > 0


async def test_quota_is_settled_to_what_was_made(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.ended(await generation.submit(duration_seconds=3.5))
    usage = await generation.users.usage(generation.person)
    assert (usage.used_seconds, usage.reserved_seconds) == (3.5, 0.0)
    master = (await generation.track(job)).content.master_object_key
    folder = master.rsplit("/", 1)[0]
    assert usage.stored_bytes == sum([info.size_bytes async for info in generation.store.list(folder)]) > 0


async def test_room_in_storage_is_held_until_the_song_is_there(generation: Any) -> None:
    await generation.submit(duration_seconds=3.5)
    # One file, two channels, two bytes a sample.
    assert (await generation.users.usage(generation.person)).stored_bytes == 3.5 * 44_100 * 2 * 2


async def test_seed_is_drawn_and_kept_in_the_request(generation: Any) -> None:
    first, second = [orjson.loads((await generation.submit()).request_json) for _ in range(2)]
    assert first["seed"] != second["seed"]
    assert first["model"] == "tone"
    assert first["duration"] == 2.0


async def test_default_model_and_duration_are_filled_in(generation: Any) -> None:
    request = orjson.loads((await generation.submit(model="", duration_seconds=None)).request_json)
    assert (request["model"], request["duration"]) == ("tone", 5.0)


async def test_progress_never_falls_and_ends_with_done(generation: Any, worker: asyncio.Event) -> None:
    job = await generation.submit(duration_seconds=20, spec={"speed": 15})
    events = []
    request = jobs_pb2.WatchRequest(job_id=job.id)
    async for event in stream(generation.users.jobs.Watch, request, token=generation.token()):
        events.append((event.type, orjson.loads(event.data_json)))
    progress = [data for kind, data in events if kind == "progress"]
    fractions = [data["progress"] for data in progress]
    assert fractions == sorted(fractions)
    assert 2 <= len(fractions) <= 12
    assert progress[0]["stage"] == "humming"
    assert progress[0]["eta_seconds"] > 0
    assert events[-1][0] == "done"


async def test_same_idempotency_key_gives_the_same_job(generation: Any) -> None:
    key = jobs_pb2.Idempotency(route="POST /api/v1/generate", key="k1", body_sha256=hashlib.sha256(b"body").digest())
    first = await generation.submit(idempotency=key)
    second = await generation.submit(idempotency=key)
    assert first.id == second.id


async def test_bad_request_reaches_the_caller_with_its_fields(generation: Any) -> None:
    with pytest.raises(AppError) as caught:
        await generation.submit(prompt="", duration_seconds=float("nan"), guidance_scale=2.0)
    assert caught.value.code is ErrorCode.VALIDATION
    assert {v.pointer for v in caught.value.violations} == {"/prompt", "/duration", "/guidance_scale"}
    with pytest.raises(AppError) as unknown:
        await generation.submit(model="nope")
    assert [v.pointer for v in unknown.value.violations] == ["/model"]


async def test_services_have_no_songs_of_their_own(generation: Any) -> None:
    request = generation_pb2.SubmitRequest(request=generation_pb2.GenerateRequest(prompt="x"))
    with pytest.raises(AppError) as caught:
        await call(generation.stub.Submit, request, token=generation.users.service_tokens.token())
    assert caught.value.code is ErrorCode.FORBIDDEN


async def test_models_say_which_is_the_default_and_which_are_loaded(generation: Any, worker: asyncio.Event) -> None:
    async def loaded() -> bool:
        return (await generation.models())["tone"].loaded

    await eventually(loaded, what="the worker is seen")
    models = await generation.models()
    assert (models["tone"].default, models["musicgen-debug"].default) == (True, False)
    assert models["musicgen-debug"].parameters == [
        "negative_prompt", "guidance_scale", "temperature", "top_k", "top_p", "structure", "bpm", "key",
        "continue_from_id", "continue_at",
    ]  # fmt: skip
    assert not models["musicgen-small"].installed
    request = generation_pb2.GetModelRequest(model_id="musicgen-debug")
    one = (await call(generation.stub.GetModel, request, token=generation.token())).model
    assert (one.id, one.sample_rate_hz, one.channels) == ("musicgen-debug", 32_000, 1)
    with pytest.raises(AppError) as caught:
        await call(generation.stub.GetModel, generation_pb2.GetModelRequest(model_id="nope"), token=generation.token())
    assert caught.value.code is ErrorCode.NOT_FOUND


async def test_neural_model_makes_a_song_that_is_the_same_again(generation: Any, worker: asyncio.Event) -> None:
    masters, live = [], []
    for _ in range(2):
        job = await generation.submit(
            model="musicgen-debug", duration_seconds=2.3, seed=11, temperature=0.9, top_k=50, guidance_scale=2.0
        )
        live.append(await generation.heard(job))
        ended = await generation.ended(job)
        assert ended.status == jobs_pb2.JOB_STATUS_SUCCEEDED, ended.error
        content = (await generation.track(ended)).content
        masters.append(await generation.store.get(content.master_object_key))
        assert (content.duration_seconds, content.sample_rate_hz, content.channels) == (2.3, 32_000, 1)
        assert (content.runtime, content.precision, content.model_revision) == ("torch-cpu", "float32", "debug-1")
    assert masters[0] == masters[1]
    assert live[0] == live[1]
    audio, _ = soundfile.read(io.BytesIO(masters[0]), dtype="float32", always_2d=True)
    heard, _ = decode(live[0], "wav")
    gain = 10 ** (content.mastering_gain_db / 20)
    assert np.abs(heard * gain - audio).max() <= gain * 0.51 / 32768 + 2**-23


async def test_nothing_is_left_in_the_scratch_folder(generation: Any, worker: asyncio.Event) -> None:
    await generation.ended(await generation.submit())
    await generation.ended(await generation.submit(spec={"fail_at": 1.0}))

    async def empty() -> bool:
        return not entries(generation.settings.scratch_dir)

    await eventually(empty, what="the scratch folder is empty")
