"""What the supervisor runs: database servers (`ServerProcess`) and our own services, behind one interface."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.shared.ids import new_id
from services.standalone.privileges import Identity


class Program(Protocol):
    """Something that runs in the foreground as a child process."""

    @property
    def stop_signal(self) -> signal.Signals:
        """What asks it to end in good order."""

    @property
    def identity(self) -> Identity:
        """Who runs it; settled by `prepare`."""

    def prepare(self) -> None:
        """Before every start, in a thread: may block."""

    def command(self) -> Sequence[str]:
        """Its command line."""

    def environment(self) -> Mapping[str, str]:
        """Its whole environment."""

    def is_ready(self, pid: int) -> bool:
        """Whether it serves, for programs that do not say so in their log."""


class PythonService:
    """One process of this platform: `python -m <module>`.

    It says `ready` in its log. `socket` is the Unix socket that it serves on, removed before each start. With
    `worker_id_variable` every start gets a new worker id in that variable, so that a dead worker's leases can be told
    apart.
    """

    stop_signal = signal.SIGTERM
    identity = Identity()

    def __init__(
        self,
        module: str,
        environment: Mapping[str, str],
        *,
        socket: Path | None = None,
        worker_id_variable: str = "",
        arguments: Sequence[str] = (),
    ) -> None:
        self._module = module
        self._environment = dict(environment)
        self._socket = socket
        self._worker_id_variable = worker_id_variable
        self._arguments = tuple(arguments)
        self.worker_id = ""

    def prepare(self) -> None:
        """Forget the last run's socket and worker id."""
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)
        if self._worker_id_variable:
            self.worker_id = f"{self._module.split('.')[1]}-{new_id()}"

    def command(self) -> list[str]:
        """The module under this interpreter."""
        return [sys.executable, "-m", self._module, *self._arguments]

    def environment(self) -> dict[str, str]:
        """The settings, and the worker id of this run."""
        if not self._worker_id_variable:
            return self._environment
        return {**self._environment, self._worker_id_variable: self.worker_id}

    def is_ready(self, pid: int) -> bool:
        """Never by asking: its log tells."""
        return False


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child of the supervisor.

    It starts when every child of `after` is ready. `stage` orders the stop: the highest goes first. `announces_ready`:
    it logs `ready` (else `is_ready` is asked). `on_death` is called with the program after every unexpected death.
    """

    name: str
    program: Program
    stage: int
    after: tuple[str, ...] = ()
    announces_ready: bool = True
    on_death: Callable[[Program], None] | None = None
