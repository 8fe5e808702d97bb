"""Local folders for files in the making. What a killed process left behind is found and removed by the next one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from services.shared.errors import AppError, ErrorCode

_FOLDER: Final = "musicgen-processing"
_GUARD: Final = "guard"


class Scratch:
    """One process's part of a scratch disk. A lock says that its owner lives; the system drops it with the process.

    `owner` is unique to the process. `dead_owners` are those whose remains were found, and removed, at the start.
    """

    def __init__(self, root: Path, owner: str) -> None:
        home = root / _FOLDER
        self._own = home / owner
        with full_disk_named():
            home.mkdir(parents=True, exist_ok=True)
            # One at a time: nobody may find a lock file that is not locked yet.
            with (home / _GUARD).open("wb") as guard:
                fcntl.flock(guard, fcntl.LOCK_EX)
                self.dead_owners: Final = _remove_orphans(home)
                self._lock = _lock_path(self._own).open("wb")
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._own.mkdir()

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder that is removed at the end. Raises STORAGE_FULL when the disk fills up inside."""
        with full_disk_named():
            path = Path(tempfile.mkdtemp(dir=self._own))
            try:
                yield path
            finally:
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove everything. Idempotent."""
        shutil.rmtree(self._own, ignore_errors=True)
        _lock_path(self._own).unlink(missing_ok=True)
        self._lock.close()


@contextlib.contextmanager
def full_disk_named() -> Iterator[None]:
    """Turn a full or forbidden disk into an error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "The scratch disk is full. Free some space and try again."
            raise AppError(ErrorCode.STORAGE_FULL, message) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            message = f"The scratch folder cannot be written ({error.strerror}). Set SCRATCH_DIR to one that can."
            raise AppError(ErrorCode.UNAVAILABLE, message) from error
        raise


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove_orphans(home: Path) -> list[str]:
    found = []
    for path in home.glob("*.lock"):
        with contextlib.suppress(OSError), path.open("rb") as lock:
            if _taken(lock):
                continue
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)
            found.append(path.stem)
    return found


def _taken(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
