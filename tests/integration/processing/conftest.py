"""A processing server in this process, Celery workers as their own, a real user_management, Valkey and storage."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import orjson
import psutil
import pytest
import soundfile
from redis.asyncio import Redis

from protos.processing.v1 import processing_pb2, processing_pb2_grpc
from protos.users.v1 import jobs_pb2, tracks_pb2
from services.processing.__main__ import serve
from services.processing.config import ProcessingSettings
from services.shared.grpc_client import call, open_channel
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey
from services.standalone.valkey import ValkeyServer
from tests.support.user_management import Person, UserManagement, eventually

ROOT = Path(__file__).parents[3]
RATE = 44_100
QUEUED, RUNNING = jobs_pb2.JOB_STATUS_QUEUED, jobs_pb2.JOB_STATUS_RUNNING


@dataclass
class Processing:
    """The service and a stub to call it, and one person who calls."""

    settings: ProcessingSettings
    users: UserManagement
    person: Person
    redis: Redis
    store: ObjectStore
    channel: grpc.aio.Channel = field(init=False)

    def __post_init__(self) -> None:
        self.channel = open_channel(self.settings.address, None)
        self.stub = processing_pb2_grpc.ProcessingServiceStub(self.channel)

    def token(self, person: Person | None = None) -> str:
        return self.users.token(person or self.person)

    async def track_of(self, master: Path, person: Person | None = None) -> tracks_pb2.Track:
        """A track whose master is a local file: what a generation job leaves."""
        owner = person or self.person
        queue = f"made-{uuid.uuid4().hex[:8]}"
        await self.users.create(owner, queue="generation")
        leased = await self.users.claim(worker_id=queue)
        assert leased is not None
        key = f"jobs/{leased.job.id}/{leased.fencing_token}/master{master.suffix}"
        await self.store.put_file(key, master)
        info = soundfile.info(master)
        content = tracks_pb2.TrackContent(
            title="A song",
            prompt="a tone",
            model="composer",
            seed=1,
            duration_seconds=info.duration,
            sample_rate_hz=info.samplerate,
            channels=info.channels,
            master_object_key=key,
            master_sha256="0" * 64,
            licence=tracks_pb2.Licence(name="CC0-1.0", commercial_use=True),
            model_revision="1",
            engine_version="1",
            runtime="numpy",
            precision="float32",
        )
        request = jobs_pb2.CompleteRequest(
            job_id=leased.job.id,
            lease_id=leased.lease_id,
            fencing_token=leased.fencing_token,
            tracks=[content],
            made_seconds=info.duration,
        )
        done = await call(self.users.jobs.Complete, request)
        found = await call(
            self.users.tracks.GetTrack,
            tracks_pb2.GetTrackRequest(track_id=done.job.track_ids[0]),
            token=self.token(owner),
        )
        return found.track

    async def submit(
        self, track: tracks_pb2.Track, *, kind: str = "convert", idempotency: Any = None, **fields: Any
    ) -> processing_pb2.SubmitResponse:
        usual = {"format": "flac"} if kind == "convert" else {}
        body = {"track_id": track.id} | usual | fields
        request = processing_pb2.SubmitRequest(
            kind=kind, request_json=orjson.dumps(body).decode(), idempotency=idempotency
        )
        return await call(self.stub.Submit, request, token=self.token())

    async def job(self, job_id: str, wait_seconds: float = 0) -> jobs_pb2.Job:
        return await self.users.get(self.person, job_id, wait_seconds)

    async def ended(self, job_id: str, within: float = 60.0) -> jobs_pb2.Job:
        """The job after its end."""

        async def look() -> jobs_pb2.Job | None:
            job = await self.job(job_id, wait_seconds=1.0)
            return None if job.status in (QUEUED, RUNNING) else job

        return await eventually(look, within=within, what="the job's end")

    async def started(self, job_id: str, progress: float = 0.0) -> jobs_pb2.Job:
        """The job once it runs (and has come so far)."""

        async def look() -> jobs_pb2.Job | None:
            job = await self.job(job_id)
            return job if job.status == RUNNING and job.progress >= progress else None

        return await eventually(look, within=60.0, what="the job's start")

    async def cancel(self, job_id: str) -> None:
        await call(self.users.jobs.Cancel, jobs_pb2.CancelRequest(job_id=job_id), token=self.token())


class Worker:
    """`python -m services.processing.worker` as its own process, with its log."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.lines: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.processing.worker"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self.lines.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                self.lines.append({"event": "plain", "text": line.decode(errors="replace")})

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in list(self.lines) if line.get("event") == event]

    async def until(self, event: str, times: int = 1, within: float = 60.0) -> list[dict[str, Any]]:
        async def look() -> list[dict[str, Any]] | None:
            found = self.logged(event)
            return found if len(found) >= times else None

        return await eventually(look, within=within, what=f"{event} in the log: {self.lines}")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def kill(self) -> None:
        """End it and its children the quick way."""
        if self.process.poll() is None:
            for child in self.children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            self.process.kill()
        self.process.wait(10)
        self._reader.join(5)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(15)
        self._reader.join(5)
        return code


