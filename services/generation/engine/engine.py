"""The engine: one step is schedule, run, postprocess.

Everything about tensors is behind `StepRunner`; everything about tokens (delay pattern, windows, what is known) is in
the requests' timelines; who runs is the scheduler's.
"""

from __future__ import annotations

import functools
import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.generation.engine.request import Condition, EngineRequest, RequestState, SamplingParameters
from services.generation.engine.scheduler import Filling, QueueFull, Scheduler, TooLate
from services.generation.engine.timeline import Tokens


@dataclass(frozen=True, slots=True)
class StepOutput:
    """What one step made for one request: the frames `[n, K]` that became whole (n is 0 or 1, at most)."""

    request_id: str
    frames: tuple[Tokens, ...]
    finished: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that will not run (any more): the queue is full, it waited too long, it could never fit, or what it
    alone needs before it can draw (its conditioning, its part of the past) failed."""

    request_id: str
    reason: Exception


@dataclass(frozen=True, slots=True)
class RowStep:
    """One slot's part of a step.

    The decoder gets the input `tokens` `[K]` at `position` of the slot's window (0 is the first; a prefix lies in front
    of it and is not counted), and the tokens after it are drawn with `sampling` at `noise_step`.
    """

    slot: int
    position: int
    tokens: Tokens
    sampling: SamplingParameters
    noise_step: int


class StepRunner(Protocol):
    """All tensors of the engine: one decoder with a cache of a fixed number of slots, called by one thread.

    A slot stands for the decoder rows of one song's guidance. `condition` comes first; then
    `fill_prefix` for every position of the condition's prefix, if it has one; then `fill` and `step` in the order of
    the positions, 0, 1, 2, … When a song slides to its next window the positions begin at 0 again, over the same
    cache (what lies at later positions is old and must not be read), after a `condition` and a prefix of its own where
    those change. A `condition` without a prefix may come between any two steps and counts from the next one on. A
    condition with a prefix may come again too: the engine fills its prefix anew, in place, and goes on at the position
    where it was.
    """

    def condition(self, slot: int, condition: Condition) -> None:
        """Let the slot be conditioned on this from now on (`musicgen.conditioning.SongCondition`)."""

    def fill_prefix(self, slot: int, first: int, count: int) -> None:
        """Run positions `first … first + count − 1` of the condition's prefix through the decoder."""

    def fill(self, slot: int, position: int, tokens: Sequence[Tokens]) -> None:
        """Run inputs `[n, K]` at `position …` through the decoder, drawing nothing."""

    def step(self, rows: Sequence[RowStep]) -> list[Tokens]:
        """Run one position of every row and draw; the tokens `[K]` of each row, in the given order."""

    def release(self, slot: int) -> None:
        """The slot's request is over; what it held may be let go."""


class Engine:
    """Continuous batching. `add` and `cancel` may be called from any thread and count from the next step on."""

    def __init__(self, scheduler: Scheduler, runner: StepRunner, clock: Callable[[], float] = time.monotonic) -> None:
        self._scheduler = scheduler
        self._runner = runner
        self._clock = clock
        self._inbox: queue.SimpleQueue[EngineRequest | str] = queue.SimpleQueue()
        self._slots: dict[str, int] = {}

    @property
    def idle(self) -> bool:
        """Whether a step would do nothing."""
        return self._inbox.empty() and self._scheduler.idle

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return self._scheduler.waiting + self._inbox.qsize()

    @property
    def busy(self) -> int:
        """How many slots are taken."""
        return self._scheduler.busy

    def add(self, request: EngineRequest) -> None:
        """Let a request join as soon as there is room for it."""
        self._inbox.put(request)

    def cancel(self, request_id: str) -> None:
        """Let a request leave. One that is not here (any more) is nothing to complain about."""
        self._inbox.put(request_id)

    def step(self) -> list[StepOutput | Refusal]:
        """Run every running request one step further, and one that has to catch up a chunk."""
        answers: list[StepOutput | Refusal] = list(self._read_inbox())
        schedule = self._scheduler.schedule(self._clock())
        answers += [Refusal(request.id, TooLate("It waited longer than it may.")) for request in schedule.expired]
        for request in schedule.admitted:
            self._slots[request.id] = _slot(request)
        for filling in schedule.filling:
            answers += self._alone(filling.request, functools.partial(self._fill, filling))
        for request in schedule.running:
            answers += self._alone(request, functools.partial(self._turn_to_cue, request))
        # A cue with a prefix opens a gap again: its request draws when that is filled.
        running = [request for request in schedule.running if request.state is RequestState.RUNNING and not request.gap]
        answers += self._draw(running)
        for request in self._scheduler.finish():
            self._runner.release(self._slots.pop(request.id))
        return answers

    def _alone(self, request: EngineRequest, work: Callable[[], None]) -> list[Refusal]:
        """Do what concerns one request only: when it fails, that one is out, and nobody else."""
        try:
            work()
        except Exception as error:
            self._drop(request.id)
            return [Refusal(request.id, error)]
        return []

    def _drop(self, request_id: str) -> None:
        if self._scheduler.cancel(request_id) and request_id in self._slots:
            self._runner.release(self._slots.pop(request_id))

    def _draw(self, running: Sequence[EngineRequest]) -> list[StepOutput]:
        if not running:
            return []
        rows = [
            RowStep(
                slot=_slot(request),
                position=request.timeline.step,
                tokens=request.timeline.inputs(request.timeline.step),
                sampling=request.sampling,
                noise_step=request.timeline.noise_step,
            )
            for request in running
        ]
        drawn = self._runner.step(rows)
        outputs = []
        for request, tokens in zip(running, drawn, strict=True):
            frames = request.timeline.accept(tokens)
            outputs.append(StepOutput(request.id, tuple(frames), request.timeline.finished))
        return outputs

    def _fill(self, filling: Filling) -> None:
        request, left = filling.request, filling.positions
        self._turn_to_cue(request)
        slot = _slot(request)
        prefix = min(left, request.prefix_length - request.prefix_filled)
        if prefix:
            self._runner.fill_prefix(slot, request.prefix_filled, prefix)
            request.prefix_filled += prefix
        first = request.timeline.filled
        inputs = request.timeline.fill(min(left - prefix, request.timeline.gap))
        if inputs:
            self._runner.fill(slot, first, inputs)

    def _turn_to_cue(self, request: EngineRequest) -> None:
        wanted = request.wanted_cue
        if wanted != request.cue:
            self._runner.condition(_slot(request), request.cues[wanted].condition)
            request.cue = wanted
            request.prefix_filled = 0

    def _read_inbox(self) -> list[Refusal]:
        refused = []
        while not self._inbox.empty():
            message = self._inbox.get()
            if isinstance(message, str):
                self._drop(message)
                continue
            try:
                self._scheduler.add(message)
            except (QueueFull, ValueError) as error:
                refused.append(Refusal(message.id, error))
        return refused


def _slot(request: EngineRequest) -> int:
    if request.slot is None:
        raise RuntimeError(f"The request {request.id} has no slot.")
    return request.slot
