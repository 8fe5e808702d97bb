"""Where a process keeps what it has in the making: a folder that goes with the process, even when that is killed.

The process holds a lock on its folder; whoever starts next removes the folders whose locks nobody holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.shared.errors import AppError, ErrorCode

_PREFIX = "generation-"


@contextlib.contextmanager
def scratch_folder(base: Path) -> Iterator[Path]:
    """A new folder below `base`, removed at the end; those that dead processes left there are removed now.

    Raises `AppError` (STORAGE_FULL) when nothing can be written there.
    """
    try:
        base.mkdir(parents=True, exist_ok=True)
        folder, lock = _locked_folder(base)
    except OSError as error:
        raise AppError(
            ErrorCode.STORAGE_FULL,
            f"{base} cannot be written ({error.strerror}). Make it writable, free some room, or set SCRATCH_DIR.",
        ) from error
    try:
        for other in base.glob(f"{_PREFIX}*"):
            if other != folder:
                _remove_if_abandoned(other)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _locked_folder(base: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Somebody who started at the same moment may have taken it for abandoned before it was locked.
        if folder.exists():
            return folder, lock
        os.close(lock)


def _remove_if_abandoned(folder: Path) -> None:
    with contextlib.suppress(OSError):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
