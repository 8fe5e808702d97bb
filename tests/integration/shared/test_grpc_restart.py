"""A service that was killed and started again is reachable again within about a second."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protos.users.v1 import jobs_pb2, jobs_pb2_grpc
from services.shared import grpc_client
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call, call_blocking, open_channel, open_sync_channel
from services.shared.identity import ServiceTokenSource
from services.shared.secrets import Secrets, create_missing
from tests.support.timing import PATIENCE_SECONDS, check_promise

REPOSITORY = Path(__file__).parents[3]


class EchoProcess:
    """`echo_server.py` at one address, killed and started at will."""

    def __init__(self, address: str, secrets_dir: Path) -> None:
        self.address = address
        self._command = [sys.executable, str(Path(__file__).with_name("echo_server.py")), address, str(secrets_dir)]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={"PYTHONPATH": str(REPOSITORY)},
        )
        assert self._process.stdout is not None
        while "serving" not in (line := self._process.stdout.readline()):
            assert line, "the server ended at start"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@pytest.fixture
def secrets_dir(tmp_path: Path) -> Path:
    create_missing(tmp_path)
    return tmp_path


@pytest.fixture
def echo(short_dir: Path, secrets_dir: Path) -> Iterator[EchoProcess]:
    process = EchoProcess(f"unix:{short_dir}/echo.sock", secrets_dir)
    process.start()
    yield process
    process.kill()


async def test_killed_service_is_reachable_soon_after_it_is_back(echo: EchoProcess, secrets_dir: Path) -> None:
    token = ServiceTokenSource("test", Secrets(secrets_dir).service_token_key()).token
    request = jobs_pb2.GetRequest(job_id="x")
    async with open_channel(echo.address, token) as channel:
        stub = jobs_pb2_grpc.JobServiceStub(channel)
        await call(stub.Get, request)
        for _ in range(2):
            await asyncio.to_thread(echo.kill)
            down_until = time.monotonic() + 1.5
            while time.monotonic() < down_until:
                with pytest.raises(AppError) as caught:
                    await call(stub.Get, request, timeout=0.2)
                assert caught.value.code in {ErrorCode.UNAVAILABLE, ErrorCode.DEADLINE_EXCEEDED}
                await asyncio.sleep(0.02)
            await asyncio.to_thread(echo.start)
            started = time.monotonic()
            await call(stub.Get, request, timeout=10, retries=1_000)
            # Backoff ends at 1 s with 20 % of jitter; the rest is for a busy machine.
            check_promise(time.monotonic() - started, 3, "the first answer after the start")


async def test_call_that_never_left_waits_for_the_connection_although_it_may_not_run_twice(
    echo: EchoProcess, secrets_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = ServiceTokenSource("test", Secrets(secrets_dir).service_token_key()).token
    async with open_channel(echo.address, token) as channel:
        stub = jobs_pb2_grpc.JobServiceStub(channel)
        await call(stub.Get, jobs_pb2.GetRequest(job_id="x"))
        await asyncio.to_thread(echo.kill)
        monkeypatch.setattr(grpc_client, "CONNECTION_PATIENCE_SECONDS", PATIENCE_SECONDS)
        waiting = asyncio.create_task(call(stub.Get, jobs_pb2.GetRequest(job_id="x")))
        await asyncio.to_thread(echo.start)
        await waiting
        await asyncio.to_thread(echo.kill)
        monkeypatch.setattr(grpc_client, "CONNECTION_PATIENCE_SECONDS", 0.2)
        with pytest.raises(AppError) as caught:
            await call(stub.Get, jobs_pb2.GetRequest(job_id="x"))
        assert caught.value.code is ErrorCode.UNAVAILABLE


async def test_repeated_call_bridges_a_restart(echo: EchoProcess, secrets_dir: Path) -> None:
    token = ServiceTokenSource("test", Secrets(secrets_dir).service_token_key()).token
    request = jobs_pb2.GetRequest(job_id="x")
    async with open_channel(echo.address, token) as channel:
        stub = jobs_pb2_grpc.JobServiceStub(channel)
        await asyncio.to_thread(echo.kill)
        calling = asyncio.create_task(call(stub.Get, request, timeout=20, retries=1_000))
        await asyncio.to_thread(echo.start)
        assert (await calling).job.id == "x"


def test_threads_reconnect_too(echo: EchoProcess, secrets_dir: Path) -> None:
    token = ServiceTokenSource("test", Secrets(secrets_dir).service_token_key()).token
    request = jobs_pb2.GetRequest(job_id="x")
    with open_sync_channel(echo.address, token) as channel:
        stub = jobs_pb2_grpc.JobServiceStub(channel)
        call_blocking(stub.Get, request)
        echo.kill()
        with pytest.raises(AppError):
            call_blocking(stub.Get, request, timeout=0.2)
        echo.start()
        assert call_blocking(stub.Get, request, timeout=20, retries=1_000).job.id == "x"
