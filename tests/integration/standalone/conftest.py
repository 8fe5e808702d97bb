"""Short folders for sockets, and small real programs for the supervisor to look after."""

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from services.standalone.log_sink import Console
from services.standalone.privileges import Identity
from services.standalone.program import ChildSpec
from services.standalone.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A private folder whose path leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="mg-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Script:
    """A Python program given as text; says `ready` in its log where the text says so. Counts its starts."""

    stop_signal = signal.SIGTERM
    identity = Identity()

    def __init__(self, code: str, *arguments: object) -> None:
        self.code = code
        self.arguments = [str(argument) for argument in arguments]
        self.starts = 0

    def prepare(self) -> None:
        self.starts += 1

    def command(self) -> list[str]:
        return [sys.executable, "-I", "-S", "-u", "-c", self.code, str(self.starts), *self.arguments]

    def environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin"}

    def is_ready(self, pid: int) -> bool:
        return False


READY = 'print(\'{"event": "ready", "level": "info"}\')\n'
SERVE = "import time, sys\n" + READY + "time.sleep(600)\n"


@pytest.fixture
def script() -> Callable[..., Script]:
    """`script(code, *arguments)`; without code: one that serves until it is stopped."""

    def make(code: str = SERVE, *arguments: object) -> Script:
        return Script(code.replace("READY", READY), *arguments)

    return make


@pytest.fixture
async def supervise(short_folder: Path) -> AsyncIterator[Callable[..., Supervisor]]:
    """`supervise(spec, …)` makes a supervisor that is stopped at the end; what it says goes to `said.txt`."""
    made: list[Supervisor] = []
    lock = (short_folder / "lock").open("wb")
    said = (short_folder / "said.txt").open("w")

    def make(*specs: ChildSpec) -> Supervisor:
        supervisor = Supervisor(specs, short_folder, Console("debug", said), lock.fileno())
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        await supervisor.stop()
    lock.close()
    said.close()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """`await eventually(lambda: …, within=60)`: polls until it is true."""

    async def wait(condition: Callable[[], object], within: float = 60.0) -> None:
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 — what is waited for happens in other processes
                await asyncio.sleep(0.01)

    return wait
