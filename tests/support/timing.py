"""Times that people were promised, checked on machines that have other things to do.

A test shares its cores with other tests, so that a limit of the product (cancelled within a second) holds there only
with some slack. `TEST_TIME_SLACK=1` on a machine that has nothing else to do holds the promises themselves.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

SLACK = float(os.environ.get("TEST_TIME_SLACK", "6"))
# What only may not hang: long enough for any machine, and shorter than pytest's own limit for a test.
PATIENCE_SECONDS = 60.0


def check_promise(took: float, promised: float, what: str) -> None:
    """Fail when `took` seconds are more than the `promised` ones with the slack; print both for the record."""
    print(f"{what}: {took:.2f} s of the {promised:g} s promised")
    assert took <= promised * SLACK, f"{what} took {took:.2f} s; promised were {promised:g} s"


@contextlib.contextmanager
def promised(seconds: float, what: str) -> Iterator[None]:
    """Fail when the block takes longer than `seconds` with the slack."""
    began = time.monotonic()
    yield
    check_promise(time.monotonic() - began, seconds, what)
