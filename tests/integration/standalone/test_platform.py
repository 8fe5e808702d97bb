"""The whole platform as its supervisor sees it: real databases, real services, in one loop with the tests."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from services.shared.assets.store import AssetStore
from services.standalone.errors import StandaloneError
from services.standalone.instance import HOME_MARK, run
from services.standalone.log_sink import Console
from services.standalone.ports import free_port
from services.standalone.settings import CHECKOUT, StandaloneSettings

pytestmark = pytest.mark.integration
Eventually = Callable[..., Awaitable[None]]


@dataclass
class Running:
    settings: StandaloneSettings
    said: Path
    task: asyncio.Task[int]

    @property
    def text(self) -> str:
        return self.said.read_text()

    def process(self, module: str) -> psutil.Process | None:
        """The supervisor's own child that runs `module` (or the server of that name)."""
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                words = child.cmdline()
                if words and (words[-1] == module or module in words[0]) and self.owns(child):
                    return child
        return None

    def owns(self, process: psutil.Process) -> bool:
        """Whether it is this platform's; other fixtures of this session run servers of the same names."""
        home = self.settings.home
        return process.environ().get(HOME_MARK) == str(home) or Path(process.cwd()).is_relative_to(home)


def prepare_home(folder: Path) -> Path:
    """A home with the fetched files of the checkout, which the store takes over without a download."""
    home = folder / f"home-{folder.name}"
    checkout = AssetStore(CHECKOUT / "var" / "assets")
    for name in checkout.names(required=True):
        if not checkout.has(name):
            pytest.skip("the assets are not fetched: make assets")
        target = home / "assets" / name / checkout.spec(name).file
        target.parent.mkdir(parents=True)
        target.symlink_to(checkout.path(name))
    return home


@pytest.fixture(scope="module")
async def platform() -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory(prefix="mg-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        settings = StandaloneSettings.model_validate(
            {
                "home": prepare_home(folder),
                "port": free_port(),
                "log": "info",
                "generation_workers": 1,
                "min_free_mb": 0,
            }
        )
        with (folder / "said.txt").open("w") as stream:
            task = asyncio.create_task(run(settings, Console("info", stream)))
            running = Running(settings, folder / "said.txt", task)
            async with asyncio.timeout(120):
                while "Music Gen AI is ready" not in running.text and not task.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            if task.done():
                task.result()
            yield running
            if not task.done():
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.wait_for(task, 60)


async def healthy(settings: StandaloneSettings) -> bool:
    try:
        async with httpx.AsyncClient(timeout=3) as client:
            return (await client.get(f"{settings.url}/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def test_banner_says_where_it_is_who_administers_it_and_what_to_type(platform: Running) -> None:
    assert platform.settings.url in platform.text
    assert "user admin, password " in platform.text
    assert "musicgen generate" in platform.text
    assert not (platform.settings.home / "secrets" / "first_admin_password").exists()
    assert await healthy(platform.settings)


async def test_the_shown_password_signs_the_first_admin_in(platform: Running) -> None:
    password = platform.text.split("user admin, password ")[1].split()[0]
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.post(
            f"{platform.settings.url}/api/v1/auth/login", json={"identifier": "admin", "password": password}
        )
    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == "admin"


async def test_second_instance_on_this_home_is_refused_while_this_one_goes_on(platform: Running) -> None:
    with pytest.raises(StandaloneError, match=f"process {os.getpid()}"):
        await run(platform.settings, Console())
    assert await healthy(platform.settings)


@pytest.mark.parametrize("module", ["postgres", "valkey-server", "services.gateway", "services.user_management"])
async def test_killed_process_is_back_and_requests_recover_within_ten_seconds(
    platform: Running, module: str, eventually: Eventually
) -> None:
    process = platform.process(module)
    assert process is not None
    process.kill()
    await eventually(lambda: (found := platform.process(module)) is not None and found.pid != process.pid)
    async with asyncio.timeout(60):
        while not await healthy(platform.settings):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_death_of_a_worker_is_reported(platform: Running, eventually: Eventually) -> None:
    worker = platform.process("services.generation.worker")
    assert worker is not None
    worker_id = worker.environ()["MUSICGEN_GENERATION_WORKER_ID"]
    worker.kill()
    await eventually(lambda: f"reported the death of {worker_id}: 0" in platform.text, within=60)
    await eventually(lambda: platform.process("services.generation.worker"))
    replacement = platform.process("services.generation.worker")
    assert replacement is not None
    assert replacement.environ()["MUSICGEN_GENERATION_WORKER_ID"] != worker_id


async def test_full_logs_lie_in_the_home(platform: Running) -> None:
    names = {path.stem for path in (platform.settings.home / "logs").glob("*.log")}
    assert {"postgres", "user_management", "gateway", "generation", "generation-worker-1", "processing"} <= names


async def test_stop_leaves_no_process(platform: Running) -> None:
    ours = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.environ().get(HOME_MARK) == str(platform.settings.home):
                ours.append(child)
    assert len(ours) > 8
    # Without its handler the signal would end the tests themselves.
    assert not platform.task.done(), platform.text[-4000:]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(platform.task, 60) == 0
    gone, alive = psutil.wait_procs(ours, timeout=5)
    assert not alive
    assert len(gone) == len(ours)
    assert "Stopped." in platform.text
