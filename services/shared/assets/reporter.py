"""Tells a person at a terminal or in a log how far a fetch is."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from services.shared.assets.store import AssetProgress


class Reporter:
    """Prints progress: one line that moves on a terminal, a plain line every 25 % elsewhere. One per fetch."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._moving = self._stream.isatty()
        self._next = 0.0
        self._started = time.monotonic()

    def __call__(self, progress: AssetProgress) -> None:
        """Say it, unless the last word was said just now."""
        fraction = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
        if progress.stage == "downloading":
            if fraction < self._next:
                return
            self._next = fraction + (0.01 if self._moving else 0.25)
        size = f"{progress.done_bytes / 1e6:.1f}"
        if progress.total_bytes:
            size += f" of {progress.total_bytes / 1e6:.1f}"
        line = f"  {progress.name}: {progress.stage} {size} MB ({time.monotonic() - self._started:.0f} s)"
        if self._moving:
            line = f"\r\033[K{line}" + ("\n" if progress.stage == "done" else "")
        else:
            line += "\n"
        self._stream.write(line)
        self._stream.flush()
