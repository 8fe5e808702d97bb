"""A pipe by which children notice that their parent wants to end, or has died: nothing is ever written, only closed."""

from __future__ import annotations

import os


class Lifeline:
    """Made by the parent before it forks. Its reading end becomes readable however the parent ends."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def cut(self) -> None:
        """In the parent: tell every child to end. Idempotent."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def reader(self) -> int:
        """In a child: the descriptor to watch. The inherited writing end is closed, or the pipe would stay open."""
        self.cut()
        return self._reader
