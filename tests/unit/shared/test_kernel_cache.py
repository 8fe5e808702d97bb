"""The shared cache of compiled kernels: what one process saves is what every process reads."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest
from numba.core.caching import IndexDataCacheFile

from services.shared.kernel_cache import folder_of_kernels, forget_other_kernels, share_kernel_cache

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


def sources(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / "services" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "services"


def test_kernels_lie_elsewhere_once_something_that_was_compiled_into_them_has_changed(tmp_path: Path) -> None:
    services = sources(tmp_path, a__kernel="from numba import njit", a__constants="GROUP = 128", b__plain="x = 1")
    cache = tmp_path / "cache"
    first = folder_of_kernels(cache, services)
    assert first.parent == cache
    sources(tmp_path, b__plain="x = 2")
    assert folder_of_kernels(cache, services) == first, "no kernel stands beside it"
    sources(tmp_path, a__constants="GROUP = 64")
    second = folder_of_kernels(cache, services)
    sources(tmp_path, a__another="")
    assert len({first, second, folder_of_kernels(cache, services)}) == 3


def test_kernels_of_other_sources_go(tmp_path: Path) -> None:
    current, other = tmp_path / "numba" / "new", tmp_path / "numba" / "old"
    forget_other_kernels(current)  # nothing is there yet
    for folder in (current, other):
        (folder / "mix").mkdir(parents=True)
        (folder / "mix" / "kernel.nbi").write_bytes(b"")
    forget_other_kernels(current)
    assert [folder.name for folder in (tmp_path / "numba").iterdir()] == ["new"]
    assert (current / "mix" / "kernel.nbi").exists()
