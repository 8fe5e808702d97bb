"""Which models stay in memory: as many as fit, the least recently used one goes first. Pure policy, no tensors."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from services.shared.errors import AppError, ErrorCode

_WAIT_SECONDS = 600.0
_LOOK_SECONDS = 0.1


class Resident(Protocol):
    """A model in memory."""

    def close(self) -> None:
        """Free what it holds."""


R = TypeVar("R", bound=Resident)


@dataclass(frozen=True, slots=True)
class Plan(Generic[R]):
    """A model that could be built, and the bytes that it would take."""

    size_bytes: int
    build: Callable[[], R]


class Residents(Generic[R]):
    """Models in memory, together at most `capacity_bytes`. May be used by many threads.

    A model is never let go while somebody uses it (between `take` and `give_back`).
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity = capacity_bytes
        self._condition = threading.Condition()
        self._models: OrderedDict[str, tuple[R, int]] = OrderedDict()
        self._users: dict[str, int] = {}
        self._building: dict[str, int] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The models in memory, the least recently used one first."""
        with self._condition:
            return tuple(self._models)

    def take(self, name: str, plan: Callable[[], Plan[R]]) -> R:
        """The model, built now if it is not there, after others have made room.

        Raises what `plan` and its `build` raise, and UNAVAILABLE when others are in use for too long.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: name not in self._building, _WAIT_SECONDS):
                raise _no_room()
            found = self._models.get(name)
            if found is not None:
                self._models.move_to_end(name)
                self._users[name] = self._users.get(name, 0) + 1
                return found[0]
            self._building[name] = 0
        try:
            planned = plan()
            with self._condition:
                self._building[name] = planned.size_bytes
                evicted = self._make_room()
            for old in evicted:
                old.close()
            model = planned.build()
            with self._condition:
                self._models[name] = (model, planned.size_bytes)
                self._users[name] = self._users.get(name, 0) + 1
        finally:
            with self._condition:
                del self._building[name]
                self._condition.notify_all()
        return model

    def give_back(self, name: str) -> None:
        """Say that a use, begun by `take`, is over."""
        with self._condition:
            self._users[name] -= 1
            self._condition.notify_all()

    def close(self) -> None:
        """Let go of all of them, used or not. Idempotent."""
        with self._condition:
            models, self._models = self._models, OrderedDict()
        for model, _ in models.values():
            model.close()

    def _make_room(self) -> list[R]:
        """Take idle models out until the new one fits; waits for busy ones. A model larger than all room goes alone."""
        deadline = time.monotonic() + _WAIT_SECONDS
        evicted: list[R] = []
        while self._models or len(self._building) > 1:
            used = sum(size for _, size in self._models.values()) + sum(self._building.values())
            if used <= self._capacity:
                break
            idle = next((other for other in self._models if not self._users.get(other)), None)
            if idle is not None:
                evicted.append(self._models.pop(idle)[0])
            elif time.monotonic() > deadline:
                raise _no_room()
            else:
                self._condition.wait(_LOOK_SECONDS)
        return evicted


def _no_room() -> AppError:
    return AppError(ErrorCode.UNAVAILABLE, "The memory is taken by songs on other models. Try again soon.")
