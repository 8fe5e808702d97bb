"""Progress of one song, from several threads: never backwards, with a time that is left."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.generation.backends.protocol import GenerationContext

# Before that much of the work is done, a guess at the rest is worth nothing.
_FIRST_GUESS = 0.04


class Progress:
    """Reports to the worker how far a song is; also its cancel button."""

    def __init__(self, context: GenerationContext) -> None:
        self._context = context
        self._started = time.monotonic()
        self._fraction = 0.0
        self._stage = ""
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `GenerationCancelled` when the work has to stop."""
        self._context.check()

    def report(self, fraction: float, stage: str = "") -> None:
        """The song is this far (0–1); without a stage the last one goes on. Raises `GenerationCancelled` as `check`
        does.
        """
        self._context.check()
        with self._lock:
            self._fraction = min(max(self._fraction, fraction), 1.0)
            self._stage = stage or self._stage
            elapsed = time.monotonic() - self._started
            left = elapsed * (1.0 - self._fraction) / self._fraction if self._fraction >= _FIRST_GUESS else None
            self._context.progress(self._fraction, self._stage, left)