@pytest.fixture
async def processing(
    user_management: UserManagement, servers_folder: Path, tmp_path: Path
) -> AsyncIterator[Processing]:
    settings = ProcessingSettings(
        address=f"unix:{servers_folder}/pr-{uuid.uuid4().hex[:8]}.sock",
        users_address=user_management.address,
        redis_url=user_management.settings.redis_url,
        storage_url=user_management.settings.storage_url,
        secrets_dir=user_management.settings.secrets_dir,
        scratch_dir=tmp_path / "scratch",
    )
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, stop))
    redis = open_valkey(settings.redis_url)
    person = await user_management.sign_up()
    service = Processing(settings, user_management, person, redis, ObjectStore.from_url(settings.storage_url))
    await service.channel.channel_ready()
    yield service
    await service.channel.close()
    await redis.aclose()
    stop.set()
    await serving


@pytest.fixture
def start_worker(processing: Processing) -> Iterator[Callable[..., Worker]]:
    """Start a worker of the tests' own; it is stopped at the end."""
    workers: list[Worker] = []

    def start(**overrides: str) -> Worker:
        settings = processing.settings
        values = {
            "USERS_ADDRESS": settings.users_address,
            "REDIS_URL": settings.redis_url,
            "STORAGE_URL": settings.storage_url,
            "SECRETS_DIR": str(settings.secrets_dir),
            "SCRATCH_DIR": str(settings.scratch_dir),
            "LOG_FORMAT": "json",
            **overrides,
        }
        workers.append(Worker({f"MUSICGEN_PROCESSING_{name}": value for name, value in values.items()}))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


@pytest.fixture
async def worker(start_worker: Callable[..., Worker]) -> Worker:
    """A worker that is ready."""
    started = start_worker()
    await started.until("ready")
    await started.until("child_ready")
    return started


@pytest.fixture
def other_valkey_url(servers_folder: Path) -> Iterator[str]:
    """A Valkey that user_management does not ring."""
    server = ValkeyServer(servers_folder / f"valkey-{uuid.uuid4().hex[:8]}", durable=False)
    server.start()
    yield server.url()
    server.stop()


@pytest.fixture
def short_master(tmp_path: Path) -> Path:
    """Two seconds of a chord."""
    time_seconds = np.arange(2 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * hz * time_seconds) for hz in (220.0, 277.18, 329.63)) / 5
    path = tmp_path / "short.flac"
    soundfile.write(path, np.stack([chord, chord * 0.5], axis=1), RATE, subtype="PCM_24")
    return path


@pytest.fixture(scope="session")
def long_master(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes at 8 kHz, mono: cheap as MP3, which is made ahead; as Opus (48 kHz) some seconds of work."""
    path = tmp_path_factory.mktemp("long") / "long.flac"
    block = 0.2 * np.sin(2 * np.pi * 220 * np.arange(8_000 * 10) / 8_000)
    with soundfile.SoundFile(path, "w", 8_000, 1, subtype="PCM_24") as file:
        for _ in range(24):
            file.write(block)
    return path


@pytest.fixture
def elapsed() -> Callable[[], float]:
    """Seconds since the test began."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
