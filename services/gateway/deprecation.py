"""How a call that will go says so: on its answers, in the OpenAPI document, and for long enough to be heard.

A route states it beside its terms, `dependencies=[Depends(Deprecated(since, sunset, "GET /api/v1/…"))]`. Headers are
those of RFC 9745 (`Deprecation`) and RFC 8594 (`Sunset`); the rules are in docs/api-reference/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Final

SHORTEST: Final = timedelta(days=180)
"""How long a call still works after it is said that it will go."""


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A call that will go: since when that is said, the first day without it, and what to call instead.

    Raises ValueError when the two days lie closer together than `SHORTEST`.
    """

    since: date
    sunset: date
    instead: str

    def __post_init__(self) -> None:
        if self.sunset - self.since < SHORTEST:
            raise ValueError(f"A call works for {SHORTEST.days} days at least after it is deprecated.")

    # A coroutine like every dependency here: the framework sends plain functions through a thread.
    async def __call__(self) -> None:
        """Nothing: the route has the headers added to whatever is answered, refusals and failures too."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What every answer carries."""
        sunset = format_datetime(_midnight(self.sunset), usegmt=True)
        return [
            (b"deprecation", f"@{int(_midnight(self.since).timestamp())}".encode()),
            (b"sunset", sunset.encode()),
        ]

    @property
    def notice(self) -> str:
        """A paragraph for the operation's description."""
        return (
            f"**Deprecated since {self.since.isoformat()}**, gone from {self.sunset.isoformat()} on. "
            f"Instead: `{self.instead}`."
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
