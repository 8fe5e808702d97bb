"""Which models stay in memory."""

from __future__ import annotations

import threading

import pytest

from services.generation.models.residents import Plan, Residents


class Model:
    def __init__(self, name: str, closed: list[str]) -> None:
        self.name = name
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self.name)


class Shop:
    def __init__(self, capacity: int) -> None:
        self.closed: list[str] = []
        self.built: list[str] = []
        self.residents: Residents[Model] = Residents(capacity)

    def take(self, name: str, size: int = 4) -> Model:
        def build() -> Model:
            self.built.append(name)
            return Model(name, self.closed)

        return self.residents.take(name, lambda: Plan(size, build))

    def use(self, name: str, size: int = 4) -> None:
        self.take(name, size)
        self.residents.give_back(name)


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


def test_closing_frees_everything_and_may_be_repeated() -> None:
    shop = Shop(10)
    shop.take("a")
    shop.use("b")
    shop.residents.close()
    shop.residents.close()
    assert sorted(shop.closed) == ["a", "b"]
