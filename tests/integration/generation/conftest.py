"""A generation server and workers in this process, beside a real user_management, PostgreSQL, Valkey and storage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from redis.asyncio import Redis

from protos.common.v1.common_pb2 import AudioFormat
from protos.generation.v1 import generation_pb2, generation_pb2_grpc
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.generation.__main__ import serve
from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import Backend, BackendEnvironment
from services.generation.config import GenerationSettings
from services.generation.worker.__main__ import work
from services.shared.grpc_client import call, open_channel, stream
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey
from tests.support.backends import ToneBackend
from tests.support.user_management import Person, UserManagement

ROOT = Path(__file__).parents[3]
StartProcess = Callable[..., Awaitable[asyncio.subprocess.Process]]
_PASSED_ON = {
    "address", "users_address", "redis_url", "storage_url", "secrets_dir", "scratch_dir", "assets_dir", "environment",
}  # fmt: skip
_ENDED = {jobs_pb2.JOB_STATUS_SUCCEEDED, jobs_pb2.JOB_STATUS_FAILED, jobs_pb2.JOB_STATUS_CANCELLED}


def new_backends() -> list[Backend]:
    environment = BackendEnvironment(Path("/nonexistent"), Path("/nonexistent"))
    return [ToneBackend(environment), MusicGenBackend(environment)]


@dataclass
class Generation:
    """The service and stubs to call it, and one person who calls."""

    settings: GenerationSettings
    users: UserManagement
    person: Person
    redis: Redis
    store: ObjectStore
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = open_channel(self.settings.address, None)
        self.stub = generation_pb2_grpc.GenerationServiceStub(self.channel)

    def token(self, person: Person | None = None) -> str:
        return self.users.token(person or self.person)

    async def submit(self, person: Person | None = None, **fields: Any) -> jobs_pb2.Job:
        """A new job; `spec` is a dict."""
        idempotency = fields.pop("idempotency", None)
        fields = {"prompt": "a tone", "model": "tone", "duration_seconds": 2.0} | fields
        if "spec" in fields:
            fields["spec_json"] = orjson.dumps(fields.pop("spec")).decode()
        request = generation_pb2.SubmitRequest(
            request=generation_pb2.GenerateRequest(**fields), idempotency=idempotency
        )
        return (await call(self.stub.Submit, request, token=self.token(person))).job

    async def cancel(self, job: jobs_pb2.Job) -> jobs_pb2.Job:
        request = generation_pb2.CancelRequest(job_id=job.id)
        return (await call(self.stub.Cancel, request, token=self.token())).job

    async def models(self) -> dict[str, generation_pb2.Model]:
        answer = await call(self.stub.ListModels, generation_pb2.ListModelsRequest(), token=self.token())
        return {model.id: model for model in answer.models}

    async def pieces(
        self,
        job: jobs_pb2.Job,
        audio_format: AudioFormat.ValueType = AudioFormat.AUDIO_FORMAT_WAV,
        person: Person | None = None,
    ) -> AsyncIterator[bytes]:
        """The live audio as it arrives."""
        request = generation_pb2.WatchRequest(job_id=job.id, format=audio_format)
        async for response in stream(self.stub.Watch, request, token=self.token(person)):
            yield response.data

    async def heard(
        self, job: jobs_pb2.Job, audio_format: AudioFormat.ValueType = AudioFormat.AUDIO_FORMAT_WAV
    ) -> bytes:
        """The whole live audio."""
        return b"".join([piece async for piece in self.pieces(job, audio_format)])

    async def job(self, job: jobs_pb2.Job) -> jobs_pb2.Job:
        return await self.users.get(self.person, job.id)

    async def ended(self, job: jobs_pb2.Job, within: float = 60, person: Person | None = None) -> jobs_pb2.Job:
        """The job once it has ended."""
        found = await self.users.get(person or self.person, job.id, wait_seconds=within)
        assert found.status in _ENDED, found
        return found

    async def track(self, job: jobs_pb2.Job) -> tracks_pb2.Track:
        (track_id,) = job.track_ids
        request = tracks_pb2.GetTrackRequest(track_id=track_id)
        return (await call(self.users.tracks.GetTrack, request, token=self.token())).track

    async def playing(self, job: jobs_pb2.Job) -> None:
        """Wait until the job is making audio."""
        async with asyncio.timeout(60):
            async with contextlib.aclosing(self.pieces(job)) as pieces:
                count = 0
                async for _ in pieces:
                    count += 1
                    if count == 3:
                        return
        raise AssertionError("The stream ended.")


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    client = open_valkey(valkey_url)
    yield client
    await client.aclose()


@pytest.fixture
def settings(user_management: UserManagement, servers_folder: Path, tmp_path: Path) -> GenerationSettings:
    return GenerationSettings(
        address=f"unix:{servers_folder}/g-{uuid.uuid4().hex[:8]}.sock",
        users_address=user_management.address,
        redis_url=user_management.settings.redis_url,
        storage_url=user_management.settings.storage_url,
        secrets_dir=user_management.secrets_dir,
        scratch_dir=tmp_path / "scratch",
        assets_dir=ROOT / "var" / "assets",
        environment="development",
    )


@pytest.fixture
async def caller(
    settings: GenerationSettings, user_management: UserManagement, redis: Redis
) -> AsyncIterator[Generation]:
    """Somebody who calls a server that a test starts with these settings."""
    store = ObjectStore.from_url(settings.storage_url)
    service = Generation(settings, user_management, await user_management.sign_up(), redis, store)
    yield service
    await service.channel.close()


@pytest.fixture
async def generation(caller: Generation) -> AsyncIterator[Generation]:
    stop = asyncio.Event()
    server = asyncio.create_task(serve(caller.settings, new_backends(), stop))
    async with asyncio.timeout(60):
        await caller.channel.channel_ready()
    yield caller
    stop.set()
    await server


@pytest.fixture
async def start_process(settings: GenerationSettings) -> AsyncIterator[StartProcess]:
    """Start a process of a module with the settings; it is killed at the end unless it has ended."""
    running: list[asyncio.subprocess.Process] = []

    async def start(module: str = "tests.support.tone_worker", **overrides: str) -> asyncio.subprocess.Process:
        values = {
            **settings.model_dump(include=_PASSED_ON),
            "worker_id": f"w-{uuid.uuid4().hex[:8]}",
            "log_format": "json",
            **overrides,
        }
        environment = {f"MUSICGEN_GENERATION_{name.upper()}": str(value) for name, value in values.items()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=ROOT, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
        )
        running.append(process)
        assert process.stdout is not None
        async with asyncio.timeout(90):
            while b'"event":"ready"' not in (line := await process.stdout.readline()).replace(b" ", b""):
                assert line, "the process ended before it was ready"
        return process

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def start_worker(generation: Generation) -> AsyncIterator[Callable[..., Awaitable[asyncio.Event]]]:
    """Start a worker in this process; answers the event that stops it."""
    running: list[tuple[asyncio.Task[bool], asyncio.Event, list[Backend]]] = []

    async def start(**overrides: Any) -> asyncio.Event:
        settings = generation.settings.model_copy(update={"worker_id": f"w-{uuid.uuid4().hex[:8]}", **overrides})
        stop, backends = asyncio.Event(), new_backends()
        task = asyncio.create_task(work(settings, backends, stop))
        running.append((task, stop, backends))
        async with asyncio.timeout(60):
            while not await generation.redis.exists(f"mg:worker:{settings.worker_id}"):
                assert not task.done(), task.result()
                await asyncio.sleep(0.01)
        stop.task = task  # type: ignore[attr-defined]
        return stop

    yield start
    for task, stop, backends in running:
        stop.set()
        await task
        for backend in backends:
            backend.close()


@pytest.fixture
async def worker(start_worker: Callable[..., Awaitable[asyncio.Event]]) -> asyncio.Event:
    return await start_worker()
