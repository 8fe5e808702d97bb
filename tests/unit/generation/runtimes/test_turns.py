"""Turns on the cores."""

from __future__ import annotations

import threading
import time

import pytest

from services.generation.runtimes.turns import Turns
from tests.support.timing import PATIENCE_SECONDS


def test_turns_are_given_in_the_order_of_asking() -> None:
    turns, served = Turns(), list[int]()

    def take(number: int) -> None:
        with turns:
            served.append(number)

    threads = []
    with turns:
        for number in range(6):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            deadline = time.monotonic() + PATIENCE_SECONDS
            while turns.waiting < number + 2:
                assert time.monotonic() < deadline
        assert not served
    for thread in threads:
        thread.join()
    assert served == list(range(6))
    assert turns.waiting == 0


def test_an_error_gives_the_turn_on() -> None:
    turns = Turns()
    with pytest.raises(KeyError), turns:
        raise KeyError
    with turns:
        assert turns.waiting == 1
