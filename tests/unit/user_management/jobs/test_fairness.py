"""Nobody's queue stands in another person's way, and no job waits for ever."""

import uuid
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.user_management.jobs import fairness
from services.user_management.jobs.fairness import Candidate, Worker
from services.user_management.jobs.rules import HeldLease, Job, Status
from tests.support.memory_ledger import START, MemoryLedger

ANN, BEN, EVE = (uuid.UUID(int=1000 + number) for number in range(3))
IDLE = Worker("worker", 1, idle=True, total_budget=1)


def ledger_of(*owners: uuid.UUID) -> MemoryLedger:
    ledger = MemoryLedger()
    for owner in owners:
        ledger.open_account(owner, 1_000_000)
    return ledger


def finish(ledger: MemoryLedger, job: Job) -> None:
    assert job.lease_id is not None
    ledger.complete(job.id, HeldLease(job.lease_id, job.fencing_token), 0)


def claim(ledger: MemoryLedger, worker: Worker = IDLE) -> Job:
    ledger.pass_time(0.001)
    job = ledger.claim(worker)
    assert job is not None
    return job


@settings(max_examples=60, deadline=None)
@given(
    slots=st.integers(1, 4),
    served_before=st.integers(0, 6),
    late_owner_served=st.booleans(),
    resident=st.sampled_from([frozenset[str](), frozenset({"composer"})]),
    late_model=st.sampled_from(["composer", "debug"]),
    priorities=st.lists(st.integers(-10, 10), min_size=50, max_size=50),
)
def test_fifty_jobs_of_one_person_delay_another_by_one_at_most(
    slots: int,
    served_before: int,
    late_owner_served: bool,
    resident: frozenset[str],
    late_model: str,
    priorities: list[int],
) -> None:
    ledger = ledger_of(ANN, BEN)
    worker = Worker("worker", 4, idle=True, resident_models=resident)
    if late_owner_served:
        ledger.create(BEN)
        finish(ledger, claim(ledger))
    for priority in priorities:
        ledger.create(ANN, priority=priority, model="composer")
    running = [claim(ledger, worker) for _ in range(slots)]
    for _ in range(served_before):
        finish(ledger, running.pop(0))
        running.append(claim(ledger, worker))
    late = ledger.create(BEN, priority=-10, model=late_model)
    overtakers = 0
    while True:
        finish(ledger, running.pop(0))
        running.append(claim(ledger, worker))
        if running[-1].id == late.id:
            break
        overtakers += 1
    assert overtakers <= 1


def test_owner_with_fewest_running_jobs_goes_first() -> None:
    ledger = ledger_of(ANN, BEN)
    for _ in range(3):
        ledger.create(ANN)
    first, second = claim(ledger), claim(ledger)
    ledger.create(BEN)
    assert {first.owner_id, second.owner_id} == {ANN}
    assert claim(ledger).owner_id == BEN


@settings(max_examples=30, deadline=None)
@given(crowd=st.integers(1, 40), slots=st.integers(1, 4), served_before=st.booleans(), wait=st.floats(0, 80_000))
def test_guests_in_any_number_delay_a_member_by_what_runs_at_most(
    crowd: int, slots: int, served_before: bool, wait: float
) -> None:
    guests = [uuid.UUID(int=5000 + number) for number in range(crowd)]
    ledger = ledger_of(ANN, *guests)
    ledger.guests.update(guests)
    if served_before:
        ledger.create(ANN)
        finish(ledger, claim(ledger))
    for guest in guests:
        ledger.create(guest)
    running = [claim(ledger) for _ in range(min(slots, crowd))]
    ledger.pass_time(wait)
    song = ledger.create(ANN)
    assert fairness.queue_position(ANN, 0, ledger.owner_loads()) == 1
    finish(ledger, running[0])
    assert claim(ledger).id == song.id


