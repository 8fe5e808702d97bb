"""The shared cache of compiled kernels: what one process saves is what every process reads."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

from services.shared.kernel_cache import share_kernel_cache

PROCESSES = 8
KERNELS = 6


def save_from_everywhere(folder: Path, stamp: str) -> None:
    """Every thread stands for a process: an object of its own, files opened by itself."""
    start = threading.Barrier(PROCESSES)

    def save(process: int) -> None:
        cache = IndexDataCacheFile(str(folder), "kernel", stamp)
        start.wait(30)
        for kernel in range(KERNELS):
            cache.save((process, kernel), f"{stamp} {process} {kernel}")

    threads = [threading.Thread(target=save, args=(process,)) for process in range(PROCESSES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.mark.parametrize("repeat", range(3))
def test_kernels_saved_at_the_same_time_are_all_there_and_each_itself(repeat: int, tmp_path: Path) -> None:
    share_kernel_cache()
    # The second source makes all files of the first one stale, and reuses their names.
    for stamp in ("first", "second"):
        save_from_everywhere(tmp_path, stamp)
        reader = IndexDataCacheFile(str(tmp_path), "kernel", stamp)
        for process in range(PROCESSES):
            for kernel in range(KERNELS):
                assert reader.load((process, kernel)) == f"{stamp} {process} {kernel}"


def test_sharing_twice_locks_once() -> None:
    share_kernel_cache()
    before = IndexDataCacheFile.save
    share_kernel_cache()
    assert IndexDataCacheFile.save is before


def test_folder_that_cannot_be_locked_is_read_all_the_same(tmp_path: Path) -> None:
    share_kernel_cache()
    assert IndexDataCacheFile(str(tmp_path / "not there"), "kernel", "stamp").load("key") is None
    (tmp_path / "kernels.lock").mkdir()
    cache = IndexDataCacheFile(str(tmp_path), "kernel", "stamp")
    cache.save("key", "code")
    assert cache.load("key") == "code"


def test_lock_that_a_stopped_process_holds_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_kernel_cache()
    monkeypatch.setattr("services.shared.kernel_cache._WAIT_SECONDS", 0.05)
    with (tmp_path / "kernels.lock").open("ab") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        cache = IndexDataCacheFile(str(tmp_path), "kernel", "stamp")
        cache.save("key", "code")
        assert cache.load("key") == "code"
