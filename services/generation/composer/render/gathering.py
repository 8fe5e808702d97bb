"""Waiting for several pieces of work at once, with an ear for the cancel button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TypeVar

Result = TypeVar("Result")

_LISTEN_SECONDS = 0.1


def gather(futures: Sequence[Future[Result]], check: Callable[[], None]) -> list[Result]:
    """Every result in order; `check` is called at least every 0.1 s. After an error nothing is left running."""
    try:
        pending = set(futures)
        while pending:
            check()
            done, pending = wait(pending, _LISTEN_SECONDS, FIRST_EXCEPTION)
            for future in done:
                future.result()
        return [future.result() for future in futures]
    finally:
        abandon(futures)


def abandon(futures: Sequence[Future[Result]]) -> None:
    """Take back what has not begun and wait for what has."""
    wait([future for future in futures if not future.cancel()])
