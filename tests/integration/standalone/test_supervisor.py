import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from services.standalone import supervisor as supervisor_module
from services.standalone.errors import StandaloneError
from services.standalone.program import ChildSpec
from services.standalone.supervisor import Supervisor
from tests.support.timing import promised

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
Supervise = Callable[..., Supervisor]
Eventually = Callable[..., Awaitable[None]]
Driven = tuple[asyncio.subprocess.Process, list[int]]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_start_returns_when_every_child_serves(supervise: Supervise, script: Any) -> None:
    supervisor = supervise(ChildSpec("a", script(), 1), ChildSpec("b", script(), 2))
    await supervisor.start()
    assert alive(supervisor.pid("a") or 0)
    assert alive(supervisor.pid("b") or 0)


async def test_child_waits_for_those_before_it(supervise: Supervise, script: Any, short_folder: Path) -> None:
    first = script(
        "import pathlib,sys,time\ntime.sleep(0.3)\npathlib.Path(sys.argv[2]).touch()\nREADY\ntime.sleep(600)"
    )
    first.arguments = [str(short_folder / "mark")]
    second = script("import os,sys\nassert os.path.exists(sys.argv[2])\nREADY\nimport time;time.sleep(600)")
    second.arguments = first.arguments
    supervisor = supervise(ChildSpec("second", second, 2, after=("first",)), ChildSpec("first", first, 1))
    await supervisor.start()
    assert second.starts == 1


async def test_killed_child_is_back_within_a_second_with_its_death_told(
    supervise: Supervise, script: Any, eventually: Eventually
) -> None:
    program, deaths = script(), []
    supervisor = supervise(ChildSpec("a", program, 1, on_death=deaths.append))
    await supervisor.start()
    supervisor.mark_started()
    killed = supervisor.pid("a") or 0
    os.kill(killed, signal.SIGKILL)
    await eventually(lambda: supervisor.pid("a") not in {None, killed}, within=60)
    assert deaths == [program]
    assert program.starts == 2


async def test_what_a_dead_child_had_forked_goes_with_it(
    supervise: Supervise, script: Any, short_folder: Path, eventually: Eventually
) -> None:
    code = (
        "import os,sys,time\nchild=os.fork()\n"
        "if child: open(sys.argv[2],'w').write(str(child)); READY; time.sleep(600)\n"
        "time.sleep(600)"
    )
    program = script(code.replace("READY; ", 'print(\'{"event": "ready"}\');'), short_folder / "pid")
    supervisor = supervise(ChildSpec("a", program, 1))
    await supervisor.start()
    supervisor.mark_started()
    grandchild = int((short_folder / "pid").read_text())
    os.kill(supervisor.pid("a") or 0, signal.SIGKILL)
    await eventually(lambda: not alive(grandchild), within=60)


async def test_child_that_fails_at_every_start_ends_the_platform_with_its_last_words(
    supervise: Supervise, script: Any
) -> None:
    broken = script("import sys\nsys.exit('the key file is missing')")
    supervisor = supervise(ChildSpec("good", script(), 1), ChildSpec("broken", broken, 2))
    with pytest.raises(StandaloneError, match=r"broken fails at every start \(status 1\)") as caught:
        await supervisor.start()
    assert "the key file is missing" in str(caught.value)
    assert "broken.log" in str(caught.value)
    assert broken.starts == 5
    good = supervisor.pid("good") or 0
    await supervisor.stop()
    assert not alive(good)


async def test_child_that_recovers_after_some_failed_starts_is_accepted(supervise: Supervise, script: Any) -> None:
    program = script("import sys,time\nif int(sys.argv[1]) < 4: sys.exit(1)\nREADY\ntime.sleep(600)")
    await supervise(ChildSpec("a", program, 1)).start()
    assert program.starts == 4


