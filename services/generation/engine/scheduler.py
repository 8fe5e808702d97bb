"""Who runs in the next step: admission, prefill, cancellation, deadlines and the end of requests. Pure Python.

Requests join in the order in which they came, between any two steps, whenever a slot is free and the cache has room for
all their positions; what does not fit waits, and nobody overtakes it. A cancelled request is out before the next step,
and its slot is free for that very step. Who has positions to fill (a prefix, a continuation, a resumed or sliding
song) gets at most `prefill_chunk` of them between two steps, one request at a time and in turn, so that it stalls
nobody else.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass

from services.generation.engine.request import EngineRequest, RequestState
from services.generation.engine.slots import Slots


class QueueFull(Exception):  # noqa: N818 — an outcome, not an error
    """So many requests wait already that another one is refused."""


class TooLate(Exception):  # noqa: N818 — an outcome, not an error
    """A request still waited when its deadline passed."""


@dataclass(frozen=True, slots=True)
class Filling:
    """`positions` of a request's gap that are filled before the step."""

    request: EngineRequest
    positions: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """One step's work: `running` draw a token (by slot), `filling` catch up, `admitted` begin, `expired` are out."""

    admitted: tuple[EngineRequest, ...]
    running: tuple[EngineRequest, ...]
    filling: tuple[Filling, ...]
    expired: tuple[EngineRequest, ...]


class Scheduler:
    """Continuous batching over a fixed number of slots. Not thread-safe: the engine's thread owns it.

    `budget` is what the caches hold together, in positions of one request; None: whatever the slots take.
    `slot_positions` is what one slot holds. `queue_limit` is how many may wait.
    """

    def __init__(
        self,
        slots: int,
        *,
        budget: int | None = None,
        slot_positions: int | None = None,
        prefill_chunk: int = 64,
        queue_limit: int | None = None,
    ) -> None:
        if prefill_chunk < 1:
            raise ValueError("A prefill chunk holds at least one position.")
        self._slots = Slots(slots)
        self._budget = math.inf if budget is None else budget
        self._slot_positions = math.inf if slot_positions is None else slot_positions
        self._prefill_chunk = prefill_chunk
        self._queue_limit = math.inf if queue_limit is None else queue_limit
        self._waiting: OrderedDict[str, EngineRequest] = OrderedDict()
        self._running: OrderedDict[str, EngineRequest] = OrderedDict()
        self._used = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._waiting and not self._running

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    @property
    def busy(self) -> int:
        """How many slots are taken."""
        return len(self._running)

    @property
    def used_positions(self) -> int:
        """Cache positions that are promised to running requests."""
        return self._used

    def add(self, request: EngineRequest) -> None:
        """Queue a request.

        Raises QueueFull, and ValueError when its id is known already or it could never fit.
        """
        if request.id in self._waiting or request.id in self._running:
            raise ValueError(f"The request {request.id} is already here.")
        if request.positions > min(self._budget, self._slot_positions):
            raise ValueError(f"The request {request.id} needs {request.positions} positions, more than there are.")
        if len(self._waiting) >= self._queue_limit:
            raise QueueFull(f"{len(self._waiting)} requests wait already.")
        request.state = RequestState.WAITING
        self._waiting[request.id] = request

    def cancel(self, request_id: str) -> bool:
        """Drop a request; False when it is not here (any more)."""
        request = self._waiting.pop(request_id, None)
        if request is None:
            request = self._running.pop(request_id, None)
            if request is None:
                return False
            self._give_back(request)
        request.state = RequestState.CANCELLED
        return True

    def schedule(self, now: float = 0.0) -> Schedule:
        """Admit what fits and answer the step's work. `now` is the engine's clock, for deadlines."""
        expired = self._expire(now)
        admitted = []
        while self._waiting and self._slots.free:
            request = next(iter(self._waiting.values()))
            if self._used + request.positions > self._budget:
                break
            del self._waiting[request.id]
            request.slot = self._slots.take()
            request.state = RequestState.RUNNING
            self._used += request.positions
            self._running[request.id] = request
            admitted.append(request)
        by_slot = sorted(self._running.values(), key=lambda request: request.slot or 0)
        return Schedule(
            admitted=tuple(admitted),
            running=tuple(request for request in by_slot if not request.gap),
            filling=self._fill(),
            expired=expired,
        )

    def finish(self) -> tuple[EngineRequest, ...]:
        """Let requests go whose songs are whole; their slots are free."""
        finished = [request for request in self._running.values() if request.timeline.finished]
        for request in finished:
            del self._running[request.id]
            self._give_back(request)
            request.state = RequestState.FINISHED
        return tuple(finished)

    def _fill(self) -> tuple[Filling, ...]:
        for request in self._running.values():
            if request.gap:
                self._running.move_to_end(request.id)
                return (Filling(request, min(request.gap, self._prefill_chunk)),)
        return ()

    def _expire(self, now: float) -> tuple[EngineRequest, ...]:
        late = [r for r in self._waiting.values() if r.deadline is not None and r.deadline <= now]
        for request in late:
            del self._waiting[request.id]
            request.state = RequestState.EXPIRED
        return tuple(late)

    def _give_back(self, request: EngineRequest) -> None:
        if request.slot is not None:
            self._slots.release(request.slot)
            self._used -= request.positions
            request.slot = None
