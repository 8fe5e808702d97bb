"""numba's cache of compiled kernels, shared by processes that compile at the same time.

numba (0.68, `core/caching.py`) reads an index, chooses the next free file name, writes the index and then the file. Two
processes that meet there give the same name to two kernels, and whoever reads it later runs machine code that was made
for other arguments: a wrong result or a segmentation fault (numba issues 4807 and 10128). Here that is done under a
lock of the folder, which readers share.

And numba makes a kernel anew when the file in which it stands has changed, not when one has whose functions were
compiled into it. So a cache that outlives an update lies in a folder that is named for all of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

_LOCK_NAME = "kernels.lock"
# Saving takes milliseconds.
_WAIT_SECONDS = 5.0
_LOOK_SECONDS = 0.002
_COMPILED = re.compile(rb"numba|import kernel\b")
_SERVICES = Path(__file__).resolve().parent.parent


def share_kernel_cache() -> None:
    """Make this process use the cache under the lock, before its first kernel. Idempotent; nothing without numba."""
    if importlib.util.find_spec("numba") is None:
        return
    from numba.core.caching import IndexDataCacheFile

    for name, operation in (("save", fcntl.LOCK_EX), ("flush", fcntl.LOCK_EX), ("load", fcntl.LOCK_SH)):
        method = getattr(IndexDataCacheFile, name)
        if not hasattr(method, "__wrapped__"):
            setattr(IndexDataCacheFile, name, _locked(method, operation))


def folder_of_kernels(cache: Path, services: Path = _SERVICES) -> Path:
    """The folder below `cache` for kernels of these very sources: all files beside those that hold some."""
    folders = {path.parent for path in services.rglob("*.py") if _COMPILED.search(path.read_bytes())}
    digest = hashlib.sha256()
    for path in sorted(file for folder in folders for file in folder.glob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(services)}\0{len(content)}\0".encode() + content)
    return cache / digest.hexdigest()[:16]


def forget_other_kernels(current: Path) -> None:
    """Remove what lies beside a folder of kernels: what was compiled from other sources, and is in nobody's use."""
    for folder in current.parent.glob("*"):
        if folder != current:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(method: Callable[..., Any], operation: int) -> Callable[..., Any]:
    def run(cache: Any, *arguments: Any) -> Any:
        with _lock(Path(cache._cache_path), operation):
            return method(cache, *arguments)

    run.__wrapped__ = method  # type: ignore[attr-defined]
    return run


@contextlib.contextmanager
def _lock(folder: Path, operation: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        # A folder that nobody may write holds a cache that nobody changes; one that is not there yet holds none.
        with contextlib.suppress(OSError):
            _take(stack.enter_context((folder / _LOCK_NAME).open("a+b")), operation)
        yield


def _take(file: IO[bytes], operation: int) -> None:
    """Wait for a lock, but not for ever: a process may be stopped while it holds one."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(file, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return
            time.sleep(_LOOK_SECONDS)
        else:
            return
