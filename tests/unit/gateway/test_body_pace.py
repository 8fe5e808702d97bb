"""How long a body may be waited for, by a clock of the test's own."""

from __future__ import annotations

import pytest

from services.gateway.middleware.body_limit import BodyLimit, Patience

SECONDS = 30.0
PACE = 1_000.0


class Arrival:
    """A body that comes piece by piece; time passes only while a piece is waited for, unless told otherwise."""

    def __init__(self, pace: float | None) -> None:
        self.now = 100.0
        self.patience = Patience(BodyLimit(1 << 40, SECONDS, pace), lambda: self.now)

    def is_in_time(self, after: float, count: int) -> bool:
        """Whether a piece of `count` bytes that needs `after` seconds is still waited for."""
        in_time = self.now + after <= self.patience.deadline()
        self.now += after
        self.patience.received(count)
        return in_time


def test_a_body_above_the_pace_may_take_forever() -> None:
    body = Arrival(PACE)
    assert all(body.is_in_time(1.0, 1_001) for _ in range(100_000))


@pytest.mark.parametrize("every", [0.01, 1.0, 29.0])
def test_a_body_that_trickles_is_ended_however_regular_its_pieces_are(every: float) -> None:
    body = Arrival(PACE)
    half_the_pace = int(every * PACE / 2)
    started = body.now
    while body.is_in_time(every, half_the_pace):
        assert body.now - started <= 2 * SECONDS + every


def test_a_fast_beginning_buys_no_slow_end() -> None:
    body = Arrival(PACE)
    assert body.is_in_time(1.0, 1 << 30)
    assert body.is_in_time(SECONDS, 1)
    assert not body.is_in_time(1.0, 1)


def test_pauses_are_won_back_by_what_comes_faster() -> None:
    body = Arrival(PACE)
    for _ in range(50):
        assert body.is_in_time(SECONDS - 1.0, 1)
        assert body.is_in_time(1.0, int(SECONDS * PACE))


def test_time_in_which_nobody_asks_for_the_body_does_not_count() -> None:
    body = Arrival(PACE)
    for _ in range(100):
        assert body.is_in_time(0.0, 1)
        body.now += 10 * SECONDS  # the storage is slow, not the sender


def test_a_body_without_a_pace_has_its_seconds_as_a_whole() -> None:
    body = Arrival(None)
    assert all(body.is_in_time(1.0, 1 << 20) for _ in range(int(SECONDS)))
    assert not body.is_in_time(1.0, 1 << 20)
