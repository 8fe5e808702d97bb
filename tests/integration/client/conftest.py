"""The client against a real gateway.

By default the gateway of `tests.support`; with MUSICGEN_TEST_URL set, the tests that need no driving from behind run
against that server instead.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from musicgen_client import Client

from tests.support.gateway_fixtures import backend, gateway, gateway_valkey_url
from tests.support.gateway_platform import Gateway

CLIENT_FOLDER = Path(__file__).parents[3] / "clients" / "python"

__all__ = ["backend", "gateway", "gateway_valkey_url"]


@pytest.fixture
def server_url(request: pytest.FixtureRequest) -> str:
    """Any server that speaks the API."""
    outside = os.environ.get("MUSICGEN_TEST_URL")
    if outside:
        return outside
    running: Gateway = request.getfixturevalue("gateway")
    return running.url


@pytest.fixture
def client(server_url: str) -> Iterator[Client]:
    """A client; calls block, so tests make them in threads: the gateway runs on the tests' own loop."""
    with Client(server_url) as made:
        yield made


@pytest.fixture
def new_name() -> str:
    return f"c{uuid.uuid4().hex[:12]}"


@pytest.fixture
def musicgen(server_url: str, tmp_path: Path) -> Callable[..., Any]:
    """Run the command as a process, with a configuration of its own, in an empty folder: (code, stdout, stderr)."""

    async def run(*arguments: str) -> tuple[int, str, str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CLIENT_FOLDER),
            "MUSICGEN_URL": server_url,
            "MUSICGEN_CONFIG_HOME": str(tmp_path / "config"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "musicgen_client.cli",
            *arguments,
            cwd=tmp_path,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, out.decode(), err.decode()

    return run
