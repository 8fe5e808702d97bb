"""A process of its own for files that strangers sent: little memory, little time, one file to read, no network.

    with Sandbox(["services.processing.media.decoder", path], Limits(), check) as child:
        for data in child.output():
            …

The parent reads the child's standard output through `output`, which ends the child when the caller's `check` raises,
when it says nothing for too long, and when the block is left. The child calls `confine` before it opens anything; what
a system does not have (RLIMIT_AS on macOS, Landlock and namespaces outside Linux) is left out there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import selectors
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from services.processing.media import landlock, syscall_filter

ROOT: Final = Path(__file__).parents[3]
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})

_WAIT_SECONDS: Final = 0.1
_READ_BYTES: Final = 1 << 20
_LONGEST_ERROR: Final = 65_536

# What the child says on standard error about what it could not give up, each in a line of its own, and what the log
# says of it.
_NETWORK_KEPT: Final = b"sandbox: the network could not be left"
_FILES_KEPT: Final = b"sandbox: the file system could not be left"
_CALLS_KEPT: Final = b"sandbox: system calls could not be refused"
_WARNINGS: Final = {
    _NETWORK_KEPT: (
        "sandbox_keeps_network", "This system gives the decoder of strangers' files no network of its own.",
    ),
    _FILES_KEPT: (
        "sandbox_keeps_files",
        "This system has no Landlock (Linux 5.13): the decoder of strangers' files can read what this user can read.",
    ),
    _CALLS_KEPT: (
        "sandbox_keeps_calls",
        "This system takes no filter of system calls: the decoder of strangers' files is held by its limits alone.",
    ),
}  # fmt: skip

# linux/sched.h, linux/prctl.h
_CLONE_NEWUSER: Final = 0x1000_0000
_CLONE_NEWNET: Final = 0x4000_0000
_PR_SET_NO_NEW_PRIVS: Final = 38


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use. Silence counts while the parent waits for data; the whole time counts always.

    Until its first byte the child may take `first_seconds`: its interpreter and libraries start meanwhile.
    """

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 600
    first_seconds: float = 30.0
    silent_seconds: float = 8.0
    whole_seconds: float = 3_600.0
    open_files: int = 32


class TimeUp(Exception):  # noqa: N818 — an outcome, not an error
    """The child said nothing for too long, or took too long as a whole; it was ended."""


class Sandbox:
    """One child, which runs a module of this program. Used by one thread."""

    def __init__(self, arguments: Sequence[str], limits: Limits, check: Callable[[], None]) -> None:
        self._limits = limits
        self._check = check
        self._arguments = arguments
        self._errors = b""
        self._status: int | None = None

    def __enter__(self) -> Self:
        # Nothing of this process's environment: no credentials, no proxies.
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(  # noqa: S603 — our own interpreter and module
            [sys.executable, "-s", "-B", "-P", "-m", *self._arguments],
            env=environment,
            cwd="/",
            # Held open until this process ends, however it ends: the child watches it.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status after the end of `output`; negative for the signal that ended it."""
        return self._status

    @property
    def errors(self) -> str:
        """The last of what it wrote to standard error."""
        return self._errors.decode(errors="replace")

    def output(self) -> Iterator[bytes]:
        """What it writes, as it comes. Raises `TimeUp`, and what `check` raises."""
        process = self._process
        if process.stdout is None or process.stderr is None:
            raise RuntimeError("the sandbox has not been entered")
        ends_at = time.monotonic() + self._limits.whole_seconds
        with selectors.DefaultSelector() as selector:
            for pipe in (process.stdout, process.stderr):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            heard_at, patience = time.monotonic(), self._limits.first_seconds
            while selector.get_map():
                self._check()
                now = time.monotonic()
                if now - heard_at > patience or now > ends_at:
                    raise TimeUp
                for key, _ in selector.select(_WAIT_SECONDS):
                    data = os.read(key.fd, _READ_BYTES)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is process.stderr:
                        for said in _WARNINGS:
                            if said in data:
                                _warn(said)
                        self._errors = (self._errors + data)[-_LONGEST_ERROR:]
                    else:
                        yield data
                        # What the caller did with it is not the child's silence.
                        heard_at, patience = time.monotonic(), self._limits.silent_seconds
        try:
            self._status = process.wait(self._limits.silent_seconds)
        except subprocess.TimeoutExpired:
            raise TimeUp from None

    def _kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                # It leads a group of its own, in which nobody else is.
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def confine(limits: Limits, readable: Sequence[Path] = ()) -> None:
    """In the child, before it opens anything: take away what it does not need. Raises nothing.

    Of the file system `readable` is left, and the code of this interpreter, its packages and the services.
    """
    for name, value in (
        ("RLIMIT_AS", limits.memory_bytes),
        ("RLIMIT_CPU", limits.cpu_seconds),
        ("RLIMIT_NOFILE", limits.open_files),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    ):
        number = getattr(resource, name, None)
        if number is not None:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(number, (value, value))
    if sys.platform == "linux":
        _leave_the_network()
        if not landlock.restrict((*readable, *_code())):
            os.write(2, _FILES_KEPT + b"\n")
        # Last: it refuses some of what stands above. What is started from here on inherits all of it.
        if not syscall_filter.refuse_the_rest():
            os.write(2, _CALLS_KEPT + b"\n")
    threading.Thread(target=_end_with_the_parent, name="parent-watch", daemon=True).start()


def _leave_the_network() -> None:
    """A network namespace without interfaces; where the system lets nobody have one, the parent is told."""
    status = -1
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        status = libc.unshare(_CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET)
    if status != 0:
        os.write(2, _NETWORK_KEPT + b"\n")


def _code() -> list[Path]:
    """Where modules and the libraries that they load lie. Not `ROOT`: secrets and recordings may lie below it.

    Nor just any folder of `sys.path`: a project that is being worked on stands there whole.
    """
    paths = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {Path(item) for item in sys.path if Path(item).name in _PACKAGES}
    paths |= {ROOT / "services", Path(sys.base_prefix) / "lib"}
    system = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/dev/null", "/dev/urandom")
    return [*paths, *map(Path, system)]


@cache
def _warn(said: bytes) -> None:
    """Once in a process: it is the machine's doing, and the same for every file."""
    # Not above: the child imports this module too, and logs nothing.
    import structlog

    event, reason = _WARNINGS[said]
    structlog.get_logger(__name__).warning(event, reason=reason)


def _end_with_the_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            continue
    os._exit(1)
