"""Who runs in the next step: admission, cancellation and the end of requests. Pure Python, no tensors.

Requests join in the order in which they came, whenever a slot is free, between any two steps. A cancelled request is
out before the next step, and its slot is free for that very step.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from services.generation.engine.request import EngineRequest, RequestState
from services.generation.engine.slots import Slots


@dataclass(frozen=True, slots=True)
class Schedule:
    """One step's work: `running` are all requests of the step by slot, `admitted` those that begin with it."""

    admitted: tuple[EngineRequest, ...]
    running: tuple[EngineRequest, ...]


class Scheduler:
    """Continuous batching over a fixed number of slots. Not thread-safe: the engine's thread owns it."""

    def __init__(self, slots: int) -> None:
        self._slots = Slots(slots)
        self._waiting: OrderedDict[str, EngineRequest] = OrderedDict()
        self._running: dict[str, EngineRequest] = {}

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._waiting and not self._running

    def add(self, request: EngineRequest) -> None:
        """Queue a request. ValueError when its id is known already or it has no steps."""
        if request.id in self._waiting or request.id in self._running:
            raise ValueError(f"The request {request.id} is already here.")
        if request.steps < 1:
            raise ValueError("A request needs at least one step.")
        request.state = RequestState.WAITING
        self._waiting[request.id] = request

    def cancel(self, request_id: str) -> bool:
        """Drop a request; False when it is not here (any more)."""
        request = self._waiting.pop(request_id, None)
        if request is None:
            request = self._running.pop(request_id, None)
            if request is None:
                return False
            self._give_slot_back(request)
        request.state = RequestState.CANCELLED
        return True

    def schedule(self) -> Schedule:
        """Admit what fits and answer the step's work."""
        admitted = []
        while self._waiting and self._slots.free:
            _, request = self._waiting.popitem(last=False)
            request.slot = self._slots.take()
            request.state = RequestState.RUNNING
            self._running[request.id] = request
            admitted.append(request)
        running = sorted(self._running.values(), key=lambda request: request.slot or 0)
        return Schedule(tuple(admitted), tuple(running))

    def advance(self) -> tuple[EngineRequest, ...]:
        """Count the step that was run; answer the requests that it finished, their slots are free."""
        finished = []
        for request in tuple(self._running.values()):
            request.step += 1
            if request.step >= request.steps:
                del self._running[request.id]
                self._give_slot_back(request)
                request.state = RequestState.FINISHED
                finished.append(request)
        return tuple(finished)

    def _give_slot_back(self, request: EngineRequest) -> None:
        if request.slot is not None:
            self._slots.release(request.slot)
            request.slot = None
