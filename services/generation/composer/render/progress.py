"""Progress of one song, from several threads: never backwards, with a time that is left."""

from __future__ import annotations

import threading
import time

from services.generation.backends.protocol import GenerationCancelled, GenerationContext

# Before that much of the work is done, a guess at the rest is worth nothing.
_FIRST_GUESS = 0.04


class Progress:
    """Reports to the worker how far a song is; also its cancel button.

    `abandoned` is set by a caller that no longer waits for the song; it stops the work like a cancel.
    """

    def __init__(self, context: GenerationContext, abandoned: threading.Event | None = None) -> None:
        self.context = context
        self._abandoned = abandoned or threading.Event()
        self._started = time.monotonic()
        self._fraction = 0.0
        self._stage = ""
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `GenerationCancelled` when the work has to stop."""
        if self._abandoned.is_set():
            raise GenerationCancelled("Nobody waits for this song any more.")
        self.context.check()

    def report(self, fraction: float, stage: str = "") -> None:
        """The song is this far (0–1); without a stage the last one goes on. Raises `GenerationCancelled` as `check`
        does.
        """
        self.check()
        with self._lock:
            self._fraction = min(max(self._fraction, fraction), 1.0)
            self._stage = stage or self._stage
            elapsed = time.monotonic() - self._started
            left = elapsed * (1.0 - self._fraction) / self._fraction if self._fraction >= _FIRST_GUESS else None
            self.context.progress(self._fraction, self._stage, left)
