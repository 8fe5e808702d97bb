"""The scheduler's policy, by itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.generation.engine.request import Cue, EngineRequest, RequestState, SamplingParameters
from services.generation.engine.scheduler import QueueFull, Schedule, Scheduler
from services.generation.engine.slots import Slots
from services.generation.engine.timeline import Timeline, Windows
from services.generation.musicgen.delay_pattern import DelayPattern

SLOTS = 3
BUDGET = 40
CHUNK = 4
PAD = 9
WINDOWS = Windows(12, 5)


@dataclass(frozen=True)
class Words:
    prefix_length: int = 0


def request(
    name: str, frames: int = 5, known: int = 0, prefix: int = 0, deadline: float | None = None
) -> EngineRequest:
    timeline = Timeline(DelayPattern((0, 1)), PAD, frames, WINDOWS, [(1, 1)] * known)
    return EngineRequest(name, timeline, [Cue(0, Words(prefix))], SamplingParameters(seed=1), deadline)


def run(scheduler: Scheduler, now: float = 0.0) -> Schedule:
    """One step without an engine."""
    schedule = scheduler.schedule(now)
    for filling in schedule.filling:
        prefix = min(filling.positions, filling.request.prefix_length - filling.request.prefix_filled)
        filling.request.prefix_filled += prefix
        filling.request.timeline.fill(filling.positions - prefix)
    for running in schedule.running:
        running.timeline.accept((0, 0))
    return schedule


def test_requests_are_admitted_in_order_while_slots_are_free() -> None:
    scheduler = Scheduler(2)
    for name in "abc":
        scheduler.add(request(name))
    assert [r.id for r in scheduler.schedule().admitted] == ["a", "b"]
    assert [r.id for r in scheduler.schedule().admitted] == []


def test_finished_request_makes_room_for_the_next_step() -> None:
    scheduler = Scheduler(1)
    scheduler.add(request("a", frames=1))
    scheduler.add(request("b"))
    run(scheduler)
    assert scheduler.finish() == ()
    run(scheduler)
    assert [r.id for r in scheduler.finish()] == ["a"]
    assert [r.id for r in scheduler.schedule().running] == ["b"]


def test_what_does_not_fit_the_cache_waits_and_nobody_overtakes_it() -> None:
    scheduler = Scheduler(3, budget=20)
    scheduler.add(request("first", frames=12))
    scheduler.add(request("second", frames=11))
    scheduler.add(request("small", frames=1))
    assert [r.id for r in scheduler.schedule().admitted] == ["first"]
    assert scheduler.used_positions == 13
    assert scheduler.schedule().admitted == ()
    scheduler.cancel("first")
    assert [r.id for r in scheduler.schedule().admitted] == ["second", "small"]


def test_what_could_never_fit_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="positions"):
        Scheduler(1, budget=5).add(request("a", frames=12))
    with pytest.raises(ValueError, match="positions"):
        Scheduler(1, slot_positions=13).add(request("a", frames=12, prefix=1))


def test_full_queue_refuses_the_next_request() -> None:
    scheduler = Scheduler(1, queue_limit=1)
    scheduler.add(request("a"))
    with pytest.raises(QueueFull):
        scheduler.add(request("b"))
    scheduler.schedule()
    scheduler.add(request("b"))


def test_request_that_waited_past_its_deadline_is_out_and_a_running_one_stays() -> None:
    scheduler = Scheduler(1)
    scheduler.add(request("runs", deadline=1.0))
    scheduler.add(request("waits", deadline=2.0))
    assert [r.id for r in scheduler.schedule(0.5).running] == ["runs"]
    late = scheduler.schedule(2.0)
    assert [r.id for r in late.expired] == ["waits"]
    assert [r.id for r in late.running] == ["runs"]
    assert late.expired[0].state is RequestState.EXPIRED


def test_joining_request_catches_up_in_chunks_while_the_others_draw() -> None:
    scheduler = Scheduler(2, prefill_chunk=CHUNK)
    scheduler.add(request("steady"))
    run(scheduler)
    scheduler.add(request("joins", frames=12, known=6, prefix=3))
    filled = []
    for _ in range(4):
        schedule = run(scheduler)
        assert "steady" in [r.id for r in schedule.running]
        filled += [filling.positions for filling in schedule.filling]
    assert filled == [4, 4, 1]
    assert [r.id for r in scheduler.schedule().running] == ["steady", "joins"]


def test_those_that_catch_up_take_turns() -> None:
    scheduler = Scheduler(2, prefill_chunk=2)
    scheduler.add(request("a", frames=12, known=6))
    scheduler.add(request("b", frames=12, known=6))
    turns = [run(scheduler).filling[0].request.id for _ in range(4)]
    assert turns == ["a", "b", "a", "b"]


def test_cancelled_request_frees_its_slot_for_the_very_next_step() -> None:
    scheduler = Scheduler(1)
    scheduler.add(request("a"))
    scheduler.add(request("b"))
    scheduler.schedule()
    assert scheduler.cancel("a")
    assert [(r.id, r.slot) for r in scheduler.schedule().running] == [("b", 0)]


def test_cancelling_a_stranger_changes_nothing() -> None:
    assert not Scheduler(1).cancel("nobody")


def test_second_request_of_the_same_id_is_refused() -> None:
    scheduler = Scheduler(1)
    scheduler.add(request("a"))
    with pytest.raises(ValueError, match="already"):
        scheduler.add(request("a"))


def test_slots_refuse_what_cannot_happen() -> None:
    slots = Slots(1)
    with pytest.raises(RuntimeError):
        slots.release(0)
    slots.take()
    with pytest.raises(RuntimeError):
        slots.take()
    with pytest.raises(ValueError, match="at least one"):
        Slots(0)


class SchedulerMachine(RuleBasedStateMachine):
    """Any interleaving of arrivals, cancels and steps."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(SLOTS, budget=BUDGET, prefill_chunk=CHUNK)
        self.known: dict[str, EngineRequest] = {}
        self.order: list[str] = []

    @rule(frames=st.integers(1, 30), share=st.floats(0, 1), prefix=st.integers(0, 9))
    def arrive(self, frames: int, share: float, prefix: int) -> None:
        new = request(f"r{len(self.known)}", frames, int(share * (frames - 1)), prefix)
        self.known[new.id] = new
        self.scheduler.add(new)

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        victim = data.draw(st.sampled_from(sorted(self.known)))
        before = self.known[victim].state
        done = self.scheduler.cancel(victim)
        assert done == (before in {RequestState.WAITING, RequestState.RUNNING})

    @rule()
    def step(self) -> None:
        before = {r.id: (r.gap, r.timeline.whole_frames) for r in self.known.values()}
        schedule = run(self.scheduler)
        self.order += [r.id for r in schedule.admitted]
        slots = [r.slot for r in self.known.values() if r.state is RequestState.RUNNING]
        assert len(set(slots)) == len(slots)
        assert all(slot is not None and 0 <= slot < SLOTS for slot in slots)
        # Who has nothing to catch up draws in every step, whatever the others do.
        drawing = {r.id for r in schedule.running}
        assert drawing == {name for name, r in self.known.items() if r.slot is not None and not before[name][0]}
        assert sum(filling.positions for filling in schedule.filling) <= CHUNK
        self.scheduler.finish()

    @invariant()
    def nothing_is_lost_and_nothing_overflows(self) -> None:
        for r in self.known.values():
            assert (r.state is RequestState.FINISHED) <= r.timeline.finished
            assert (r.slot is not None) == (r.state is RequestState.RUNNING)
        running = [r for r in self.known.values() if r.state is RequestState.RUNNING]
        assert self.scheduler.used_positions == sum(r.positions for r in running) <= BUDGET
        open_states = {RequestState.WAITING, RequestState.RUNNING}
        assert self.scheduler.idle == all(r.state not in open_states for r in self.known.values())

    @invariant()
    def admission_keeps_the_order_of_arrival(self) -> None:
        assert self.order == sorted(self.order, key=lambda name: int(name[1:]))

    def teardown(self) -> None:
        for _ in range(3000):
            if self.scheduler.idle:
                return
            self.step()
        raise AssertionError("A request never ended.")


TestScheduler = SchedulerMachine.TestCase
