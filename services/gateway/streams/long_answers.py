"""How many long answers one person may hold open at once: rate limits count beginnings, and these do not end."""

from __future__ import annotations

from collections import Counter

from services.shared.errors import AppError, ErrorCode

# Events, live audio and waiting calls together: more than a person's pages and programs need.
MOST_AT_ONCE = 32


class LongAnswers:
    """Counts the open ones by person, within this process."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def count_of(self, person: str) -> int:
        """How many the person has open."""
        return self._open[person]

    def open(self, person: str) -> None:
        """One more. Raises `AppError` (RATE_LIMITED) when the person has all that one may have."""
        if self._open[person] >= MOST_AT_ONCE:
            raise AppError(
                ErrorCode.RATE_LIMITED,
                f"At most {MOST_AT_ONCE} streams and waiting calls may be open at once. Let one end first.",
                retry_after_seconds=5,
            )
        self._open[person] += 1

    def close(self, person: str) -> None:
        """One less."""
        self._open[person] -= 1
        if not self._open[person]:
            del self._open[person]
