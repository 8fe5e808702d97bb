"""Pulls as jobs: an administrator asks, the server fetches, the ledger knows how it ended."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from protos.generation.v1 import generation_pb2
from protos.users.v1 import jobs_pb2
from services.generation.__main__ import serve
from services.generation.backends.musicgen import MusicGenBackend
from services.generation.backends.protocol import BackendEnvironment
from services.generation.pulls import puller as pulling
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from tests.support.file_server import FileServer
from tests.support.timing import PATIENCE_SECONDS
from tests.support.user_management import eventually

from .conftest import COMMIT, REPOSITORY

pytestmark = pytest.mark.integration

MODEL = "musicgen-small"
WEIGHTS = f"/{REPOSITORY}/resolve/{COMMIT}/model.safetensors"


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the child process that judges the model: it takes seconds, and is another test's."""
    monkeypatch.setattr(pulling, "_check", lambda gathering, models_dir, progress: None)


@pytest.fixture
async def boss(caller: Any) -> Any:
    """An administrator."""
    person = await caller.users.sign_up()
    return lambda: caller.users.token(person, role="admin")


@asynccontextmanager
async def serving(caller: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A server whose catalogue knows one source."""
    catalogue = tmp_path / "models.yaml"
    catalogue.write_text(f'models:\n  {MODEL}: {{ source: "hf:{REPOSITORY}@main" }}\n')
    settings = caller.settings.model_copy(update={"models_file": catalogue, "models_dir": tmp_path / "models"})
    backend = MusicGenBackend(BackendEnvironment(settings.models_dir, tmp_path))
    stop = asyncio.Event()
    server = asyncio.create_task(serve(settings, [backend], stop))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await caller.channel.channel_ready()
        yield caller
    finally:
        stop.set()
        await server
        backend.close()


async def pull(caller: Any, token: str, model: str = MODEL) -> jobs_pb2.Job:
    return (await call(caller.stub.PullModel, generation_pb2.PullModelRequest(model_id=model), token=token)).job


async def status_of(caller: Any, job: jobs_pb2.Job, token: str) -> jobs_pb2.Job:
    return (await call(caller.users.jobs.Get, jobs_pb2.GetRequest(job_id=job.id), token=token)).job


async def ended(caller: Any, job: jobs_pb2.Job, token: Callable[[], str]) -> jobs_pb2.Job:
    request = jobs_pb2.GetRequest(job_id=job.id, wait_seconds=60)
    return (await call(caller.users.jobs.Get, request, token=token(), timeout=PATIENCE_SECONDS + 5)).job


async def test_pulled_model_is_in_the_catalogue_and_can_be_removed(
    caller: Any, boss: Any, tmp_path: Path, checkpoint: Path, publish: Any
) -> None:
    publish(checkpoint)
    async with serving(caller, tmp_path):
        before = (await caller.models())[MODEL]
        assert (before.installed, before.can_pull, before.can_remove) == (False, True, False)
        job = await ended(caller, await pull(caller, boss()), boss)
        assert job.status == jobs_pb2.JOB_STATUS_SUCCEEDED, job.error
        assert (job.kind, job.queue, orjson.loads(job.request_json)["model"]) == ("pull_model", "models", MODEL)
        assert orjson.loads(job.result_json)["revision"] == COMMIT
        request = generation_pb2.GetModelRequest(model_id=MODEL)
        model = (await call(caller.stub.GetModel, request, token=boss())).model
        assert (model.installed, model.can_pull, model.can_remove) == (True, False, True)
        with pytest.raises(AppError) as caught:
            await pull(caller, boss())
        assert caught.value.code is ErrorCode.CONFLICT
        await call(caller.stub.RemoveModel, generation_pb2.RemoveModelRequest(model_id=MODEL), token=boss())
        after = (await call(caller.stub.GetModel, request, token=boss())).model
        assert (after.installed, after.can_pull) == (False, True)


async def test_only_administrators_pull_and_remove(caller: Any, boss: Any, tmp_path: Path) -> None:
    async with serving(caller, tmp_path):
        for token in (caller.token(), caller.users.token(caller.person, role="moderator")):
            for method, request in (
                (caller.stub.PullModel, generation_pb2.PullModelRequest(model_id=MODEL)),
                (caller.stub.RemoveModel, generation_pb2.RemoveModelRequest(model_id=MODEL)),
            ):
                with pytest.raises(AppError) as caught:
                    await call(method, request, token=token)
                assert caught.value.code is ErrorCode.FORBIDDEN
        for model, code in (
            ("musicgen-large", ErrorCode.NOT_FOUND),
            ("nonsense", ErrorCode.NOT_FOUND),
            ("musicgen-debug", ErrorCode.CONFLICT),
        ):
            with pytest.raises(AppError) as caught:
                await pull(caller, boss(), model)
            assert caught.value.code is code
        for model, code in (("musicgen-large", ErrorCode.NOT_FOUND), ("musicgen-debug", ErrorCode.CONFLICT)):
            request = generation_pb2.RemoveModelRequest(model_id=model)
            with pytest.raises(AppError) as caught:
                await call(caller.stub.RemoveModel, request, token=boss())
            assert caught.value.code is code


async def test_failed_pull_says_why_and_may_be_asked_for_again(
    caller: Any, boss: Any, tmp_path: Path, checkpoint: Path, publish: Any, files: FileServer
) -> None:
    publish(checkpoint)
    weights = files.files[WEIGHTS]
    files.files[WEIGHTS] = weights[:-1] + bytes([weights[-1] ^ 1])
    async with serving(caller, tmp_path):
        job = await ended(caller, await pull(caller, boss()), boss)
        assert job.status == jobs_pb2.JOB_STATUS_FAILED
        assert "damaged" in job.error.message
        files.files[WEIGHTS] = weights
        assert (await ended(caller, await pull(caller, boss()), boss)).status == jobs_pb2.JOB_STATUS_SUCCEEDED


async def test_cancelled_pull_ends_and_leaves_nothing(
    caller: Any, boss: Any, tmp_path: Path, checkpoint: Path, publish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(checkpoint)
    _check_for_ever(monkeypatch)
    async with serving(caller, tmp_path):
        job = await pull(caller, boss())
        gathering = tmp_path / "models" / ".pulling" / MODEL
        await eventually(lambda: _holds(gathering / "model.safetensors"), what="the weights")
        await call(caller.users.jobs.Cancel, jobs_pb2.CancelRequest(job_id=job.id), token=boss())
        assert (await ended(caller, job, boss)).status == jobs_pb2.JOB_STATUS_CANCELLED
        assert not gathering.exists()


async def test_server_that_stops_hands_the_pull_back_and_the_next_one_goes_on(
    caller: Any, boss: Any, tmp_path: Path, checkpoint: Path, publish: Any, files: FileServer
) -> None:
    publish(checkpoint)
    with pytest.MonkeyPatch.context() as patched:
        _check_for_ever(patched)
        async with serving(caller, tmp_path):
            job = await pull(caller, boss())
            await eventually(
                lambda: _holds(tmp_path / "models" / ".pulling" / MODEL / "model.safetensors"), what="the weights"
            )
    found = await status_of(caller, job, boss())
    assert (found.status, found.attempts) == (jobs_pb2.JOB_STATUS_QUEUED, 0)
    files.requests.clear()
    async with serving(caller, tmp_path):
        assert (await ended(caller, job, boss)).status == jobs_pb2.JOB_STATUS_SUCCEEDED
    assert WEIGHTS not in [path for path, _, _ in files.requests], "what is here is not fetched again"


def _check_for_ever(patched: pytest.MonkeyPatch) -> None:
    def check(gathering: Path, models_dir: Path, progress: Callable[[float, str], None]) -> None:
        pause = threading.Event()
        while True:
            progress(0.95, "checking the model")
            pause.wait(0.01)

    patched.setattr(pulling, "_check", check)


def _holds(path: Path) -> Awaitable[bool]:
    async def look() -> bool:
        return await asyncio.to_thread(path.exists)

    return look()
