"""The worker's side of one running job: what `GenerationContext` promises to a backend."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.generation.backends.protocol import GenerationCancelled
from services.generation.worker.live_feed import LiveFeed
from services.shared.errors import AppError, ErrorCode
from services.shared.job_progress import JobProgress
from services.shared.leases import Lease
from services.shared.live_channel import LiveFormat


class JobContext:
    """Made on the worker's loop; every method may be called from any thread."""

    def __init__(
        self,
        lease: Lease,
        scratch: Path,
        feed: LiveFeed,
        reporter: JobProgress,
        saved_tokens: bytes = b"",
        sources: Mapping[str, Path] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._lease = lease
        self._scratch = scratch
        self._feed = feed
        self._reporter = reporter
        self._saved_tokens = saved_tokens
        self._sources = sources or {}
        self._stopping = threading.Event()
        self.stopped = asyncio.Event()

    @property
    def scratch(self) -> Path:
        """An empty folder of this attempt."""
        return self._scratch

    @property
    def stopping(self) -> bool:
        """Whether the work has to stop: cancelled, lease lost, or the worker drains."""
        return self._stopping.is_set() or self._lease.lost or self._lease.cancel_requested

    def stop(self) -> None:
        """Let the next `check` raise. Idempotent."""
        self._stopping.set()
        self._loop.call_soon_threadsafe(self.stopped.set)

    def check(self) -> None:
        """Raise `GenerationCancelled` when the work has to stop."""
        if self.stopping:
            raise GenerationCancelled(self._lease.job_id)

    def progress(self, fraction: float, stage: str, eta_seconds: float | None = None) -> None:
        """Report how far the song is. Cheap."""
        self._reporter.report(fraction, stage, eta_seconds)

    def start(self, sample_rate_hz: int, channels: int, total_samples: int | None) -> None:
        """Open the live channel."""
        self._feed.start(LiveFormat(sample_rate_hz, channels, total_samples))

    def audio(self, samples: NDArray[np.float32]) -> None:
        """Publish the next live samples; waits while too much is waiting."""
        self.check()
        self._feed.put(samples, self.check)

    def saved_tokens(self) -> bytes:
        """The song's record as earlier attempts left it."""
        return self._saved_tokens

    def save_tokens(self, data: bytes, *, restart: bool = False) -> None:
        """Append to the song's record; it is published before the audio that comes after it."""
        self._feed.put_tokens(data, restart)

    def source(self, track_id: str) -> Path:
        """A local copy of another track's master. Raises VALIDATION when the request did not name it."""
        path = self._sources.get(track_id)
        if path is None:
            raise AppError(ErrorCode.VALIDATION, "The track that this song should start from is not there any more.")
        return path
