"""The data directory: one instance at a time, enough room, and a short private place for sockets.

Layout: `postgres/`, `valkey/`, `storage/` (objects), `assets/`, `models/`, `secrets/`, `cache/`, `scratch/` (emptied at
each start), `logs/`, `standalone.lock`.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from services.standalone.errors import StandaloneError
from services.standalone.postgres import SOCKET_PATH_LIMIT_BYTES

_PRIVATE = ("postgres", "valkey", "storage", "assets", "models", "secrets", "cache", "scratch", "logs")
# The longest thing below the run directory: "postgres/.s.PGSQL.5432.lock".
_LONGEST_SOCKET_BYTES = 28
_PREVIOUS_INSTANCE_SECONDS = 8.0


class DataDirectory:
    """`<home>` of one instance. Made usable by `open`, held until `close` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def folder(self, name: str) -> Path:
        """A folder below the home; `open` has made it."""
        return self.path / name

    def open(self, min_free_mb: int) -> None:
        """Create, lock and check it. Raises `StandaloneError` with the cure; then nothing has been changed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / "standalone.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        self._take_lock()
        self.check_space(min_free_mb)
        try:
            probe = self.path / ".write-test"
            probe.write_bytes(b"\0" * 4096)
            probe.unlink()
            # Files in the making of a run that was killed.
            shutil.rmtree(self.folder("scratch"), ignore_errors=True)
            for name in _PRIVATE:
                self.folder(name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StandaloneError:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            cure = "free some space on that disk"
        elif isinstance(error, FileExistsError | NotADirectoryError):
            cure = "it has to be a folder: set MUSICGEN_HOME to another path"
        else:
            cure = "make it writable, or set MUSICGEN_HOME to a folder that is"
        return StandaloneError(f"The data directory {self.path} cannot be written ({error.strerror}): {cure}.")

    def _take_lock(self) -> None:
        """Get the lock, waiting a moment for an instance that was killed and is being cleaned up."""
        if self._lock is None:
            raise StandaloneError("The data directory is not open.")
        deadline = time.monotonic() + _PREVIOUS_INSTANCE_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip()
                if _is_alive(holder) or time.monotonic() > deadline:
                    raise StandaloneError(
                        f"Another instance (process {holder or 'unknown'}) runs on {self.path}: stop it, or set "
                        "MUSICGEN_HOME and MUSICGEN_PORT to run a second one beside it."
                    ) from None
                time.sleep(0.05)
        try:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise self._unusable(error) from error

    @property
    def lock_descriptor(self) -> int:
        """The locked file, for the orphan watcher: the lock is free only when what we started is gone as well."""
        if self._lock is None:
            raise StandaloneError("The data directory is not open.")
        return self._lock

    def free_mb(self) -> int:
        """Free space for this user, in MiB."""
        return shutil.disk_usage(self.path).free >> 20

    def check_space(self, min_free_mb: int) -> None:
        """Raise `StandaloneError` when the disk is nearly full."""
        free = self.free_mb()
        if free < min_free_mb:
            raise StandaloneError(
                f"Only {free} MB are free below {self.path}, {min_free_mb} are needed: free some space, set "
                "MUSICGEN_HOME to a larger disk, or lower MUSICGEN_MIN_FREE_MB."
            )

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def private_run_directory(home: Path) -> Path:
    """An empty 0700 folder for sockets, with a path short enough for any of them, the same one at every start.

    Below `XDG_RUNTIME_DIR` for an ordinary user, else below the temporary folder. Somebody else's folder of that name
    is not used.
    """
    name = f"musicgen-{os.geteuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:10]}"
    bases = [Path("/tmp"), Path(tempfile.gettempdir())]  # noqa: S108 — checked below: ours, 0700
    if os.geteuid() and os.environ.get("XDG_RUNTIME_DIR"):
        bases.insert(0, Path(os.environ["XDG_RUNTIME_DIR"]))
    for base in bases:
        place = base / name
        if len(os.fsencode(place)) + 1 + _LONGEST_SOCKET_BYTES > SOCKET_PATH_LIMIT_BYTES or not base.is_dir():
            continue
        try:
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(mode=0o700)
        except OSError:
            continue
        status = place.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            return place
    raise StandaloneError(f"No private folder for sockets could be made below {bases[0]}: make it writable.")
