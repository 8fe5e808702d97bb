"""The limited child: what it may not do, and that it ends."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from services.processing.media import landlock, syscall_filter
from services.processing.media.sandbox import ROOT, Limits, Sandbox, TimeUp
from tests.support.timing import PATIENCE_SECONDS, check_promise

CHILD = "tests.support.sandboxed"
NEVER = lambda: None  # noqa: E731


def said(*arguments: str, limits: Limits | None = None) -> tuple[str, int | None]:
    with Sandbox([CHILD, *arguments], limits or Limits(), NEVER) as child:
        text = b"".join(child.output()).decode()
        return text.strip(), child.status


def test_what_it_says_arrives_whole() -> None:
    text, status = said("speak")
    assert (len(text), status) == (3_000_000, 0)


def test_memory_is_bounded() -> None:
    text, _ = said("eat")
    assert 0 < int(text) <= 256


def test_it_writes_no_file(tmp_path: Path) -> None:
    text, _ = said("write", str(tmp_path / "made"))
    assert text in (str(errno.EACCES), str(errno.EFBIG))  # no right to it, and no size for it


ALLOWED = {"read the given file", "start a thread", "load a library", "signal itself"}


@pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock")
def test_it_reaches_its_own_file_and_nothing_else(tmp_path: Path) -> None:
    given, other = tmp_path / "given" / "song.wav", tmp_path / "secrets" / "key.pem"
    for path in (given, other):
        path.parent.mkdir()
        path.write_bytes(b"x")
    text, status = said("reach", str(given), str(other), str(os.getpid()))
    came = dict(line.split(": ") for line in text.splitlines())
    assert status == 0
    assert {name for name, what in came.items() if what == "done"} == ALLOWED
    assert {what for name, what in came.items() if name not in ALLOWED} <= {str(errno.EPERM), str(errno.EACCES)}
    assert sorted(tmp_path.rglob("*")) == sorted({given, other, given.parent, other.parent})


def test_old_kernel_decodes_all_the_same_and_the_log_says_so_once() -> None:
    program = (
        "from services.processing.media.sandbox import Limits, Sandbox\n"
        "for _ in range(2):\n"
        f"    with Sandbox([{CHILD!r}, 'old-kernel'], Limits(), lambda: None) as child:\n"
        "        print(b''.join(child.output()).decode())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.count("still here") == 2, done.stderr
    assert done.stdout.count("sandbox_keeps_files") == 1
    assert done.stdout.count("sandbox_keeps_calls") == 1


@pytest.mark.parametrize("column", [0, 1])
def test_filter_of_calls_jumps_only_within_itself_and_names_no_call_twice(column: int) -> None:
    made = syscall_filter.program(0xC000_003E, column, process=1)
    assert len(made) < 4_096
    for place, (code, true, false, _) in enumerate(made):
        if code & 0x07 == 0x05:
            assert max(true, false) + place + 1 < len(made)
    asked = [value for code, _, _, value in made if code == 0x15]
    assert len(set(asked) - {0, 1}) == len([value for value in asked if value not in (0, 1)])


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="the system keeps namespaces to itself")
def test_it_reaches_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        text, _ = said("call", str(listener.getsockname()[1]))
    assert text.startswith("refused")


def test_it_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_SECRET", "x")
    text, _ = said("environment")
    assert "SECRET" not in text
    assert "PYTHONPATH" in text


def test_silence_ends_it() -> None:
    began = time.monotonic()
    with pytest.raises(TimeUp):
        said("sleep", limits=Limits(silent_seconds=1.0))
    check_promise(time.monotonic() - began, 5, "ending a silent child")


def test_start_may_take_longer_than_silence_later() -> None:
    heard = b""
    with (  # noqa: PT012
        pytest.raises(TimeUp),
        Sandbox([CHILD, "late"], Limits(first_seconds=30.0, silent_seconds=0.5), NEVER) as child,
    ):
        for data in child.output():
            heard += data
    assert heard.strip() == b"begun"


def test_start_that_never_ends_is_ended() -> None:
    with pytest.raises(TimeUp):
        said("spin", limits=Limits(first_seconds=0.2))


def test_child_that_closes_its_pipes_and_lives_on_is_ended_like_a_silent_one() -> None:
    with pytest.raises(TimeUp):
        said("closed", limits=Limits(silent_seconds=0.5))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
def test_network_that_could_not_be_left_is_told_once() -> None:
    program = (
        "from services.processing.media.sandbox import Limits, Sandbox\n"
        "for _ in range(2):\n"
        f"    with Sandbox([{CHILD!r}, 'exposed'], Limits(), lambda: None) as child:\n"
        "        list(child.output())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.count("sandbox_keeps_network") == 1, done.stderr


def test_idle_spinning_ends_by_itself() -> None:
    _, status = said("spin")
    assert status is not None
    assert status < 0


def test_crash_is_the_child_s_alone() -> None:
    assert said("crash") == ("", -11)


def test_check_that_raises_ends_it_at_once() -> None:
    asked = threading.Event()

    def check() -> None:
        if asked.is_set():
            raise InterruptedError

    with pytest.raises(InterruptedError), Sandbox([CHILD, "sleep"], Limits(), check) as child:  # noqa: PT012
        process = psutil.Process(child.pid)
        for _ in child.output():
            began = time.monotonic()
            asked.set()
    check_promise(time.monotonic() - began, 1, "ending a child whose check failed")
    assert not process.is_running()


def test_it_does_not_outlive_its_parent() -> None:
    program = (
        "import os, sys\n"
        "from services.processing.media.sandbox import Limits, Sandbox\n"
        f"with Sandbox([{CHILD!r}, 'sleep'], Limits(), lambda: None) as child:\n"
        "    next(child.output()); print(child.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.02)