def test_a_guest_that_waited_for_a_day_goes_before_members_and_the_others_in_turn() -> None:
    ledger = ledger_of(ANN, BEN, EVE)
    ledger.guests.update({BEN, EVE})
    ledger.create(ANN)
    finish(ledger, claim(ledger))
    for guest in (BEN, BEN, EVE):
        ledger.create(guest)
    assert [claim(ledger).owner_id for _ in range(2)] == [BEN, EVE]
    for job in list(ledger.jobs.values()):
        if job.status is Status.RUNNING:
            finish(ledger, job)
    for _ in range(2):
        ledger.create(ANN)
        job = claim(ledger)
        assert job.owner_id == ANN
        finish(ledger, job)
        ledger.pass_time(fairness.GUEST_HANDICAP.total_seconds())
    ledger.create(ANN)
    assert claim(ledger).owner_id == BEN


def test_equal_owners_take_turns() -> None:
    ledger = ledger_of(ANN, BEN, EVE)
    for owner in (ANN, ANN, ANN, BEN, BEN, EVE):
        ledger.create(owner)
    order = []
    for _ in range(6):
        job = claim(ledger)
        order.append(job.owner_id)
        finish(ledger, job)
    assert order == [ANN, BEN, EVE, ANN, BEN, ANN]


def test_priority_then_age_decide_among_one_owners_jobs() -> None:
    ledger = ledger_of(ANN)
    old, urgent, young = ledger.create(ANN), ledger.create(ANN, priority=5), ledger.create(ANN)
    taken = []
    for _ in range(3):
        job = claim(ledger)
        taken.append(job.id)
        finish(ledger, job)
    assert taken == [urgent.id, old.id, young.id]


def test_job_that_costs_more_than_is_free_is_not_leased() -> None:
    ledger = ledger_of(ANN)
    ledger.create(ANN, cost=2)
    cheap = ledger.create(ANN, cost=1)
    assert claim(ledger).id == cheap.id
    assert ledger.claim(IDLE) is None


def test_resident_model_is_preferred_among_equals() -> None:
    ledger = ledger_of(ANN, BEN)
    cold, warm = ledger.create(ANN, model="debug"), ledger.create(BEN, model="composer")
    worker = Worker("worker", 1, idle=True, resident_models=frozenset({"composer"}))
    assert claim(ledger, worker).id == warm.id
    assert ledger.jobs[cold.id].overtaken == 1


def test_affinity_never_passes_a_higher_priority() -> None:
    ledger = ledger_of(ANN)
    urgent = ledger.create(ANN, model="debug", priority=1)
    ledger.create(ANN, model="composer")
    worker = Worker("worker", 1, idle=True, resident_models=frozenset({"composer"}))
    assert claim(ledger, worker).id == urgent.id


def test_job_is_overtaken_four_times_at_most() -> None:
    ledger = ledger_of(ANN)
    cold = ledger.create(ANN, model="debug")
    for _ in range(20):
        ledger.create(ANN, model="composer")
    worker = Worker("worker", 1, idle=True, resident_models=frozenset({"composer"}))
    taken = []
    for _ in range(6):
        job = claim(ledger, worker)
        taken.append(job.id)
        finish(ledger, job)
    assert taken.index(cold.id) == fairness.MOST_OVERTAKES


def test_other_owner_overtakes_by_affinity_only_once() -> None:
    ledger = ledger_of(ANN, BEN)
    cold = ledger.create(ANN, model="debug")
    for _ in range(3):
        ledger.create(BEN, model="composer")
    worker = Worker("worker", 1, idle=True, resident_models=frozenset({"composer"}))
    finish(ledger, claim(ledger, worker))
    assert claim(ledger, worker).id == cold.id


def test_crashed_job_waits_for_an_idle_worker() -> None:
    ledger = ledger_of(ANN)
    job = ledger.create(ANN)
    claim(ledger)
    ledger.report_death("worker")
    busy = Worker("busy", 3, idle=False, total_budget=4)
    assert ledger.claim(busy) is None
    again = claim(ledger, Worker("idle", 4, idle=True))
    assert (again.id, again.run_alone, again.crashes) == (job.id, True, 1)


