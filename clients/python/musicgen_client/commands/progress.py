"""Shows how far a job is: a bar on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from musicgen_client.commands import output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from musicgen_client.models import JobEvent

LINE_EVERY: Final = 0.25


class JobProgress:
    """Takes the events of one job. `quiet` shows nothing (for --json)."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._stage = "waiting for a free worker"
        self._fraction = 0.0
        self._told: tuple[str, int] | None = None
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[eta]}", markup=False),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._stage, total=1.0, eta="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def take(self, event: JobEvent) -> None:
        """Show what an event says."""
        data = event.data
        stage = data.get("stage")
        position = data.get("queue_position")
        if isinstance(stage, str) and stage:
            self._stage = stage
        elif event.type == "status" and data.get("status") == "queued" and position:
            self._stage = f"waiting, number {position} in the queue"
        if event.type == "done":
            # Short work ends before its last stage was told.
            self._stage, self._fraction = "done", 1.0
        self._fraction = max(self._fraction, _number(data.get("progress")))
        self._show(_number(data.get("eta_seconds")))

    def _show(self, eta_seconds: float) -> None:
        eta = f"{output.clock(eta_seconds)} left" if eta_seconds > 0 else ""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._fraction, description=self._stage, eta=eta)
        elif not self._quiet:
            told = (self._stage, int(self._fraction / LINE_EVERY))
            if told != self._told:
                self._told = told
                output.note(f"{self._fraction:4.0%} {self._stage}{f', {eta}' if eta else ''}")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