async def test_after_the_start_nothing_that_dies_ends_the_platform(
    supervise: Supervise, script: Any, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.standalone.restart_policy.MAX_DELAY_SECONDS", 0.1)
    code = "import sys,time\nif int(sys.argv[1]) > 1: sys.exit(1)\nREADY\ntime.sleep(600)"
    program = script(code)
    supervisor = supervise(ChildSpec("a", program, 1), ChildSpec("b", script(), 1))
    await supervisor.start()
    supervisor.mark_started()
    os.kill(supervisor.pid("a") or 0, signal.SIGKILL)
    await eventually(lambda: program.starts > 8, within=60)
    assert alive(supervisor.pid("b") or 0)


async def test_refusal_before_the_first_start_is_not_repeated(supervise: Supervise, script: Any) -> None:
    program = script()

    def refuse() -> None:
        program.starts += 1
        raise StandaloneError("made by PostgreSQL 17")

    program.prepare = refuse
    with pytest.raises(StandaloneError, match="made by PostgreSQL 17"):
        await supervise(ChildSpec("a", program, 1)).start()
    assert program.starts == 1


async def test_child_that_never_serves_is_named(
    supervise: Supervise, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "READY_SECONDS", 0.5)
    silent = script("import time\nprint('thinking')\ntime.sleep(600)")
    with pytest.raises(StandaloneError, match="silent did not become ready"):
        await supervise(ChildSpec("silent", silent, 1)).start()


async def test_stop_goes_from_the_edge_to_the_databases(supervise: Supervise, script: Any, short_folder: Path) -> None:
    code = (
        "import signal,sys,time\n"
        "def stop(*_):\n    time.sleep(0.2)\n    open(sys.argv[2],'a').write(sys.argv[3]); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\nREADY\ntime.sleep(600)"
    )
    order = short_folder / "order"
    specs = [ChildSpec(name, script(code, order, name), stage) for stage, name in enumerate("abc")]
    supervisor = supervise(*specs)
    await supervisor.start()
    await supervisor.stop()
    assert order.read_text() == "cba"


async def test_child_that_ignores_the_stop_is_killed(
    supervise: Supervise, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "STOP_SECONDS", 0.3)
    stubborn = script("import signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nREADY\ntime.sleep(600)")
    supervisor = supervise(ChildSpec("a", stubborn, 1))
    await supervisor.start()
    pid = supervisor.pid("a") or 0
    await supervisor.stop()
    assert not alive(pid)


async def test_kill_ends_everything_at_once(supervise: Supervise, script: Any, eventually: Eventually) -> None:
    stubborn = script("import signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nREADY\ntime.sleep(600)")
    supervisor = supervise(ChildSpec("a", stubborn, 1))
    await supervisor.start()
    pid = supervisor.pid("a") or 0
    supervisor.kill()
    with promised(5, "ending everything"):
        await supervisor.stop()
    assert not alive(pid)


async def test_stop_during_the_start_leaves_nothing(supervise: Supervise, script: Any, eventually: Eventually) -> None:
    slow = script("import time\ntime.sleep(600)")
    supervisor = supervise(ChildSpec("slow", slow, 1), ChildSpec("later", script(), 2, after=("slow",)))
    starting = asyncio.create_task(supervisor.start())
    await eventually(lambda: supervisor.pid("slow"))
    pid = supervisor.pid("slow") or 0
    starting.cancel()
    await supervisor.stop()
    assert not alive(pid)


async def test_whole_log_is_kept_in_a_file(supervise: Supervise, script: Any, short_folder: Path) -> None:
    await supervise(
        ChildSpec("a", script("import time\nprint('x'*2_000_000)\nprint('after')\nREADY\ntime.sleep(600)"), 1)
    ).start()
    assert "after" in (short_folder / "a.log").read_text()


DRIVER = """
import asyncio, sys
from pathlib import Path
from services.standalone.home import DataDirectory
from services.standalone.log_sink import Console
from services.standalone.program import ChildSpec
from services.standalone.supervisor import Supervisor
from tests.integration.standalone.conftest import SERVE, Script

async def main():
    home = DataDirectory(Path(sys.argv[1])); home.open(0)
    stubborn = "import signal\\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\\n" + SERVE
    supervisor = Supervisor([ChildSpec("a", Script(SERVE), 1), ChildSpec("b", Script(stubborn), 2)], Path(sys.argv[1]),
                            Console(), home.lock_descriptor)
    await supervisor.start()
    print(supervisor.pid("a"), supervisor.pid("b"), supervisor._watcher.pid, flush=True)
    await supervisor.failure()

asyncio.run(main())
"""


@pytest.fixture
async def driven(short_folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int]]]:
    """A supervisor in a process of its own, and the pids of its two children and its watcher."""
    driver = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DRIVER, str(short_folder), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert driver.stdout is not None
    line = await asyncio.wait_for(driver.stdout.readline(), 60)
    yield driver, [int(word) for word in line.split()]
    if driver.returncode is None:
        driver.kill()
        await driver.wait()


async def test_killed_supervisor_leaves_no_children_and_holds_its_home_until_they_are_gone(
    short_folder: Path, driven: Driven
) -> None:
    from services.standalone.home import DataDirectory

    driver, pids = driven
    driver.kill()
    await driver.wait()
    # The next start waits for the cleaning, then has the home to itself.
    home = DataDirectory(short_folder)
    await asyncio.to_thread(home.open, 0)
    assert not any(alive(pid) for pid in pids[:2])
    home.close()


async def test_killed_orphan_watcher_is_replaced(driven: Driven, eventually: Eventually) -> None:
    driver, pids = driven
    os.kill(pids[2], signal.SIGKILL)

    def replaced() -> bool:
        for child in psutil.Process(driver.pid).children():
            with contextlib.suppress(psutil.Error):
                if child.pid != pids[2] and "orphan_watcher" in " ".join(child.cmdline()):
                    return True
        return False

    await eventually(replaced)
    driver.kill()
    await driver.wait()
    await eventually(lambda: not any(alive(pid) for pid in pids[:2]))
