"""A database server as a child process: start, wait until it serves, stop, kill, restart.

Used by the test fixtures as it is; the supervisor takes `prepare`, `command` and `is_ready` and does the running
itself.
"""

from __future__ import annotations

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from services.standalone.errors import StandaloneError
from services.standalone.privileges import Identity

POLL_SECONDS = 0.01


class ServerProcess(ABC):
    """One server with its data in a folder. Everything is synchronous and bounded in time.

    `log_path` receives what the server prints when it is run through `start`.
    """

    title: str
    stop_signal: signal.Signals = signal.SIGTERM

    def __init__(self, log_path: Path) -> None:
        self.log_path = log_path
        self.identity = Identity()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder usable: create it, clear what a dead server left behind. Idempotent."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""

    @abstractmethod
    def is_ready(self, pid: int) -> bool:
        """Whether the server with this process id answers."""

    def environment(self) -> dict[str, str]:
        """The server's whole environment: nothing of the caller's leaks in."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise StandaloneError(f"{self.title} is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_seconds: float = 30.0) -> None:
        """Start and wait until it serves. Raises `StandaloneError` with the end of its log when it does not."""
        if self.running:
            return
        self.prepare()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                start_new_session=True,
                **self.identity.popen_options(),  # type: ignore[call-overload]
            )
        deadline = time.monotonic() + timeout_seconds
        while not self.is_ready(self._process.pid):
            if self._process.poll() is not None:
                status = self._process.returncode
                raise StandaloneError(f"{self.title} ended at start (status {status}): {self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise StandaloneError(f"{self.title} did not serve within {timeout_seconds:g} s: {self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Stop in good order, by force after the time. Idempotent."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as `kill -9` would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop (when it still runs) and start again at the same address with the same data."""
        self.stop()
        self.start()

    def log_tail(self, lines: int = 3) -> str:
        """The last lines of the log as one line."""
        try:
            text = self.log_path.read_text(errors="replace")
        except OSError:
            return f"see {self.log_path}"
        return " | ".join(text.strip().splitlines()[-lines:]) or "it printed nothing"
