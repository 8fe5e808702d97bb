"""The ledger's operations: each is one transaction around the pure rules, followed by an announcement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.shared.ids import new_id
from services.user_management.database import Database
from services.user_management.jobs import fairness, rules
from services.user_management.jobs.announcer import Announcer
from services.user_management.jobs.fairness import Worker
from services.user_management.jobs.idempotency import IdempotencyKey, IdempotencyRepository
from services.user_management.jobs.queue_repository import QueueRepository
from services.user_management.jobs.repository import Beat, JobRepository
from services.user_management.jobs.rules import HeldLease, Job, JobFailure, NewJob, Status
from services.user_management.library.repository import TrackRepository
from services.user_management.library.track import TrackContent
from services.user_management.quotas import rules as quota
from services.user_management.quotas.repository import QuotaRepository
from services.user_management.quotas.tiers import (
    Tiers,
    check_guests,
    check_jobs,
    check_length,
    check_span,
    day_start,
    month_start,
)
from services.user_management.webhooks.outbox import JobOutbox

_REAP_BATCH: Final = 100
_CLAIM_ATTEMPTS: Final = 5
_FAILURES_IN_A_ROW: Final = 3
_FOREIGN_KEY_VIOLATION: Final = "23503"

Rule = Callable[[Job, datetime], Job]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the ledger that an operator may set."""

    lease_seconds: float = rules.LEASE_SECONDS
    max_crashes: int = rules.MAX_CRASHES
    queued_in_all: int = 1000
    queued_per_owner: int = 200
    # What one owner's tracks and files may take in storage; 0: any number.
    stored_bytes_per_owner: int = 0


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a run made."""

    tracks: Sequence[TrackContent] = ()
    made_ms: int = 0
    stored_bytes: int = 0
    result: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None


class JobLedger:
    """Every method raises `AppError`. Owners and workers are told apart by the caller."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        limits: Limits,
        outbox: JobOutbox | None = None,
        tiers: Tiers | None = None,
    ) -> None:
        self._database = database
        self._announcer = announcer
        self._limits = limits
        self._outbox = outbox
        self._tiers = tiers or Tiers()

    async def create(self, owner_id: UUID, new: NewJob, key: IdempotencyKey | None = None) -> tuple[Job, bool]:
        """Reserve quota and insert the job; or answer the job of the same key. The flag says which (True: replayed)."""
        self._check(new)
        return (await self._create_all(owner_id, [(new, key)]))[0]

    async def create_all(
        self, owner_id: UUID, orders: Sequence[tuple[NewJob, IdempotencyKey | None]]
    ) -> list[tuple[Job, bool]]:
        """`create` for each order, in one transaction: all of the jobs are made, or none."""
        for position, (new, _) in enumerate(orders):
            try:
                self._check(new)
            except AppError as error:
                raise error.within(f"/jobs/{position}") from None
        return await self._create_all(owner_id, orders)

    def _check(self, new: NewJob) -> None:
        if new.webhook_url and self._outbox is not None:
            self._outbox.check(new.webhook_url)

    async def _create_all(
        self, owner_id: UUID, orders: Sequence[tuple[NewJob, IdempotencyKey | None]]
    ) -> list[tuple[Job, bool]]:
        async def work(connection: AsyncConnection) -> list[tuple[Job, bool]]:
            return [await self._create(connection, owner_id, new, key) for new, key in orders]

        try:
            created = await self._database.write(work, repeatable=all(key is not None for _, key in orders))
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != _FOREIGN_KEY_VIOLATION:
                raise
            raise AppError(ErrorCode.UNAUTHENTICATED, "This account does not exist any more.") from error
        for job, replayed in created:
            if not replayed:
                self._announce(None, job)
        return created

    async def _create(
        self, connection: AsyncConnection, owner_id: UUID, new: NewJob, key: IdempotencyKey | None
    ) -> tuple[Job, bool]:
        job_id = UUID(new_id())
        if key is not None:
            earlier_id = await IdempotencyRepository(connection).claim(owner_id, key, job_id)
            earlier = await JobRepository(connection).get(earlier_id, owner_id) if earlier_id else None
            if earlier is not None:
                return earlier, True
        await self._enter_queue(connection, owner_id, new.queue)
        await self._check_tier(connection, owner_id, new)
        if new.reserve_ms:
            accounts = QuotaRepository(connection)
            account, entry = quota.reserve(await accounts.lock(owner_id), new.reserve_ms)
            await accounts.save(owner_id, account, entry, job_id)
        job = await JobRepository(connection).insert(job_id, owner_id, new)
        await self._tell(connection, None, job)
        return job, False

    async def _check_tier(self, connection: AsyncConnection, owner_id: UUID, new: NewJob) -> None:
        """Raise `AppError` (QUOTA_EXCEEDED) for what the owner's tier does not allow."""
        accounts = QuotaRepository(connection)
        tier = self._tiers.of(await accounts.tier(owner_id))
        room = tier.stored_bytes if tier.stored_bytes is not None else self._limits.stored_bytes_per_owner
        makes = new.reserve_ms > 0 and tier.limits_making
        keeps = new.reserve_bytes > 0 and (room > 0 or tier.stored_bytes is not None)
        check_length(new.reserve_ms, tier.longest_seconds)
        if not (makes or keeps or tier.jobs is not None):
            return
        # The lock makes two creations at once see each other's reservations.
        await accounts.lock(owner_id)
        if tier.jobs is not None:
            check_jobs(await accounts.jobs_at_once(owner_id), tier.jobs)
        if keeps:
            quota.check_room(await JobRepository(connection).stored_bytes_of(owner_id), new.reserve_bytes, room)
        if makes:
            now = datetime.now(UTC)
            spans = (("day", day_start(now), tier.day_seconds), ("month", month_start(now), tier.month_seconds))
            for span, start, limit in spans:
                if limit is not None:
                    check_span(await accounts.made_since(owner_id, start), new.reserve_ms, limit, span)
            if tier.network_day_seconds is not None or tier.guests_day_seconds is not None:
                await accounts.guests_turn()
            if tier.network_day_seconds is not None:
                made = await accounts.made_by_neighbours_since(owner_id, day_start(now))
                check_guests(made, new.reserve_ms, tier.network_day_seconds, "your network")
            if tier.guests_day_seconds is not None:
                made = await accounts.made_by_guests_since(day_start(now))
                check_guests(made, new.reserve_ms, tier.guests_day_seconds, "this server")

    async def _enter_queue(self, connection: AsyncConnection, owner_id: UUID, queue: str) -> None:
        counters = QueueRepository(connection)
        own = await counters.enter(queue, owner_id)
        in_all = await counters.queued_in_all(queue)
        if own > self._limits.queued_per_owner:
            message = f"You have {own - 1} jobs waiting, which is the limit. Wait for some to end, or cancel some."
        elif in_all > self._limits.queued_in_all:
            message = "The queue is full at the moment. Try again in a while."
        else:
            return
        # About the time in which the next place becomes free.
        mean_seconds = await counters.mean_run_seconds(queue)
        wait_seconds = min(60.0, max(1.0, mean_seconds or 10.0))
        raise AppError(ErrorCode.QUEUE_FULL, message, retry_after_seconds=wait_seconds)

    async def claim_next(self, queue: str, worker: Worker) -> Job | None:
        """Lease the fairest job that the worker can run now; None when there is none."""
        if worker.free_budget < 1:
            return None
        lease_id = UUID(new_id())

        async def work(connection: AsyncConnection) -> tuple[Job, Job] | None:
            chosen = await _choose(connection, queue, worker)
            if chosen is None:
                return None
            before, now = chosen
            after = rules.claim(
                before,
                lease_id=lease_id,
                worker_id=worker.worker_id,
                now=now,
                lease_seconds=self._limits.lease_seconds,
            )
            await JobRepository(connection).save(before, after)
            await self._tell(connection, before, after)
            return before, after

        claimed = await self._database.write(work)
        if claimed is None:
            return None
        self._announce(*claimed)
        return claimed[1]

    async def heartbeat(self, beats: Sequence[Beat]) -> dict[UUID, bool]:
        """Renew leases; the jobs that are still held, each with whether its end was asked for."""
        if not beats:
            return {}

        async def work(connection: AsyncConnection) -> dict[UUID, bool]:
            return await JobRepository(connection).renew(beats, self._limits.lease_seconds)

        return await self._database.write(work, repeatable=True)

    async def complete(self, job_id: UUID, held: HeldLease, outputs: Outputs) -> Job:
        """Make the tracks, settle the quota, end the job. The same call again answers the same."""
        for content in outputs.tracks:
            content.check_objects(job_id, held.fencing_token)
        track_ids = tuple(UUID(new_id()) for _ in outputs.tracks)

        def rule(job: Job, now: datetime) -> Job:
            return rules.complete(
                job,
                held,
                now=now,
                track_ids=track_ids,
                result=outputs.result,
                metrics=outputs.metrics,
                stored_bytes=outputs.stored_bytes,
            )

        async def work(connection: AsyncConnection) -> tuple[Job, Job]:
            before, after = await self._apply(connection, job_id, rule, made_ms=outputs.made_ms)
            if before.status is Status.RUNNING and after.status is Status.SUCCEEDED:
                library = TrackRepository(connection)
                for track_id, content in zip(track_ids, outputs.tracks, strict=True):
                    await library.insert(track_id, before, content)
            return before, after

        before, after = await self._database.write(work, repeatable=True)
        masters = [content.master_object_key for content in outputs.tracks] if after.status is Status.SUCCEEDED else []
        self._announce(_if_changed(before, after), after, masters)
        return after

    async def fail(self, job_id: UUID, held: HeldLease, failure: JobFailure) -> Job:
        """End the job with an error and release its reservation. The same call again answers the same."""
        return await self._end_run(job_id, lambda job, now: rules.fail(job, held, failure, now=now))

    async def release(self, job_id: UUID, held: HeldLease) -> Job:
        """Put the job back, or end it when its owner asked for that."""
        return await self._end_run(job_id, lambda job, now: rules.release(job, held, now=now))

    async def cancel(self, owner_id: UUID, job_id: UUID) -> Job:
        """End a queued job of the owner at once; ask a running one's worker."""

        async def work(connection: AsyncConnection) -> tuple[Job, Job]:
            return await self._apply(connection, job_id, lambda job, now: rules.cancel(job, now=now), owner_id=owner_id)

        before, after = await self._database.write(work, repeatable=True, spared=True)
        if after != before:
            self._announce(before, after)
        return after

    async def get(self, owner_id: UUID, job_id: UUID) -> Job:
        """One job of the owner."""

        async def query(connection: AsyncConnection) -> Job | None:
            return await JobRepository(connection).get(job_id, owner_id)

        job = await self._database.read(query)
        if job is None:
            raise no_such_job()
        return job

    async def of_owner(self, owner_id: UUID, *, status: Status | None, before_id: UUID | None, limit: int) -> list[Job]:
        """The owner's jobs, newest first."""

        async def query(connection: AsyncConnection) -> list[Job]:
            jobs = JobRepository(connection)
            return await jobs.of_owner(owner_id, status=status, before_id=before_id, limit=limit)

        return await self._database.read(query)

    async def ended_within(self, span: timedelta) -> list[Job]:
        """The jobs that ended lately, whoever owns them."""

        async def query(connection: AsyncConnection) -> list[Job]:
            return await JobRepository(connection).ended_within(span)

        return await self._database.read(query)

    async def reap(self) -> int:
        """Take away the jobs whose leases ran out; how many."""

        async def expired(connection: AsyncConnection) -> list[UUID]:
            return await JobRepository(connection).expired(self._limits.lease_seconds, _REAP_BATCH)

        return await self._take_away(await self._database.read(expired), rules.expired)

    async def report_worker_death(self, worker_id: str) -> int:
        """Take away every job of a worker process that is known to be dead; how many."""

        async def leased(connection: AsyncConnection) -> list[UUID]:
            return await JobRepository(connection).leased_by(worker_id)

        return await self._take_away(await self._database.read(leased), lambda job, now: job.lease_worker == worker_id)

    async def _take_away(self, job_ids: Sequence[UUID], is_due: Callable[[Job, datetime], bool]) -> int:
        """Each in a transaction of its own, so that one that fails holds up no other."""
        taken = 0
        failures = 0
        unreachable: AppError | None = None

        def rule(job: Job, now: datetime) -> Job:
            return rules.take_away(job, now=now, max_crashes=self._limits.max_crashes) if is_due(job, now) else job

        for job_id in job_ids:

            async def work(connection: AsyncConnection, job_id: UUID = job_id) -> tuple[Job, Job]:
                return await self._apply(connection, job_id, rule, skip_locked=True)

            try:
                before, after = await self._database.write(work)
            except AppError as error:
                # Locked by its own worker, or by another replica's reaper: the next round looks again.
                if error.code is ErrorCode.NOT_FOUND:
                    continue
                _log.warning("job_not_taken_away", job_id=str(job_id), reason=error.message)
                unreachable = error
                failures += 1
                # One row may be in trouble alone; a few in a row mean that the database is.
                if failures == _FAILURES_IN_A_ROW:
                    raise
                continue
            except Exception:
                _log.exception("job_not_taken_away", job_id=str(job_id))
                continue
            failures = 0
            unreachable = None
            if after != before:
                taken += 1
                _log.warning(
                    "job_taken_away",
                    job_id=str(job_id),
                    worker_id=before.lease_worker,
                    crashes=after.crashes,
                    status=after.status.value,
                )
                self._announce(before, after)
        if unreachable is not None and len(job_ids) == failures:
            raise unreachable
        return taken

    async def _end_run(self, job_id: UUID, rule: Rule) -> Job:
        async def work(connection: AsyncConnection) -> tuple[Job, Job]:
            return await self._apply(connection, job_id, rule)

        before, after = await self._database.write(work, repeatable=True)
        self._announce(_if_changed(before, after), after)
        return after

    async def _apply(
        self,
        connection: AsyncConnection,
        job_id: UUID,
        rule: Rule,
        *,
        owner_id: UUID | None = None,
        made_ms: int = 0,
        skip_locked: bool = False,
    ) -> tuple[Job, Job]:
        """Lock the job, apply a rule, write what changed, and settle the quota when it ended."""
        jobs = JobRepository(connection)
        locked = await jobs.lock(job_id, skip_locked=skip_locked)
        if locked is None or (owner_id is not None and locked[0].owner_id != owner_id):
            raise no_such_job()
        before, now = locked
        after = rule(before, now)
        if after == before:
            return before, after
        await jobs.save(before, after)
        if after.status.ended and before.reserved_ms:
            accounts = QuotaRepository(connection)
            account = await accounts.lock(before.owner_id)
            if after.status is Status.SUCCEEDED:
                account, entry = quota.settle(account, before.reserved_ms, made_ms)
            else:
                account, entry = quota.release(account, before.reserved_ms)
            await accounts.save(before.owner_id, account, entry, job_id)
        await self._tell(connection, before, after)
        return before, after

    async def _tell(self, connection: AsyncConnection, before: Job | None, after: Job) -> None:
        """Note whom to tell by webhook, in the transaction of the change."""
        if self._outbox is not None:
            await self._outbox.tell(connection, before, after)

    def _announce(self, before: Job | None, after: Job, master_keys: Sequence[str] = ()) -> None:
        """Tell of a change that is committed."""
        self._announcer.announce(before, after, master_keys=master_keys)
        if self._outbox is not None:
            self._outbox.ring(after.id)


