"""SQL of the rows of `jobs`, and of what has to change with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Double, Interval, Text, case, func, insert, or_, select, text, update
from sqlalchemy import bindparam as bind
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.jobs.queue_repository import QueueRepository
from services.user_management.jobs.row import COLUMNS, job_from_row, stored
from services.user_management.jobs.rules import CLEANUP_DELAY, Job, NewJob, Status
from services.user_management.jobs.tables import jobs
from services.user_management.metadata import ID
from services.user_management.prepared import ITEM, LIMIT, PERSON, Prepared

# Rows of other leases, and of jobs that ended meanwhile, do not match and so answer nothing. Mirrors `rules.renew`.
_RENEW: Final = text(
    """
    UPDATE jobs SET
        lease_expires_at = clock_timestamp() + :lease,
        progress = greatest(jobs.progress, beat.progress),
        stage = coalesce(nullif(beat.stage, ''), jobs.stage),
        eta_seconds = beat.eta_seconds
    FROM unnest(:job_ids, :lease_ids, :tokens, :progress, :stages, :etas)
        AS beat(job_id, lease_id, token, progress, stage, eta_seconds)
    WHERE jobs.id = beat.job_id AND jobs.status = 'running'
        AND jobs.lease_id = beat.lease_id AND jobs.fencing_token = beat.token
    RETURNING jobs.id, jobs.cancel_requested
    """
).bindparams(
    bind("lease", type_=Interval),
    bind("job_ids", type_=ARRAY(ID)),
    bind("lease_ids", type_=ARRAY(ID)),
    bind("tokens", type_=ARRAY(BigInteger)),
    bind("progress", type_=ARRAY(Double)),
    bind("stages", type_=ARRAY(Text)),
    bind("etas", type_=ARRAY(Double)),
)

# After PostgreSQL came back, workers get one lease to renew what they could not renew while it was away.
_EXPIRED: Final = text(
    """
    SELECT id FROM jobs
    WHERE status = 'running' AND lease_expires_at <= clock_timestamp()
        AND clock_timestamp() >= pg_postmaster_start_time() + :lease
    ORDER BY lease_expires_at LIMIT :limit
    """
).bindparams(bind("lease", type_=Interval))


@dataclass(frozen=True, slots=True)
class Beat:
    """One lease to renew, with what its worker says about the work."""

    job_id: UUID
    lease_id: UUID
    fencing_token: int
    progress: float
    stage: str
    eta_seconds: float


_ONE: Final = Prepared(lambda: select(jobs).where(jobs.c.id == ITEM))
_OWN: Final = Prepared(lambda: select(jobs).where(jobs.c.id == ITEM, jobs.c.owner_id == PERSON))
_NEWEST: Final = Prepared(lambda: select(jobs).where(jobs.c.owner_id == PERSON).order_by(jobs.c.id.desc()).limit(LIMIT))

# Enough to tell of again; a restart does not wait for more.
_MOST_ENDED = 2_000


class JobRepository:
    """Works within the caller's transaction. Locks are taken in the order job, counters, quota."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert(self, job_id: UUID, owner_id: UUID, new: NewJob) -> Job:
        """Add a queued job; its owner's counter has been raised by the caller."""
        statement = insert(jobs).values(
            id=job_id,
            owner_id=owner_id,
            kind=new.kind,
            queue=new.queue,
            request=new.request,
            priority=new.priority,
            cost=new.cost,
            model=new.model,
            reserved_ms=new.reserve_ms,
            stored_bytes=new.reserve_bytes,
            webhook_url=new.webhook_url,
        )
        return job_from_row((await self._connection.execute(statement.returning(jobs))).one())

    async def get(self, job_id: UUID, owner_id: UUID | None = None) -> Job | None:
        """One job, if it is that owner's."""
        if owner_id is None:
            rows = await _ONE.rows(self._connection, item=job_id)
        else:
            rows = await _OWN.rows(self._connection, item=job_id, person=owner_id)
        return job_from_row(rows[0]) if rows else None

    async def lock(self, job_id: UUID, *, skip_locked: bool = False) -> tuple[Job, datetime] | None:
        """One job, locked until the transaction ends, and the database's time."""
        query = select(jobs, func.clock_timestamp().label("now")).where(jobs.c.id == job_id)
        row = (await self._connection.execute(query.with_for_update(skip_locked=skip_locked))).first()
        return (job_from_row(row), row.now) if row else None

    async def save(self, before: Job, after: Job) -> None:
        """Write what a rule changed in a locked job, and keep the owner's counters in step."""
        changed = {
            name: stored(name, getattr(after, name))
            for name in COLUMNS
            if getattr(after, name) != getattr(before, name)
        }
        if changed:
            await self._connection.execute(update(jobs).where(jobs.c.id == before.id).values(changed))
        if before.status is not after.status:
            await QueueRepository(self._connection).moved(before, after)

    async def of_owner(
        self, owner_id: UUID, *, status: Status | None = None, before_id: UUID | None = None, limit: int
    ) -> list[Job]:
        """The owner's jobs, newest first."""
        if status is None and before_id is None:
            return [job_from_row(row) for row in await _NEWEST.rows(self._connection, person=owner_id, limit=limit)]
        query = select(jobs).where(jobs.c.owner_id == owner_id)
        if status is not None:
            query = query.where(jobs.c.status == status.value)
        if before_id is not None:
            query = query.where(jobs.c.id < before_id)
        rows = await self._connection.execute(query.order_by(jobs.c.id.desc()).limit(limit))
        return [job_from_row(row) for row in rows]

    async def renew(self, beats: Sequence[Beat], lease_seconds: float) -> dict[UUID, bool]:
        """Prolong leases; the jobs that are still held, each with whether its end was asked for."""
        rows = await self._connection.execute(
            _RENEW,
            {
                "lease": timedelta(seconds=lease_seconds),
                "job_ids": [beat.job_id for beat in beats],
                "lease_ids": [beat.lease_id for beat in beats],
                "tokens": [beat.fencing_token for beat in beats],
                "progress": [beat.progress for beat in beats],
                "stages": [beat.stage for beat in beats],
                "etas": [beat.eta_seconds for beat in beats],
            },
        )
        return {row.id: row.cancel_requested for row in rows}

    async def expired(self, lease_seconds: float, limit: int) -> list[UUID]:
        """Running jobs whose lease ran out; none within one lease after the start of PostgreSQL."""
        rows = await self._connection.execute(_EXPIRED, {"lease": timedelta(seconds=lease_seconds), "limit": limit})
        return list(rows.scalars())

    async def leased_by(self, worker_id: str) -> list[UUID]:
        """Running jobs of one worker process."""
        query = select(jobs.c.id).where(jobs.c.status == Status.RUNNING.value, jobs.c.lease_worker == worker_id)
        return list((await self._connection.execute(query.order_by(jobs.c.id))).scalars())

    async def ended_among(self, job_ids: Sequence[UUID]) -> list[UUID]:
        """Those of the jobs that have ended."""
        ended = [status.value for status in Status if status.ended]
        query = select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.status.in_(ended))
        return list((await self._connection.execute(query)).scalars())

    async def stored_bytes_of(self, owner_id: UUID) -> int:
        """What the owner's jobs take in storage, with what those that have not ended hold."""
        query = select(func.coalesce(func.sum(jobs.c.stored_bytes), 0)).where(
            jobs.c.owner_id == owner_id, jobs.c.stored_bytes > 0
        )
        return int((await self._connection.execute(query)).scalar_one())

    async def files_of_tracks(self, owner_id: UUID, track_id: UUID) -> list[UUID]:
        """The owner's ended jobs whose own files come from a track."""
        query = select(jobs.c.id).where(
            jobs.c.owner_id == owner_id,
            jobs.c.cleanup_due_at.is_not(None),
            jobs.c.result["files"].is_not(None),
            jobs.c.request["_sources"].contains([{"track_id": str(track_id)}]),
        )
        return list((await self._connection.execute(query)).scalars())

    async def ended_within(self, span: timedelta) -> list[Job]:
        """Jobs that ended lately, whoever owns them: the newest few thousand."""
        # By clean-up, which has an index: it is due some time after the end, for jobs with files a week.
        recent = (jobs.c.cleanup_due_at >= func.now() + CLEANUP_DELAY - span) & (
            jobs.c.finished_at >= func.now() - span
        )
        query = select(jobs).where(recent).order_by(jobs.c.finished_at.desc()).limit(_MOST_ENDED)
        return [job_from_row(row) for row in await self._connection.execute(query)]

    async def cleanup_due(self, limit: int) -> list[UUID]:
        """Ended jobs whose leftover objects may be deleted now."""
        query = select(jobs.c.id).where(jobs.c.cleanup_due_at <= func.now()).order_by(jobs.c.cleanup_due_at)
        return list((await self._connection.execute(query.limit(limit))).scalars())

    async def cleanup_due_at(self, job_id: UUID) -> datetime | None:
        """When the leftovers of a job are to be looked for."""
        query = select(jobs.c.cleanup_due_at).where(jobs.c.id == job_id)
        found: datetime | None = (await self._connection.execute(query)).scalar_one_or_none()
        return found

    async def cleaned(
        self, job_id: UUID, stored_bytes: int, next_at: datetime | None, *, due_at: datetime | None
    ) -> None:
        """Note what is left of a job in storage, and when to look again (None: never).

        `due_at` is what stood there when the cleaning began: a deletion since then has asked for another look.
        """
        unchanged = case((jobs.c.cleanup_due_at == due_at, next_at), else_=jobs.c.cleanup_due_at)
        statement = update(jobs).where(jobs.c.id == job_id)
        await self._connection.execute(statement.values(stored_bytes=stored_bytes, cleanup_due_at=unchanged))

    async def awaited_uploads(self) -> set[str]:
        """Where the files lie that jobs have yet to read."""
        upload = jobs.c.request["_upload"].astext
        ended = [status.value for status in Status if status.ended]
        query = select(upload).where(jobs.c.status.not_in(ended), jobs.c.kind == "import")
        return {key for key in (await self._connection.execute(query)).scalars() if key}

    async def set_cleanup(self, job_ids: Sequence[UUID], delay: timedelta) -> None:
        """Have the leftovers of jobs looked for after `delay`, unless that is due sooner."""
        due_at = func.now() + delay
        planned = jobs.c.cleanup_due_at
        # What is due already may be worked on at this moment, and would miss what has changed now.
        later = or_(planned.is_(None), planned > due_at, planned <= func.now())
        await self._connection.execute(update(jobs).where(jobs.c.id.in_(job_ids), later).values(cleanup_due_at=due_at))
