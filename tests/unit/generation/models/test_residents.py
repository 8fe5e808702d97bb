"""Which models stay in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from services.generation.models.residents import Plan, Residents
from services.shared.errors import AppError, ErrorCode


class Model:
    def __init__(self, name: str, closed: list[str]) -> None:
        self.name = name
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self.name)


class Shop:
    def __init__(self, capacity: int, on_device: int = 0, **times: float) -> None:
        self.closed: list[str] = []
        self.built: list[str] = []
        self.residents: Residents[Model] = Residents(capacity, lambda: on_device, **times)

    def take(self, name: str, size: int = 4, on_device: int = 0) -> Model:
        def build() -> Model:
            self.built.append(name)
            return Model(name, self.closed)

        return self.residents.take(name, lambda: Plan(size, build, on_device))

    def use(self, name: str, size: int = 4, on_device: int = 0) -> None:
        self.take(name, size, on_device)
        self.residents.give_back(name)

    def waits_for(self, name: str, size: int = 4) -> Waiting:
        """Somebody who takes a model in a thread of their own."""
        return Waiting(lambda: self.take(name, size))


class Waiting:
    """A call in a thread; `result` is what it gave or raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._result: list[object] = []
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], object]) -> None:
        try:
            self._result.append(call())
        except AppError as error:
            self._result.append(error)

    @property
    def over(self) -> bool:
        return bool(self._result)

    def result(self) -> object:
        self._thread.join(60)
        assert self._result, "it still waits"
        return self._result[0]


def in_line(shop: Shop, count: int) -> None:
    """Wait until so many wait for room."""
    deadline = time.monotonic() + 60
    while len(shop.residents._line) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_model_is_built_once() -> None:
    shop = Shop(10)
    shop.use("a")
    shop.use("a")
    assert shop.built == ["a"]


def test_least_recently_used_model_makes_room() -> None:
    shop = Shop(10)
    for name in ("a", "b", "a", "c"):
        shop.use(name)
    assert shop.closed == ["b"]
    assert shop.residents.names == ("a", "c")


def test_those_that_nobody_wants_any_more_go_unless_they_are_used() -> None:
    shop = Shop(100)
    shop.use("old")
    shop.use("other")
    shop.take("used")
    shop.residents.let_go(lambda name: name in {"old", "used", "stranger"})
    assert (shop.closed, shop.residents.names) == (["old"], ("other", "used"))
    shop.use("old")
    assert shop.built == ["old", "other", "used", "old"]


def test_model_in_use_is_never_let_go() -> None:
    shop = Shop(10)
    shop.take("a")
    shop.use("b")
    shop.use("c")
    assert shop.closed == ["b"]


def test_model_waits_until_those_in_use_are_given_back() -> None:
    shop = Shop(4)
    shop.take("a")
    taken = threading.Event()
    waiting = threading.Thread(target=lambda: (shop.use("b"), taken.set()))
    waiting.start()
    assert not taken.wait(0.05)
    shop.residents.give_back("a")
    assert taken.wait(5)
    waiting.join()
    assert shop.closed == ["a"]


def test_model_larger_than_all_room_goes_alone() -> None:
    shop = Shop(4)
    shop.use("a")
    shop.use("giant", 100)
    assert shop.residents.names == ("giant",)


def test_failed_build_leaves_nothing_behind_and_may_be_tried_again() -> None:
    shop = Shop(10)

    def fail() -> Plan[Model]:
        raise MemoryError

    with pytest.raises(MemoryError):
        shop.residents.take("a", fail)
    shop.use("a")
    assert shop.residents.names == ("a",)


def test_two_that_ask_at_once_get_one_model() -> None:
    shop = Shop(10)
    began, go = threading.Event(), threading.Event()
    got: list[Model] = []

    def build() -> Model:
        began.set()
        assert go.wait(5)
        shop.built.append("a")
        return Model("a", shop.closed)

    threads = [
        threading.Thread(target=lambda: got.append(shop.residents.take("a", lambda: Plan(1, build)))) for _ in range(2)
    ]
    threads[0].start()
    assert began.wait(5)
    threads[1].start()
    go.set()
    for thread in threads:
        thread.join()
    assert shop.built == ["a"]
    assert got[0] is got[1]


