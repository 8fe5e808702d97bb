import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from services.standalone import orphan_watcher

STUBBORN = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
WILLING = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def groups() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    for code in (STUBBORN, WILLING):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
        assert process.stdout is not None
        process.stdout.readline()
        started.append(process)
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_groups_end_by_their_signal_or_by_force(groups: list[subprocess.Popen[bytes]]) -> None:
    orphan_watcher.end_groups({process.pid: signal.SIGTERM for process in groups}, grace_seconds=0.3)
    assert [process.wait(5) for process in groups] == [-signal.SIGKILL, -signal.SIGTERM]


def test_zombies_do_not_count_as_living(groups: list[subprocess.Popen[bytes]]) -> None:
    pid = groups[1].pid
    assert orphan_watcher.group_lives(pid)
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while orphan_watcher.group_lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not orphan_watcher.group_lives(pid)
    groups[1].wait()
    assert not orphan_watcher.group_lives(pid)


def test_watcher_ends_what_is_still_listed_when_its_pipe_closes(groups: list[subprocess.Popen[bytes]]) -> None:
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", orphan_watcher.__file__], stdin=subprocess.PIPE, start_new_session=True
    )
    stubborn, willing = groups
    watcher.communicate(
        f"+{stubborn.pid} {int(signal.SIGKILL)} 1\n+{willing.pid} {int(signal.SIGTERM)} 0\n-{willing.pid}\n\n".encode(),
        timeout=20,
    )
    assert stubborn.wait(5) == -signal.SIGKILL
    assert willing.poll() is None
