"""How long one job may work: more than the slowest honest one needs, and not for days."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from services.processing.jobs.kind import SourceTrack, Timed
from services.processing.media.sandbox import Limits
from services.shared.errors import AppError, ErrorCode

SHORTEST_SECONDS: Final = 600.0
# Seconds of work for a second of audio: the dearest separator takes about 8 on one busy core.
SECONDS_EACH: Final = 60.0
# A file may be decoded twice, and each time is limited already.
_UPLOAD_SECONDS: Final = SHORTEST_SECONDS + 2.0 * Limits().whole_seconds


def allowed_seconds(request: object, sources: Iterable[SourceTrack], *, upload: bool) -> float:
    """The longest that a job may work on `request`, by the longest of its sources and what it says it makes."""
    if upload:
        return _UPLOAD_SECONDS
    audio = max((source.duration_seconds for source in sources), default=0.0)
    if isinstance(request, Timed):
        audio = max(audio, request.said_seconds)
    return max(SHORTEST_SECONDS, SECONDS_EACH * audio)


class TimeLimit:
    """Counts from when it is made."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._ends_at = clock() + seconds

    def check(self) -> None:
        """Raise DEADLINE_EXCEEDED once the time is over. Cheap; in any thread."""
        if self._clock() > self._ends_at:
            raise AppError(
                ErrorCode.DEADLINE_EXCEEDED,
                f"This took longer than {self._seconds / 60.0:,.0f} minutes, the most for audio of this length. "
                "Ask for less at once: shorter audio, fewer clips or effects.",
            )
