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
_PATIENCE_SECONDS = 60.0


class Resident(Protocol):
    """A model in memory."""

    def close(self) -> None:
        """Free what it holds."""


R = TypeVar("R", bound=Resident)


@dataclass(frozen=True, slots=True)
class Plan(Generic[R]):
    """A model that could be built, and the bytes that it would take: of the machine's memory, and of a GPU's."""

    size_bytes: int
    build: Callable[[], R]
    device_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Held(Generic[R]):
    """A model in memory and what was planned for it."""

    model: R
    plan: Plan[R]


class Residents(Generic[R]):
    """Models in memory, together at most `capacity_bytes`, and `device_bytes()` on a GPU. May be used by many threads.

    A model is never let go while somebody uses it (between `take` and `give_back`). Those that need room get it in the
    order of coming; one that has waited for `patience_seconds` comes before further songs on the models in its way, so
    that a busy model cannot keep another one out for ever.
    """

    def __init__(
        self,
        capacity_bytes: int,
        device_bytes: Callable[[], int] = lambda: 0,
        *,
        wait_seconds: float = _WAIT_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._capacity = capacity_bytes
        self._device_bytes = device_bytes
        self._wait_seconds = wait_seconds
        self._patience_seconds = patience_seconds
        self._condition = threading.Condition()
        self._models: OrderedDict[str, _Held[R]] = OrderedDict()
        self._users: dict[str, int] = {}
        # Who is being built: with a plan once there is room for it.
        self._building: dict[str, Plan[R] | None] = {}
        # Who waits for room, and since when.
        self._line: OrderedDict[str, float] = OrderedDict()
        self._closed = False

    @property
    def names(self) -> tuple[str, ...]:
        """The models in memory, the least recently used one first."""
        with self._condition:
            return tuple(self._models)

    def take(self, name: str, plan: Callable[[], Plan[R]]) -> R:
        """The model, built now if it is not there, after others have made room.

        Raises what `plan` and its `build` raise, and UNAVAILABLE when others are in use for too long or it is closed.
        """
        with self._condition:
            if not self._condition.wait_for(lambda: self._closed or self._may_take(name), self._wait_seconds):
                raise _no_room()
            self._refuse_if_closed()
            found = self._models.get(name)
            if found is not None:
                self._models.move_to_end(name)
                self._users[name] = self._users.get(name, 0) + 1
                return found.model
            self._building[name] = None
        try:
            planned = plan()
            self._make_room(name, planned)
            model = planned.build()
            with self._condition:
                closed = self._closed
                if not closed:
                    self._models[name] = _Held(model, planned)
                    self._users[name] = self._users.get(name, 0) + 1
        finally:
            with self._condition:
                del self._building[name]
                self._condition.notify_all()
        if closed:
            model.close()
            raise _ended()
        return model

    def give_back(self, name: str) -> None:
        """Say that a use, begun by `take`, is over."""
        with self._condition:
            self._users[name] -= 1
            self._condition.notify_all()

    def let_go(self, unwanted: Callable[[str], bool]) -> None:
        """Let those go that nobody wants any more and nobody uses; those in use leave when room is needed."""
        with self._condition:
            names = [name for name in self._models if unwanted(name) and not self._users.get(name)]
            gone = [self._models.pop(name) for name in names]
            self._condition.notify_all()
        for held in gone:
            held.model.close()

    def close(self) -> None:
        """Let go of all of them, used or not; what is being built is let go when it is there. Idempotent."""
        with self._condition:
            self._closed = True
            models, self._models = self._models, OrderedDict()
            self._condition.notify_all()
        for held in models.values():
            held.model.close()

    def _may_take(self, name: str) -> bool:
        """Whether nobody is building it already, and nobody has waited too long for the room that it takes."""
        if name in self._building:
            return False
        longest = next(iter(self._line.values()), None)
        return name not in self._models or longest is None or time.monotonic() - longest < self._patience_seconds

    def _make_room(self, name: str, plan: Plan[R]) -> None:
        """Let idle models go until the new one fits; waits for busy ones, and for those that came before."""
        deadline = time.monotonic() + self._wait_seconds
        with self._condition:
            self._line[name] = time.monotonic()
        try:
            while (evicted := self._next_evicted(name, plan, deadline)) is not None:
                evicted.close()
        finally:
            with self._condition:
                del self._line[name]
                self._condition.notify_all()

    def _next_evicted(self, name: str, plan: Plan[R], deadline: float) -> R | None:
        """A model to let go, for this one's sake; None once there is room for it, which is promised to it then."""
        with self._condition:
            while True:
                self._refuse_if_closed()
                if next(iter(self._line)) == name:
                    if self._fits(plan):
                        self._building[name] = plan
                        return None
                    idle = next((other for other in self._models if not self._users.get(other)), None)
                    if idle is not None:
                        return self._models.pop(idle).model
                if not self._condition.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise _no_room()

    def _fits(self, plan: Plan[R]) -> bool:
        """Whether there is room. A model larger than all room goes alone."""
        held = [held.plan for held in self._models.values()]
        held += [promised for promised in self._building.values() if promised is not None]
        used = sum(other.size_bytes for other in held)
        on_device = sum(other.device_bytes for other in held)
        return (not used or used + plan.size_bytes <= self._capacity) and (
            not on_device or not plan.device_bytes or on_device + plan.device_bytes <= self._device_bytes()
        )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise _ended()


def _no_room() -> AppError:
    return AppError(ErrorCode.UNAVAILABLE, "The memory is taken by songs on other models. Try again soon.")


def _ended() -> AppError:
    return AppError(ErrorCode.UNAVAILABLE, "This worker is ending. Try again soon.")
