"""A way to stop work in a thread: asked for from anywhere, looked at between two blocks."""

from __future__ import annotations

import threading


class WorkCancelled(Exception):  # noqa: N818 — an outcome, not an error
    """The work was told to stop."""


class Cancellation:
    """One piece of work's flag."""

    def __init__(self) -> None:
        self._flag = threading.Event()

    def cancel(self) -> None:
        """Ask for the end. Idempotent."""
        self._flag.set()

    def check(self) -> None:
        """Raise `WorkCancelled` when the end was asked for."""
        if self._flag.is_set():
            raise WorkCancelled
