"""The scheduler's policy, by itself."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.generation.engine.request import EngineRequest, RequestState, SamplingParameters
from services.generation.engine.scheduler import Scheduler
from services.generation.engine.slots import Slots

SLOTS = 3


def request(name: str, steps: int = 5) -> EngineRequest:
    return EngineRequest(name, "a prompt", steps, SamplingParameters(seed=1))


def test_requests_are_admitted_in_order_while_slots_are_free() -> None:
    scheduler = Scheduler(2)
    for name in "abc":
        scheduler.add(request(name))
    assert [r.id for r in scheduler.schedule().admitted] == ["a", "b"]
    assert [r.id for r in scheduler.schedule().admitted] == []


def test_finished_request_makes_room_for_the_next_step() -> None:
    scheduler = Scheduler(1)
    scheduler.add(request("a", steps=1))
    scheduler.add(request("b"))
    scheduler.schedule()
    assert [r.id for r in scheduler.advance()] == ["a"]
    assert [r.id for r in scheduler.schedule().running] == ["b"]


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


def test_request_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="step"):
        Scheduler(1).add(request("a", steps=0))


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
        self.scheduler = Scheduler(SLOTS)
        self.known: dict[str, EngineRequest] = {}
        self.order: list[str] = []

    @rule(steps=st.integers(1, 6))
    def arrive(self, steps: int) -> None:
        new = request(f"r{len(self.known)}", steps)
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
        schedule = self.scheduler.schedule()
        self.order += [r.id for r in schedule.admitted]
        slots = [r.slot for r in schedule.running]
        assert len(set(slots)) == len(slots)
        assert all(slot is not None and 0 <= slot < SLOTS for slot in slots)
        waiting = [r for r in self.known.values() if r.state is RequestState.WAITING]
        assert len(slots) == SLOTS or not waiting
        before = {r.id: r.step for r in schedule.running}
        self.scheduler.advance()
        assert all(self.known[name].step == step + 1 for name, step in before.items())

    @invariant()
    def nothing_is_lost_and_nothing_runs_too_long(self) -> None:
        for r in self.known.values():
            assert r.step <= r.steps
            assert (r.state is RequestState.FINISHED) == (r.step == r.steps)
            assert (r.slot is not None) == (r.state is RequestState.RUNNING)
        open_states = {RequestState.WAITING, RequestState.RUNNING}
        assert self.scheduler.idle == all(r.state not in open_states for r in self.known.values())

    @invariant()
    def admission_keeps_the_order_of_arrival(self) -> None:
        assert self.order == sorted(self.order, key=lambda name: int(name[1:]))

    def teardown(self) -> None:
        for _ in range(1000):
            if self.scheduler.idle:
                return
            self.step()
        raise AssertionError("A request never ended.")


TestScheduler = SchedulerMachine.TestCase