@pytest.mark.parametrize("kind", ["crashed", "dear"])
def test_worker_that_is_never_idle_drains_for_a_job_that_waited(kind: str) -> None:
    ledger = ledger_of(ANN, BEN)
    hard = ledger.create(ANN, cost=2 if kind == "dear" else 1)
    if kind == "crashed":
        claim(ledger)
        ledger.report_death("worker")
    running: list[Job] = []
    taken: list[uuid.UUID] = []
    for _ in range(60):
        ledger.create(BEN)
        ledger.pass_time(1)
        for job in running:
            assert job.lease_id is not None
            ledger.renew(job.id, HeldLease(job.lease_id, job.fencing_token))
        # One of its two slots is taken at every moment, so it is busy unless it stops taking more.
        busy = sum(job.cost for job in running)
        job = ledger.claim(Worker("worker", 2 - busy, idle=not running, total_budget=2)) if busy < 2 else None
        if job is not None:
            taken.append(job.id)
            running.append(job)
            if job.id == hard.id:
                break
        if len(running) == 2 or (job is None and running):
            finish(ledger, running.pop(0))
    assert hard.id in taken


def test_promise_of_a_worker_that_fell_silent_runs_out() -> None:
    ledger = ledger_of(ANN)
    job = ledger.create(ANN, cost=2)
    ledger.pass_time(6)
    dying, other = (Worker(name, 1, idle=False, total_budget=2) for name in ("dying", "other"))
    assert ledger.claim(dying) is None
    assert ledger.jobs[job.id].promised_to == "dying"
    assert ledger.claim(other) is None
    assert ledger.jobs[job.id].promised_to == "dying"
    ledger.pass_time(11)
    ledger.claim(other)
    assert ledger.jobs[job.id].promised_to == "other"


def test_job_that_no_budget_fits_blocks_nobody() -> None:
    ledger = ledger_of(ANN, BEN)
    ledger.create(ANN, cost=9)
    ledger.pass_time(60)
    small = ledger.create(BEN)
    assert claim(ledger, Worker("worker", 1, idle=False, total_budget=2)).id == small.id


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_first_position_is_what_is_leased_next(data: st.DataObject) -> None:
    ledger = ledger_of(ANN, BEN, EVE)
    for owner in data.draw(st.lists(st.sampled_from([ANN, BEN, EVE]), min_size=1, max_size=12)):
        ledger.pass_time(1)
        ledger.create(owner)
    for _ in range(data.draw(st.integers(0, 4))):
        if not any(job.status is Status.QUEUED for job in ledger.jobs.values()):
            break
        job = claim(ledger)
        if data.draw(st.booleans()):
            finish(ledger, job)
    positions = {
        job.id: fairness.queue_position(owner, rank, ledger.owner_loads())
        for owner in (ANN, BEN, EVE)
        for rank, job in enumerate(ledger.queued_of(owner))
    }
    assert sorted(positions.values()) == list(range(1, len(positions) + 1))
    if positions:
        assert positions[claim(ledger).id] == 1


def test_owner_without_counters_stands_behind_their_own_jobs_only() -> None:
    assert fairness.queue_position(ANN, 2, []) == 3


def test_nothing_to_prefer_is_nothing() -> None:
    assert fairness.prefer_resident([], {"composer"}) == []


def test_peers_of_a_cold_head_keep_their_order_when_none_is_warm() -> None:
    candidates = [
        Candidate(uuid.UUID(int=number), ANN, 0, "debug", START + timedelta(seconds=number), 0, 0, None, number)
        for number in range(3)
    ]
    ordered = fairness.fair_order(reversed(candidates))
    assert ordered == candidates
    assert fairness.prefer_resident(ordered, {"composer"}) == candidates
