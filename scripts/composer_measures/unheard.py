"""The worker's side of a song that nobody listens to. Imports nothing heavy: cold starts are measured with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Unheard:
    """A context whose `scratch` is all that a song needs; audio `[samples, channels]` and progress go nowhere."""

    scratch: Path

    def check(self) -> None:
        """Go on."""

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Nobody watches."""

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        """Nobody listens."""

    def audio(self, samples: Any) -> None:
        """Nobody listens."""
