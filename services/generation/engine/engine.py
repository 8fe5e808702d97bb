"""The engine: one step is schedule, run, postprocess."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.generation.engine.request import EngineRequest
from services.generation.engine.scheduler import Scheduler


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What one step made for one request: its tokens `[K]` (the pad token where a codebook is empty)."""

    request_id: str
    tokens: tuple[int, ...]
    finished: bool


class StepRunner(Protocol):
    """The engine's view of `Runner`."""

    def admit(self, request: EngineRequest) -> None:
        """Prepare the slot that the request was given."""

    def step(self, requests: Sequence[EngineRequest]) -> list[tuple[int, ...]]:
        """Run one step of every request; their tokens `[K]`."""


class Engine:
    """Continuous batching. `add` and `cancel` may be called from any thread and count from the next step on."""

    def __init__(self, scheduler: Scheduler, runner: StepRunner) -> None:
        self._scheduler = scheduler
        self._runner = runner
        self._inbox: queue.SimpleQueue[EngineRequest | str] = queue.SimpleQueue()

    @property
    def idle(self) -> bool:
        """Whether a step would do nothing."""
        return self._inbox.empty() and self._scheduler.idle

    def add(self, request: EngineRequest) -> None:
        """Let a request join as soon as a slot is free."""
        self._inbox.put(request)

    def cancel(self, request_id: str) -> None:
        """Let a request leave. One that is not here (any more) is nothing to complain about."""
        self._inbox.put(request_id)

    def step(self) -> list[StepOutput]:
        """Run every running request one step further."""
        self._read_inbox()
        schedule = self._scheduler.schedule()
        if not schedule.running:
            return []
        for request in schedule.admitted:
            self._runner.admit(request)
        tokens = self._runner.step(schedule.running)
        finished = {request.id for request in self._scheduler.advance()}
        return [
            StepOutput(request.id, step_tokens, request.id in finished)
            for request, step_tokens in zip(schedule.running, tokens, strict=True)
        ]

    def _read_inbox(self) -> None:
        while not self._inbox.empty():
            message = self._inbox.get()
            if isinstance(message, str):
                self._scheduler.cancel(message)
            else:
                self._scheduler.add(message)
