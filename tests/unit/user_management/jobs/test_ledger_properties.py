"""Whatever workers, owners and crashes do to the ledger, and in whichever order: no job is lost, doubled or stuck."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from services.shared.errors import AppError, ErrorCode
from services.user_management.jobs.fairness import Worker
from services.user_management.jobs.rules import HeldLease, Job, Status
from services.user_management.quotas.rules import Account
from tests.support.memory_ledger import MemoryLedger

OWNERS = [uuid.UUID(int=1000 + number) for number in range(3)]
GRANT_MS = 20_000
BUDGETS = {"small": 2, "large": 4}
MODELS = ["", "composer", "debug"]


@dataclass(frozen=True)
class Run:
    """One lease that was given out, perhaps long ago."""

    job_id: uuid.UUID
    worker_id: str
    held: HeldLease


class LedgerMachine(RuleBasedStateMachine):
    """Two workers, three owners; every lease ever given may be shown at any time."""

    runs = Bundle("runs")
    created = Bundle("created")

    @initialize()
    def begin(self) -> None:
        self.ledger = MemoryLedger()
        for owner in OWNERS:
            self.ledger.open_account(owner, GRANT_MS)
        self.tokens: dict[uuid.UUID, int] = {}
        self.succeeded: dict[uuid.UUID, int] = {}
        self.cancel_accepted: set[uuid.UUID] = set()

    @rule(
        target=created,
        owner=st.sampled_from(OWNERS),
        cost=st.integers(1, 4),
        priority=st.integers(-10, 10),
        model=st.sampled_from(MODELS),
        reserve_ms=st.integers(0, 6_000),
    )
    def create(self, owner: uuid.UUID, cost: int, priority: int, model: str, reserve_ms: int) -> object:
        if reserve_ms > self.ledger.accounts[owner].balance_ms:
            with pytest.raises(AppError) as refused:
                self.ledger.create(owner, reserve_ms=reserve_ms)
            assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
            return multiple()
        return self.ledger.create(owner, cost=cost, priority=priority, model=model, reserve_ms=reserve_ms).id

    @rule(target=runs, worker_id=st.sampled_from(list(BUDGETS)), resident=st.sets(st.sampled_from(MODELS[1:])))
    def claim(self, worker_id: str, resident: set[str]) -> object:
        running = self._running(worker_id)
        worker = self._worker(worker_id, frozenset(resident))
        if worker.free_budget < 1:
            return multiple()
        job = self.ledger.claim(worker)
        if job is None:
            return multiple()
        assert job.cost <= worker.free_budget
        if job.run_alone:
            assert not running
        assert job.lease_id is not None
        return Run(job.id, worker_id, HeldLease(job.lease_id, job.fencing_token))

    @rule(run=runs)
    def renew(self, run: Run) -> None:
        self._show(run, lambda: self.ledger.renew(run.job_id, run.held), Status.RUNNING)

    @rule(run=runs, made_ms=st.integers(0, 8_000))
    def complete(self, run: Run, made_ms: int) -> None:
        before = self.ledger.jobs[run.job_id]
        self._show(run, lambda: self.ledger.complete(run.job_id, run.held, made_ms), Status.SUCCEEDED, Status.CANCELLED)
        after = self.ledger.jobs[run.job_id]
        if after.status is Status.SUCCEEDED and before.status is Status.RUNNING:
            self.succeeded[run.job_id] = self.succeeded.get(run.job_id, 0) + 1

    @rule(run=runs)
    def fail(self, run: Run) -> None:
        self._show(run, lambda: self.ledger.fail(run.job_id, run.held), Status.FAILED, Status.CANCELLED)

    @rule(run=runs)
    def release(self, run: Run) -> None:
        self._show(run, lambda: self.ledger.release(run.job_id, run.held), Status.QUEUED, Status.CANCELLED)

    @rule(job_id=created)
    def cancel(self, job_id: uuid.UUID) -> None:
        job = self.ledger.cancel(job_id)
        if job.status is not Status.SUCCEEDED and job.status is not Status.FAILED:
            self.cancel_accepted.add(job_id)

    @rule(worker_id=st.sampled_from(list(BUDGETS)))
    def worker_dies(self, worker_id: str) -> None:
        self.ledger.report_death(worker_id)
        assert not self._running(worker_id)

    @rule(seconds=st.sampled_from([0.5, 3.0, 9.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.ledger.pass_time(seconds)

    @rule()
    def reap(self) -> None:
        self.ledger.reap()

    @precondition(lambda self: hasattr(self, "ledger"))
    @invariant()
    def tokens_only_grow(self) -> None:
        for job in self.ledger.jobs.values():
            assert job.fencing_token >= self.tokens.get(job.id, 0)
            if job.fencing_token == self.tokens.get(job.id):
                continue
            self.tokens[job.id] = job.fencing_token

    @precondition(lambda self: hasattr(self, "ledger"))
    @invariant()
    def nothing_succeeds_twice_or_after_its_cancel(self) -> None:
        assert all(times == 1 for times in self.succeeded.values())
        assert not self.cancel_accepted & self.succeeded.keys()
        assert {job.id for job in self.ledger.jobs.values() if job.status is Status.SUCCEEDED} == set(self.succeeded)

    @precondition(lambda self: hasattr(self, "ledger"))
    @invariant()
    def books_balance(self) -> None:
        for owner in OWNERS:
            account = self.ledger.accounts[owner]
            assert account.balance_ms == sum(entry.amount_ms for who, entry in self.ledger.entries if who == owner)
            held = [job.reserved_ms for job in self._jobs(owner) if not job.status.ended]
            assert account.reserved_ms == sum(held)
            assert account.balance_ms + account.reserved_ms + account.used_ms == GRANT_MS
            assert account.balance_ms >= 0

    @precondition(lambda self: hasattr(self, "ledger"))
    @invariant()
    def counters_count(self) -> None:
        for owner, load in self.ledger.loads.items():
            assert load.queued == sum(job.status is Status.QUEUED for job in self._jobs(owner))
            assert load.running == sum(job.status is Status.RUNNING for job in self._jobs(owner))

    @precondition(lambda self: hasattr(self, "ledger"))
    @invariant()
    def three_crashes_are_the_end(self) -> None:
        for job in self.ledger.jobs.values():
            assert job.crashes <= 3
            assert (job.crashes == 3) <= job.status.ended

    def teardown(self) -> None:
        """Left to one healthy worker, everything comes to an end."""
        if not hasattr(self, "ledger"):
            return
        self.ledger.pass_time(11)
        self.ledger.reap()
        for _ in range(len(self.ledger.jobs) + 1):
            job = self.ledger.claim(Worker("healthy", 4, idle=True, total_budget=4))
            if job is None:
                break
            assert job.lease_id is not None
            self.ledger.complete(job.id, HeldLease(job.lease_id, job.fencing_token), 0)
        assert all(job.status.ended for job in self.ledger.jobs.values())
        assert all(self.ledger.accounts[owner].reserved_ms == 0 for owner in OWNERS)

    def _show(self, run: Run, call: Callable[[], object], *outcomes: Status) -> None:
        """A call with a lease works exactly when the lease holds, or when it is the repeat of the one that ended it."""
        before = self.ledger.jobs[run.job_id]
        fresh = (before.lease_id, before.fencing_token) == (run.held.lease_id, run.held.fencing_token)
        works = fresh and (before.status is Status.RUNNING or before.status in outcomes)
        if works:
            call()
        else:
            with pytest.raises(AppError) as refused:
                call()
            assert refused.value.code is ErrorCode.STALE_LEASE
        if not works or before.status is not Status.RUNNING:
            assert self.ledger.jobs[run.job_id] == before

    def _jobs(self, owner: uuid.UUID) -> list[Job]:
        return [job for job in self.ledger.jobs.values() if job.owner_id == owner]

    def _running(self, worker_id: str) -> list[Job]:
        return [
            job for job in self.ledger.jobs.values() if job.status is Status.RUNNING and job.lease_worker == worker_id
        ]

    def _worker(self, worker_id: str, resident: frozenset[str]) -> Worker:
        running = self._running(worker_id)
        total = BUDGETS[worker_id]
        alone = any(job.run_alone for job in running)
        free = 0 if alone else total - sum(job.cost for job in running)
        return Worker(worker_id, free, idle=not running, resident_models=resident, total_budget=total)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.mark.parametrize("grant_ms", [0, 1])
def test_account_without_enough_refuses_the_job(grant_ms: int) -> None:
    ledger = MemoryLedger()
    ledger.open_account(OWNERS[0], grant_ms)
    with pytest.raises(AppError) as refused:
        ledger.create(OWNERS[0], reserve_ms=2)
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    assert ledger.accounts[OWNERS[0]] == Account(grant_ms)
    assert not ledger.jobs