def test_those_that_need_room_get_it_in_order_and_do_not_block_each_other() -> None:
    """Two that wait for the same busy model once kept the room from each other: neither fitted beside the other."""
    shop = Shop(4)
    shop.take("busy")
    first = shop.waits_for("first")
    in_line(shop, 1)
    second = shop.waits_for("second")
    in_line(shop, 2)
    shop.residents.give_back("busy")
    assert isinstance(first.result(), Model)
    assert not second.over
    shop.residents.give_back("first")
    assert isinstance(second.result(), Model)
    assert shop.built == ["busy", "first", "second"]
    assert shop.closed == ["busy", "first"]


def test_one_that_waits_too_long_is_refused_and_the_next_gets_its_place() -> None:
    shop = Shop(4, wait_seconds=0.05)
    shop.take("busy")
    answer = shop.waits_for("late").result()
    assert isinstance(answer, AppError)
    assert answer.code is ErrorCode.UNAVAILABLE
    shop.residents.give_back("busy")
    shop.use("next")
    assert shop.residents.names == ("next",)


def test_idle_models_that_made_room_in_vain_are_closed_all_the_same() -> None:
    shop = Shop(8, wait_seconds=0.05)
    shop.use("idle")
    shop.take("busy")
    assert isinstance(shop.waits_for("large", 8).result(), AppError)
    assert shop.closed == ["idle"]
    assert shop.residents.names == ("busy",)


def test_busy_model_keeps_nobody_out_for_ever() -> None:
    """Songs on it overlap without end; whoever has waited for its room comes before the next of them."""
    shop = Shop(4, patience_seconds=0.0)
    shop.take("popular")
    other = shop.waits_for("other")
    in_line(shop, 1)
    again = shop.waits_for("popular")
    shop.residents.give_back("popular")
    assert isinstance(other.result(), Model)
    assert not again.over
    shop.residents.give_back("other")
    assert isinstance(again.result(), Model)
    assert shop.built == ["popular", "other", "popular"]


def test_busy_model_goes_on_while_patience_lasts() -> None:
    shop = Shop(4, patience_seconds=600.0)
    shop.take("popular")
    shop.waits_for("other")
    in_line(shop, 1)
    assert shop.waits_for("popular").result() is not None
    assert shop.built == ["popular"]


def test_memory_of_a_gpu_is_a_room_of_its_own() -> None:
    shop = Shop(100, on_device=10)
    shop.use("a", 1, on_device=6)
    shop.use("on the processor", 1)
    shop.use("b", 1, on_device=6)
    assert shop.closed == ["a"]
    shop.use("c", 1, on_device=4)
    assert shop.residents.names == ("on the processor", "b", "c")
    shop.use("giant", 1, on_device=99)
    assert shop.residents.names == ("giant",)


def test_model_that_is_there_after_the_end_is_closed_at_once() -> None:
    shop = Shop(10)
    began, go = threading.Event(), threading.Event()

    def build() -> Model:
        began.set()
        assert go.wait(60)
        return Model("late", shop.closed)

    taking = Waiting(lambda: shop.residents.take("late", lambda: Plan(1, build)))
    assert began.wait(60)
    shop.residents.close()
    go.set()
    assert isinstance(taking.result(), AppError)
    assert shop.closed == ["late"]
    with pytest.raises(AppError, match="ending"):
        shop.take("a")


def test_those_that_wait_hear_of_the_end() -> None:
    shop = Shop(4)
    shop.take("busy")
    waiting = shop.waits_for("other")
    in_line(shop, 1)
    shop.residents.close()
    assert isinstance(waiting.result(), AppError)


def test_closing_frees_everything_and_may_be_repeated() -> None:
    shop = Shop(10)
    shop.take("a")
    shop.use("b")
    shop.residents.close()
    shop.residents.close()
    assert sorted(shop.closed) == ["a", "b"]
