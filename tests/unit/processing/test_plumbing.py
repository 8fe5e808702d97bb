"""Sharing work, scratch folders and settings."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from services.processing.config import ProcessingSettings
from services.processing.heavy_work import HeavyWork
from services.processing.scratch import Scratch, full_disk_named
from services.processing.single_flight import SingleFlight
from services.processing.worker.job_run import _with_places
from services.shared.errors import AppError, ErrorCode, FieldViolation
from tests.support.timing import PATIENCE_SECONDS


async def test_callers_of_one_key_share_the_work() -> None:
    flights: SingleFlight[str, int] = SingleFlight(5.0)
    started = 0

    async def work() -> int:
        nonlocal started
        started += 1
        await asyncio.sleep(0.01)
        return started

    assert await asyncio.gather(flights.join("a", work), flights.join("a", work), flights.join("b", work)) == [2, 2, 2]
    assert await flights.join("a", work) == 3


async def test_failure_reaches_everybody_who_waits() -> None:
    flights: SingleFlight[str, int] = SingleFlight(5.0)

    async def work() -> int:
        await asyncio.sleep(0)
        raise AppError(ErrorCode.NOT_FOUND, "gone")

    results = await asyncio.gather(flights.join("a", work), flights.join("a", work), return_exceptions=True)
    assert [type(result) for result in results] == [AppError, AppError]


async def test_work_goes_on_while_somebody_waits() -> None:
    flights: SingleFlight[str, str] = SingleFlight(0.0)
    release = asyncio.Event()

    async def work() -> str:
        await release.wait()
        return "done"

    first, second = (asyncio.create_task(flights.join("a", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    release.set()
    assert await second == "done"


async def test_repeated_request_joins_the_work_that_outlived_its_first_caller() -> None:
    flights: SingleFlight[str, str] = SingleFlight(60.0)
    release = asyncio.Event()
    started = 0

    async def work() -> str:
        nonlocal started
        started += 1
        await release.wait()
        return "done"

    first = asyncio.create_task(flights.join("a", work))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    second = asyncio.create_task(flights.join("a", work))
    await asyncio.sleep(0)
    release.set()
    assert await second == "done"
    assert started == 1


async def test_abandoned_work_is_cancelled_and_a_newcomer_starts_anew() -> None:
    flights: SingleFlight[str, str] = SingleFlight(0.0)
    cancelled = asyncio.Event()

    async def slow_to_end() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
            await asyncio.sleep(0.02)
        return "never"

    async def quick() -> str:
        return "new"

    first = asyncio.create_task(flights.join("a", slow_to_end))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    await asyncio.wait_for(cancelled.wait(), 5.0)
    assert await flights.join("a", quick) == "new"


async def test_closing_ends_everything() -> None:
    flights: SingleFlight[str, None] = SingleFlight(60.0)

    async def work() -> None:
        await asyncio.Event().wait()

    waiting = asyncio.create_task(flights.join("a", work))
    await asyncio.sleep(0)
    await flights.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_work_that_is_cancelled_twice_has_ended_before_its_files_go() -> None:
    heavy = HeavyWork(1)
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work(check: Callable[[], None]) -> None:
        begun.set()
        may_end.wait(PATIENCE_SECONDS)
        ended.set()
        check()

    task = asyncio.create_task(heavy.run(work))
    assert await asyncio.to_thread(begun.wait, PATIENCE_SECONDS)
    # A cancel by its owner, and while it is obeyed a worker that is told to end.
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    heavy.close()


def test_scratch_folders_vanish(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, "me")
    with scratch.folder() as folder:
        (folder / "file").write_bytes(b"x")
    assert not folder.exists()
    scratch.close()
    scratch.close()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["guard"]


def test_scratch_of_a_killed_process_is_removed_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    living = Scratch(tmp_path, "living")
    program = (
        "import os, sys; from pathlib import Path; from services.processing.scratch import Scratch\n"
        "scratch = Scratch(Path(sys.argv[1]), 'killed'); (scratch._own / 'left').write_bytes(b'x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60)
    assert list(tmp_path.rglob("left"))
    newcomer = Scratch(tmp_path, "newcomer")
    assert newcomer.dead_owners == ["killed"]
    assert not list(tmp_path.rglob("left"))
    with living.folder() as folder:
        assert folder.is_dir()
    newcomer.close()
    living.close()


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, ErrorCode.STORAGE_FULL), (errno.EROFS, ErrorCode.UNAVAILABLE)]
)
def test_disk_trouble_is_named(number: int, code: ErrorCode) -> None:
    with pytest.raises(AppError) as raised, full_disk_named():
        raise OSError(number, os.strerror(number))
    assert raised.value.code is code


def test_other_trouble_stays_what_it_is() -> None:
    with pytest.raises(FileNotFoundError), full_disk_named():
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_lifeline_is_cut_by_the_parent_s_end() -> None:
    # In a process without threads: forking the tests' own, which has many, is not safe.
    program = """
import os
from services.processing.worker.lifeline import Lifeline
lifeline = Lifeline()
child = os.fork()
if child == 0:
    os._exit(0 if os.read(lifeline.reader(), 1) == b"" else 1)
lifeline.cut()
lifeline.cut()
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_PROCESSING_CONCURRENCY", "3")
    monkeypatch.setenv("MUSICGEN_PROCESSING_ADDRESS", "unix:/tmp/p.sock")
    settings = ProcessingSettings.load()
    assert (settings.concurrency, settings.address) == (3, "unix:/tmp/p.sock")
    monkeypatch.setenv("MUSICGEN_PROCESSING_CONCURRENCY", "0")
    with pytest.raises(AppError, match="MUSICGEN_PROCESSING_CONCURRENCY"):
        ProcessingSettings.load()


def test_worker_parent_holds_nothing_heavy() -> None:
    program = (
        "import sys, services.processing.worker.__main__\n"
        "print([name for name in ('grpc', 'numpy', 'soundfile', 'soxr', 'obstore') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_failure_of_a_job_names_a_place_only_where_one_has_to_be_looked_for() -> None:
    assert _with_places(AppError.field("/track_id", "The track is silent.")) == "The track is silent."
    found = _with_places(AppError.field("/tracks/0/offset", "This lies behind the end."))
    assert found == "/tracks/0/offset: This lies behind the end."
    both = [FieldViolation("/track_id", "Too short."), FieldViolation("/range/start", "Too late.")]
    wrong = AppError(ErrorCode.VALIDATION, "It cannot be made.", violations=both)
    assert _with_places(wrong) == "It cannot be made. Too short. /range/start: Too late."
