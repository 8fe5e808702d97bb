"""Nothing is collected while much is loaded, and all is as before afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from services.shared.garbage import without_collecting


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_the_collector_rests_and_comes_back() -> None:
    with without_collecting():
        assert not gc.isenabled()
        kept = [[] for _ in range(10)]
    assert gc.isenabled()
    # Never looked at again, and yet nobody else's: still alive, still collected by count.
    assert gc.get_freeze_count() > 0
    assert len(kept) == 10


def test_it_comes_back_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), without_collecting():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_where_it_was_switched_off_it_stays_off() -> None:
    gc.disable()
    with without_collecting():
        assert not gc.isenabled()
    assert not gc.isenabled()
