"""Turns on the cores: decoder steps and codec chunks one after the other, in the order in which they came. Pure Python.

Each of them uses all cores by itself. Run at once they would fight over them, and a step whose threads wait for each
other pays most. In turns, a step waits for at most one chunk of each song, a chunk for one step, and nobody starves.
"""

from __future__ import annotations

import threading
from types import TracebackType


class Turns:
    """A lock that is given in the order of asking. Not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = 0
        self._served = 0

    @property
    def waiting(self) -> int:
        """How many hold it or wait for it."""
        with self._changed:
            return self._asked - self._served

    def __enter__(self) -> None:
        with self._changed:
            ticket = self._asked
            self._asked += 1
            self._changed.wait_for(lambda: self._served == ticket)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._served += 1
            self._changed.notify_all()
