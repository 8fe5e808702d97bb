"""How many things that last one person may hold open at once: rate limits count beginnings, and these do not end."""

from __future__ import annotations

from collections import Counter

from services.shared.errors import AppError, ErrorCode


class Places:
    """Counts what is open by person, within this process. `sentence` says what the limit is of, with `{most}` in it."""

    def __init__(self, most: int, sentence: str, retry_after_seconds: float) -> None:
        self.most = most
        self._sentence = sentence.format(most=most)
        self._retry_after_seconds = retry_after_seconds
        self._open: Counter[str] = Counter()

    def count_of(self, person: str) -> int:
        """How many the person has open."""
        return self._open[person]

    def open(self, person: str) -> None:
        """One more. Raises `AppError` (RATE_LIMITED) when the person has all that one may have."""
        if self._open[person] >= self.most:
            raise AppError(ErrorCode.RATE_LIMITED, self._sentence, retry_after_seconds=self._retry_after_seconds)
        self._open[person] += 1

    def close(self, person: str) -> None:
        """One less."""
        self._open[person] -= 1
        if not self._open[person]:
            del self._open[person]


def long_answers() -> Places:
    """Events, live audio and waiting calls together: more than a person's pages and programs need."""
    return Places(32, "At most {most} streams and waiting calls may be open at once. Let one end first.", 5)


def sockets() -> Places:
    """Connections of the hub."""
    return Places(10, "At most {most} sockets may be open at once. Close one first.", 10)
