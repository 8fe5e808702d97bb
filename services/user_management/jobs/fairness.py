"""Who is next: the order in which queued jobs are leased, as pure functions.

The owner with the fewest running jobs goes first; between equals the one who was served longest ago (so that one
person's fifty jobs delay another's by at most one, even on a single worker); then priority; then age. Guests count as
served when they ask, and a day later than they were: members go first among equals, whoever waits for a day goes then.
A worker that
has a model in memory may take that model's job a little earlier, within bounds that keep that promise.

A job that crashed a worker runs only in an idle one, and a dear job needs much free budget at once; on a busy queue
neither would ever find its place. So once such a job has waited for a while, it is promised to a busy worker that asks:
that worker gets nothing else until the job fits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from services.user_management.jobs.rules import Job, Status

AFFINITY_WINDOW: Final = 8
MOST_OVERTAKES: Final = 4
PATIENCE: Final = timedelta(seconds=5)
# A worker asks at least every second; one that died while it drained frees its promise by falling silent.
PROMISE: Final = timedelta(seconds=10)

# Guests are had for nothing: five hundred of them would each go once before whoever was ever served.
GUEST_HANDICAP: Final = timedelta(days=1)

_NEVER = datetime.min.replace(tzinfo=UTC)
_JUST_NOW = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process that asks for work. Budgets are in slots; `total_budget` 0: not known."""

    worker_id: str
    free_budget: int
    idle: bool
    resident_models: frozenset[str] = frozenset()
    total_budget: int = 0


def fits(job: Job, worker: Worker) -> bool:
    """Whether the worker can run the job now."""
    return job.cost <= worker.free_budget and (worker.idle or not job.run_alone)


def is_promised(job: Job, worker: Worker, now: datetime) -> bool:
    """Whether the job is kept for this worker."""
    return job.promised_to == worker.worker_id and job.promised_until is not None and job.promised_until > now


def deserves_promise(job: Job, worker: Worker, now: datetime) -> bool:
    """Whether a busy worker should now stop taking other jobs for this one's sake."""
    return (
        job.status is Status.QUEUED
        and not worker.idle
        and not fits(job, worker)
        and (job.cost <= worker.free_budget or job.cost <= worker.total_budget)
        and job.queued_at <= now - PATIENCE
        and (job.promised_until is None or job.promised_until <= now)
    )


def promise(job: Job, worker: Worker, now: datetime) -> Job:
    """Keep the job for this worker; renewed each time that it asks."""
    return replace(job, promised_to=worker.worker_id, promised_until=now + PROMISE)


def served_at(now: datetime, *, guest: bool) -> datetime:
    """When an owner who is served now counts as served; a guest also for asking while nothing of theirs waits."""
    return now + GUEST_HANDICAP if guest else now


@dataclass(frozen=True, slots=True)
class Candidate:
    """A queued job that a worker could take now.

    `running` and `served_at` are its owner's: jobs leased now, and when they were last served (None: never). `rank`
    is how many of its owner's candidates stand before it (by priority, then age).
    """

    job_id: UUID
    owner_id: UUID
    priority: int
    model: str
    created_at: datetime
    overtaken: int
    running: int
    served_at: datetime | None
    rank: int

    @property
    def fairness_class(self) -> int:
        """How many jobs its owner runs once those before it are leased; lower goes first."""
        return self.running + self.rank

    @property
    def sort_key(self) -> tuple[int, datetime, int, UUID]:
        """Ascending: first to last."""
        # Behind another candidate of its owner, a job would come right after that owner was served.
        served_at = (self.served_at or _NEVER) if self.rank == 0 else _JUST_NOW
        return (self.fairness_class, served_at, -self.priority, self.job_id)


def fair_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """First to last."""
    return sorted(candidates, key=lambda candidate: candidate.sort_key)


def prefer_resident(ordered: Sequence[Candidate], resident_models: Collection[str]) -> list[Candidate]:
    """Move a job whose model is in memory to the front, when that is fair; the rest stays in order.

    Only among the first few of the head's class and priority; a head is overtaken at most four times in all; another
    owner's job overtakes only if that owner has not been served since the head was created, so at most once.
    """
    if not ordered:
        return []
    head = ordered[0]
    if not head.model or head.model in resident_models or head.overtaken >= MOST_OVERTAKES:
        return list(ordered)
    peers = [candidate for candidate in ordered[1:] if _is_peer(candidate, head)][:AFFINITY_WINDOW]
    for candidate in peers:
        if candidate.model in resident_models and _may_overtake(candidate, head):
            return [candidate, *(other for other in ordered if other is not candidate)]
    return list(ordered)


def _is_peer(candidate: Candidate, head: Candidate) -> bool:
    same_owner = candidate.owner_id == head.owner_id
    return candidate.priority == head.priority and (same_owner or candidate.fairness_class == head.fairness_class)


def _may_overtake(candidate: Candidate, head: Candidate) -> bool:
    if candidate.owner_id == head.owner_id:
        return True
    return candidate.rank == 0 and (candidate.served_at is None or candidate.served_at < head.created_at)


@dataclass(frozen=True, slots=True)
class OwnerLoad:
    """One owner's counters on one queue. `waiting_since` is when their queue was last empty."""

    owner_id: UUID
    queued: int
    running: int
    served_at: datetime | None
    waiting_since: datetime


def queue_position(owner_id: UUID, rank: int, loads: Iterable[OwnerLoad]) -> int:
    """1 for the job that is leased next. `rank`: how many of the owner's own queued jobs stand before it.

    An estimate from counters alone: it takes every queued job to fit, and today's running jobs to go on.
    """
    by_owner = {load.owner_id: load for load in loads}
    mine = by_owner.pop(owner_id, None)
    if mine is None:
        return rank + 1
    return 1 + rank + sum(_ahead(other, mine, rank) for other in by_owner.values())


def _ahead(other: OwnerLoad, mine: OwnerLoad, rank: int) -> int:
    """How many of another owner's queued jobs come before my job of that rank."""
    level = mine.running + rank - other.running
    if level < 0:
        return 0
    if level == 0 and rank > 0:
        tie_is_theirs = True
    elif level > 0 and rank == 0:
        tie_is_theirs = False
    else:
        tie_is_theirs = _turn(other) < _turn(mine)
    return min(other.queued, level + tie_is_theirs)


def _turn(load: OwnerLoad) -> tuple[datetime, datetime]:
    return (load.served_at or _NEVER, load.waiting_since)