def _if_changed(before: Job, after: Job) -> Job | None:
    """None for a repeated call: whoever announced the first may have died over it, so it is announced again."""
    return before if after != before else None


def no_such_job() -> AppError:
    """The same for a job that never was and for somebody else's."""
    return AppError(ErrorCode.NOT_FOUND, "There is no such job.")


async def _choose(connection: AsyncConnection, queue: str, worker: Worker) -> tuple[Job, datetime] | None:
    """Lock the job that the worker gets, with the database's time; None when there is none or it has to drain first."""
    queues = QueueRepository(connection)
    kept_id = await queues.hard_to_place(queue, worker)
    kept = await JobRepository(connection).lock(kept_id) if kept_id else None
    if kept is not None:
        job, now = kept
        if fairness.fits(job, worker):
            return kept
        if not worker.idle:
            await JobRepository(connection).save(job, fairness.promise(job, worker, now))
            return None
    page = attempt = 0
    while attempt < _CLAIM_ATTEMPTS:
        candidates, more = await queues.candidates(queue, worker, page)
        if not candidates and not more:
            return None
        ordered = fairness.fair_order(candidates)
        preferred = fairness.prefer_resident(ordered, worker.resident_models)
        taken = await queues.take([candidate.job_id for candidate in preferred], worker) if candidates else None
        if taken is not None:
            if preferred[0] is not ordered[0] and taken[0].id == preferred[0].job_id:
                await queues.overtaken(ordered[0].job_id)
            return taken
        # Nothing on this page fits, or others took all of it meanwhile.
        page = page if candidates else page + 1
        attempt += bool(candidates)
    return None
