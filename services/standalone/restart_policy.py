"""When a child that died comes back, and when the platform gives up: pure rules.

A child that dies before it ever served is a failed start. Repeats come quickly first, because most deaths are
accidents, and slower when they do not help. While the platform starts, five failed starts within thirty seconds end it;
once it has served, it never gives up: the cause (a full disk, an outside database that is away) may pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 5.0
FAILED_STARTS_LIMIT = 5
FAILED_STARTS_WINDOW_SECONDS = 30.0
# A child that served this long is sound: its next death is the first again.
SOUND_AFTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Death:
    """One end of a child that nobody asked for. `served_seconds` is None when it had never been ready."""

    at_seconds: float
    served_seconds: float | None


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The deaths of one child so far; immutable, `after` gives the next state."""

    deaths_in_a_row: int = 0
    failed_starts: tuple[float, ...] = field(default=())

    def after(self, death: Death) -> RestartPolicy:
        """The state with one more death in it."""
        if death.served_seconds is None:
            oldest = death.at_seconds - FAILED_STARTS_WINDOW_SECONDS
            recent = tuple(at for at in self.failed_starts if at >= oldest)
            return RestartPolicy(self.deaths_in_a_row + 1, (*recent, death.at_seconds)[-FAILED_STARTS_LIMIT:])
        if death.served_seconds >= SOUND_AFTER_SECONDS:
            return RestartPolicy(1)
        return RestartPolicy(self.deaths_in_a_row + 1)

    @property
    def delay_seconds(self) -> float:
        """How long to wait before the next start: 0.1, 0.2, 0.4, … at most 5 s."""
        doublings = min(max(self.deaths_in_a_row - 1, 0), 16)
        return min(FIRST_DELAY_SECONDS * 2.0**doublings, MAX_DELAY_SECONDS)

    @property
    def exhausted(self) -> bool:
        """Whether a platform that is still starting should give up on this child."""
        return len(self.failed_starts) >= FAILED_STARTS_LIMIT
