"""The ledger without a database: the pure rules over dictionaries, as the repositories apply them to rows."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.user_management.jobs import fairness, rules
from services.user_management.jobs.fairness import Candidate, OwnerLoad, Worker
from services.user_management.jobs.rules import HeldLease, Job, JobFailure, Status
from services.user_management.quotas import rules as quota

QUEUE = "generation"
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Load:
    """One owner's kept counters."""

    queued: int = 0
    running: int = 0
    served_at: datetime | None = None
    waiting_since: datetime = START


@dataclass
class MemoryLedger:
    """Time stands still unless `now` is moved. Ids are numbered, so that they sort by creation."""

    now: datetime = START
    jobs: dict[uuid.UUID, Job] = field(default_factory=dict)
    loads: dict[uuid.UUID, Load] = field(default_factory=dict)
    accounts: dict[uuid.UUID, quota.Account] = field(default_factory=dict)
    entries: list[tuple[uuid.UUID, quota.Entry]] = field(default_factory=list)
    guests: set[uuid.UUID] = field(default_factory=set)
    count: int = 0

    def open_account(self, owner_id: uuid.UUID, grant_ms: int) -> None:
        self.accounts[owner_id] = quota.Account()
        self._book(owner_id, lambda account: quota.grant(account, grant_ms))

    def create(
        self, owner_id: uuid.UUID, *, cost: int = 1, priority: int = 0, model: str = "", reserve_ms: int = 0
    ) -> Job:
        self._book(owner_id, lambda account: quota.reserve(account, reserve_ms))
        self.count += 1
        job = Job(
            id=uuid.UUID(int=self.count),
            owner_id=owner_id,
            kind="generate",
            queue=QUEUE,
            created_at=self.now,
            queued_at=self.now,
            cost=cost,
            priority=priority,
            model=model,
            reserved_ms=reserve_ms,
        )
        load = self.loads.setdefault(owner_id, Load())
        if load.queued == 0:
            load.waiting_since = self.now
            if owner_id in self.guests:
                load.served_at = fairness.served_at(self.now, guest=True)
        load.queued += 1
        self.jobs[job.id] = job
        return job

    def candidates(self, worker: Worker) -> list[Candidate]:
        """Every queued job that the worker could run."""
        found = []
        for owner_id, load in self.loads.items():
            own = [job for job in self.queued_of(owner_id) if fairness.fits(job, worker)]
            found += [
                Candidate(
                    job_id=job.id,
                    owner_id=owner_id,
                    priority=job.priority,
                    model=job.model,
                    created_at=job.created_at,
                    overtaken=job.overtaken,
                    running=load.running,
                    served_at=load.served_at,
                    rank=rank,
                )
                for rank, job in enumerate(own)
            ]
        return found

    def queued_of(self, owner_id: uuid.UUID) -> list[Job]:
        """The owner's queued jobs in their own order."""
        own = [job for job in self.jobs.values() if job.owner_id == owner_id and job.status is Status.QUEUED]
        return sorted(own, key=lambda job: (-job.priority, job.id))

    def choose(self, worker: Worker) -> uuid.UUID | None:
        """What `ledger._choose` chooses when nobody else is choosing."""
        kept = [job for job in self.jobs.values() if self._is_kept(job, worker)]
        kept.sort(key=lambda job: (job.promised_to != worker.worker_id, job.queued_at))
        if kept:
            if fairness.fits(kept[0], worker):
                return kept[0].id
            if not worker.idle:
                self.jobs[kept[0].id] = fairness.promise(kept[0], worker, self.now)
                return None
        ordered = fairness.fair_order(self.candidates(worker))
        preferred = fairness.prefer_resident(ordered, worker.resident_models)
        if not preferred:
            return None
        if preferred[0] is not ordered[0]:
            head = self.jobs[ordered[0].job_id]
            self.jobs[head.id] = replace(head, overtaken=head.overtaken + 1)
        return preferred[0].job_id

    def _is_kept(self, job: Job, worker: Worker) -> bool:
        return job.status is Status.QUEUED and (
            fairness.is_promised(job, worker, self.now) or fairness.deserves_promise(job, worker, self.now)
        )

    def claim(self, worker: Worker) -> Job | None:
        job_id = self.choose(worker)
        if job_id is None:
            return None
        lease_id = uuid.uuid4()
        return self._change(
            job_id, lambda job: rules.claim(job, lease_id=lease_id, worker_id=worker.worker_id, now=self.now)
        )

    def renew(self, job_id: uuid.UUID, held: HeldLease) -> Job:
        return self._change(
            job_id, lambda job: rules.renew(job, held, progress=0.5, stage="", eta_seconds=1, now=self.now)
        )

    def complete(self, job_id: uuid.UUID, held: HeldLease, made_ms: int) -> Job:
        return self._change(job_id, lambda job: rules.complete(job, held, now=self.now), made_ms)

    def fail(self, job_id: uuid.UUID, held: HeldLease) -> Job:
        return self._change(job_id, lambda job: rules.fail(job, held, JobFailure("internal", "Broken."), now=self.now))

    def release(self, job_id: uuid.UUID, held: HeldLease) -> Job:
        return self._change(job_id, lambda job: rules.release(job, held, now=self.now))

    def cancel(self, job_id: uuid.UUID) -> Job:
        return self._change(job_id, lambda job: rules.cancel(job, now=self.now))

    def reap(self) -> None:
        for job_id in list(self.jobs):
            if rules.expired(self.jobs[job_id], self.now):
                self._change(job_id, lambda job: rules.take_away(job, now=self.now))

    def report_death(self, worker_id: str) -> None:
        for job in list(self.jobs.values()):
            if job.status is Status.RUNNING and job.lease_worker == worker_id:
                self._change(job.id, lambda job: rules.take_away(job, now=self.now))

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def owner_loads(self) -> list[OwnerLoad]:
        return [
            OwnerLoad(owner_id, load.queued, load.running, load.served_at, load.waiting_since)
            for owner_id, load in self.loads.items()
        ]

    def _change(self, job_id: uuid.UUID, rule: Callable[[Job], Job], made_ms: int = 0) -> Job:
        before = self.jobs[job_id]
        after = rule(before)
        self.jobs[job_id] = after
        load = self.loads[before.owner_id]
        if before.status is not after.status:
            self._move(load, before.status, after)
        if after.status.ended and not before.status.ended:
            if after.status is Status.SUCCEEDED:
                self._book(before.owner_id, lambda account: quota.settle(account, before.reserved_ms, made_ms))
            else:
                self._book(before.owner_id, lambda account: quota.release(account, before.reserved_ms))
        return after

    def _move(self, load: Load, before: Status, job: Job) -> None:
        after = job.status
        if after is Status.QUEUED and load.queued == 0:
            load.waiting_since = self.now
        load.queued += (after is Status.QUEUED) - (before is Status.QUEUED)
        load.running += (after is Status.RUNNING) - (before is Status.RUNNING)
        if after is Status.RUNNING:
            load.served_at = fairness.served_at(self.now, guest=job.owner_id in self.guests)

    def _book(self, owner_id: uuid.UUID, rule: Callable[[quota.Account], tuple[quota.Account, quota.Entry]]) -> None:
        account, entry = rule(self.accounts[owner_id])
        self.accounts[owner_id] = account
        self.entries.append((owner_id, entry))
