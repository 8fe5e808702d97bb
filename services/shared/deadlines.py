"""By when the running gRPC call has to be answered, for whatever makes it wait."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def bind_deadline(seconds: float | None) -> None:
    """The rest of the current task has so many seconds; None: as many as it takes."""
    _deadline.set(None if seconds is None else asyncio.get_running_loop().time() + seconds)


def seconds_left() -> float | None:
    """What is left of them, below zero when it is too late; None without a deadline."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - asyncio.get_running_loop().time()
