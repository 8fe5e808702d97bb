"""SQL of the queues: kept counters, and the choice of the next job (the order itself is `fairness`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Interval, any_, case, exists, func, literal, or_, select, text, update
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.tables import users
from services.user_management.guests.rules import GUEST
from services.user_management.jobs.fairness import GUEST_HANDICAP, PATIENCE, Candidate, OwnerLoad, Worker
from services.user_management.jobs.row import job_from_row
from services.user_management.jobs.rules import Job, Status
from services.user_management.jobs.tables import job_counters, jobs
from services.user_management.metadata import ID

# How many owners, and how many jobs of each, one look at the queue considers.
OWNERS: Final = 32
DEPTH: Final = 4
_RECENT: Final = 20

# What owners could have leased next. Both steps read an index in its own order: the queue's length does not matter.
CANDIDATES: Final = text(
    """
    WITH owners AS (
        SELECT owner_id, running, served_at FROM job_counters
        WHERE queue = :queue AND queued > 0
        ORDER BY running, served_at NULLS FIRST, waiting_since
        LIMIT :owners OFFSET :skip
    )
    SELECT job.id, owners.owner_id, job.priority, job.model, job.created_at, job.overtaken,
        owners.running, owners.served_at, job.rank
    FROM owners CROSS JOIN LATERAL (
        SELECT id, priority, model, created_at, overtaken,
            row_number() OVER (ORDER BY priority DESC, id) - 1 AS rank
        FROM jobs
        WHERE queue = :queue AND owner_id = owners.owner_id AND status = 'queued'
            AND cost <= :free_budget AND (crashes = 0 OR :idle)
        ORDER BY priority DESC, id LIMIT :depth
    ) AS job
    """
)
# Mirrors `fairness.is_promised` and `fairness.deserves_promise`; a job promised to this worker comes first.
_HARD_TO_PLACE: Final = text(
    """
    SELECT id FROM jobs
    WHERE queue = :queue AND status = 'queued' AND (crashes > 0 OR cost > 1) AND (
        (promised_to = :worker_id AND promised_until > clock_timestamp())
        OR (
            NOT :idle
            AND NOT (cost <= :free_budget AND crashes = 0)
            AND (cost <= :free_budget OR cost <= :total_budget)
            AND queued_at <= clock_timestamp() - :patience
            AND (promised_until IS NULL OR promised_until <= clock_timestamp())
        )
    )
    ORDER BY promised_to = :worker_id DESC, queued_at LIMIT 1
    FOR UPDATE SKIP LOCKED
    """
).bindparams(bind("patience", type_=Interval))
_OVERTAKEN: Final = text(
    """
    UPDATE jobs SET overtaken = overtaken + 1
    WHERE id = (SELECT id FROM jobs WHERE id = :id AND status = 'queued' FOR UPDATE SKIP LOCKED)
    """
).bindparams(bind("id", type_=ID))


class QueueRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def candidates(self, queue: str, worker: Worker, page: int = 0) -> tuple[list[Candidate], bool]:
        """Jobs that the worker could run, of the owners of one page; and whether there may be a further page."""
        rows = await self._connection.execute(
            CANDIDATES,
            {
                "queue": queue,
                "owners": OWNERS,
                "skip": page * OWNERS,
                "depth": DEPTH,
                "free_budget": worker.free_budget,
                "idle": worker.idle,
            },
        )
        found = [
            Candidate(
                job_id=row.id,
                owner_id=row.owner_id,
                priority=row.priority,
                model=row.model,
                created_at=row.created_at,
                overtaken=row.overtaken,
                running=row.running,
                served_at=row.served_at,
                rank=row.rank,
            )
            for row in rows
        ]
        if found:
            return found, True
        count = select(func.count()).select_from(
            select(job_counters.c.owner_id)
            .where(job_counters.c.queue == queue, job_counters.c.queued > 0)
            .limit(1)
            .offset((page + 1) * OWNERS)
            .subquery()
        )
        return found, bool((await self._connection.execute(count)).scalar_one())

    async def take(self, ids: Sequence[UUID], worker: Worker) -> tuple[Job, datetime] | None:
        """Lock the first of the jobs that nobody else is taking, with the database's time; None when all are gone."""
        listed = literal(list(ids), ARRAY(ID))
        query = (
            select(jobs, func.clock_timestamp().label("now"))
            # The conditions stand here again: since the look at the queue, a worker may have run the job, and died.
            .where(jobs.c.id == any_(listed), jobs.c.status == Status.QUEUED.value)
            .where(jobs.c.cost <= worker.free_budget, or_(jobs.c.crashes == 0, literal(worker.idle)))
            .order_by(func.array_position(listed, jobs.c.id))
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = (await self._connection.execute(query)).first()
        return (job_from_row(row), row.now) if row else None

    async def hard_to_place(self, queue: str, worker: Worker) -> UUID | None:
        """Lock a job that is kept, or has to be kept now, for this worker."""
        parameters = {
            "queue": queue,
            "worker_id": worker.worker_id,
            "idle": worker.idle,
            "free_budget": worker.free_budget,
            "total_budget": worker.total_budget,
            "patience": PATIENCE,
        }
        return (await self._connection.execute(_HARD_TO_PLACE, parameters)).scalar()

    async def overtaken(self, job_id: UUID) -> None:
        """Note that affinity let another job pass this one."""
        await self._connection.execute(_OVERTAKEN, {"id": job_id})

    async def enter(self, queue: str, owner_id: UUID) -> int:
        """Count one more queued job; how many the owner has now."""
        served_at = case((_is_guest(owner_id), _served_at(owner_id)))
        statement = insert(job_counters).values(queue=queue, owner_id=owner_id, queued=1, served_at=served_at)
        begins = (job_counters.c.queued == 0) & _is_guest(owner_id)
        counted = statement.on_conflict_do_update(
            index_elements=[job_counters.c.queue, job_counters.c.owner_id],
            set_={
                "queued": job_counters.c.queued + 1,
                "waiting_since": _waiting_since(1),
                "served_at": case((begins, _served_at(owner_id)), else_=job_counters.c.served_at),
            },
        )
        return int((await self._connection.execute(counted.returning(job_counters.c.queued))).scalar_one())

    async def moved(self, before: Job, after: Job) -> None:
        """Keep the counters in step with a job whose status changed."""
        queued = (after.status is Status.QUEUED) - (before.status is Status.QUEUED)
        running = (after.status is Status.RUNNING) - (before.status is Status.RUNNING)
        changes = {
            "queued": job_counters.c.queued + queued,
            "running": job_counters.c.running + running,
            "waiting_since": _waiting_since(queued),
        }
        if after.status is Status.RUNNING:
            changes["served_at"] = _served_at(before.owner_id)
        await self._connection.execute(
            update(job_counters)
            .where(job_counters.c.queue == before.queue, job_counters.c.owner_id == before.owner_id)
            .values(changes)
        )

    async def forgive(self, owner_id: UUID) -> None:
        """Let an owner who is no guest any more wait like everybody."""
        await self._connection.execute(
            update(job_counters)
            .where(job_counters.c.owner_id == owner_id, job_counters.c.served_at > func.clock_timestamp())
            .values(served_at=func.clock_timestamp())
        )

    async def queued_in_all(self, queue: str) -> int:
        """How many jobs wait in a queue."""
        total = select(func.coalesce(func.sum(job_counters.c.queued), 0))
        query = total.where(job_counters.c.queue == queue, job_counters.c.queued > 0)
        return int((await self._connection.execute(query)).scalar_one())

    async def totals(self) -> dict[str, tuple[int, int]]:
        """Jobs queued and running, by queue."""
        sums = (func.sum(job_counters.c.queued), func.sum(job_counters.c.running))
        query = select(job_counters.c.queue, *sums).group_by(job_counters.c.queue)
        return {queue: (int(queued), int(running)) for queue, queued, running in await self._connection.execute(query)}

    async def loads(self, queue: str) -> list[OwnerLoad]:
        """The counters of every owner who has a job queued or running."""
        columns = (
            job_counters.c.owner_id,
            job_counters.c.queued,
            job_counters.c.running,
            job_counters.c.served_at,
            job_counters.c.waiting_since,
        )
        query = select(*columns).where(
            job_counters.c.queue == queue, (job_counters.c.queued > 0) | (job_counters.c.running > 0)
        )
        return [OwnerLoad(*row) for row in await self._connection.execute(query)]

    async def queued_of(self, queue: str, owner_id: UUID) -> list[UUID]:
        """The owner's queued jobs in the order in which they would be leased."""
        query = (
            select(jobs.c.id)
            .where(jobs.c.queue == queue, jobs.c.owner_id == owner_id, jobs.c.status == Status.QUEUED.value)
            .order_by(jobs.c.priority.desc(), jobs.c.id)
        )
        return list((await self._connection.execute(query)).scalars())

    async def mean_run_seconds(self, queue: str) -> float:
        """How long the last jobs of a queue took; 0 when there were none."""
        took = (
            select((jobs.c.finished_at - jobs.c.started_at).label("took"))
            .where(jobs.c.queue == queue, jobs.c.status == Status.SUCCEEDED.value)
            .order_by(jobs.c.finished_at.desc())
            .limit(_RECENT)
            .subquery()
        )
        mean: timedelta | None = (await self._connection.execute(select(func.avg(took.c.took)))).scalar()
        return mean.total_seconds() if mean else 0.0


def _is_guest(owner_id: UUID) -> ColumnElement[bool]:
    return exists().where(users.c.id == owner_id, users.c.role == GUEST)


def _served_at(owner_id: UUID) -> ColumnElement[datetime]:
    """Mirrors `fairness.served_at`, by the database's clock."""
    handicap = case((_is_guest(owner_id), GUEST_HANDICAP), else_=timedelta())
    return func.clock_timestamp() + handicap


def _waiting_since(queued: int) -> object:
    """The start of an owner's wait: set anew when their queue stops being empty."""
    if queued <= 0:
        return job_counters.c.waiting_since
    return case((job_counters.c.queued == 0, func.clock_timestamp()), else_=job_counters.c.waiting_since)
