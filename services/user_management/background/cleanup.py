"""What the background tasks do, without Celery: delete objects, and sweep what has had its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.shared.storage import ObjectStore
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.repository import SessionRepository
from services.user_management.database import Database
from services.user_management.exports.exports import forget_expired
from services.user_management.jobs.idempotency import IdempotencyRepository
from services.user_management.jobs.repository import JobRepository
from services.user_management.library.objects import (
    COVERS_AWAITED,
    UPLOADS,
    UPLOADS_KEPT,
    cover_folder,
    files_end_at,
    files_of,
    job_prefix,
    orphans,
    prefixes_of,
    sources_of,
)
from services.user_management.library.removal import trash_emptied
from services.user_management.library.repository import TrackRepository
from services.user_management.notifications.repository import NotificationRepository
from services.user_management.webhooks.repository import WebhookRepository

# Ended sessions stay for a while, so that the reuse of a stolen token is still noticed.
SESSIONS_KEPT: Final = timedelta(days=7)
JOBS_PER_SWEEP: Final = 200
# What webhooks were told, and what they could not be told.
DELIVERED_KEPT: Final = timedelta(days=7)
AUDIT_BATCH: Final = 500
AUDIT_BATCHES: Final = 10
DEAD_LETTERS_KEPT: Final = timedelta(days=30)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How much one sweep removed."""

    idempotency_keys: int = 0
    sessions: int = 0
    jobs: int = 0
    objects: int = 0
    tracks: int = 0
    notifications: int = 0
    deliveries: int = 0
    audit_entries: int = 0


async def delete_objects(store: ObjectStore, prefixes: Sequence[str]) -> int:
    """Delete objects, and whole folders where a prefix ends in "/". Deleting twice is harmless."""
    deleted = 0
    for prefix in prefixes:
        if prefix.endswith("/"):
            deleted += await store.delete_prefix(prefix)
        else:
            await store.delete(prefix)
            deleted += 1
    return deleted


async def sweep(database: Database, store: ObjectStore, *, audit_kept: timedelta | None = None) -> Swept:
    """Forget what has had its time; delete the objects that no track refers to.

    `audit_kept`: how long the audit log is kept; None: for ever.
    """

    async def forget(connection: AsyncConnection) -> tuple[int, int]:
        keys = await IdempotencyRepository(connection).forget_expired()
        return keys, await SessionRepository(connection).forget_ended(SESSIONS_KEPT)

    async def forget_told(connection: AsyncConnection) -> int:
        return await NotificationRepository(connection).forget_old()

    async def due(connection: AsyncConnection) -> list[UUID]:
        return await JobRepository(connection).cleanup_due(JOBS_PER_SWEEP)

    keys, sessions = await database.write(forget, repeatable=True)
    # Its objects are found below, as those of every removed track whose message was lost.
    tracks = await database.write(trash_emptied, repeatable=True)
    notifications = await database.write(forget_told, repeatable=True)
    deliveries = await database.write(_forget_deliveries, repeatable=True)
    audit_entries = await prune_audit(database, audit_kept) if audit_kept is not None else 0
    cleaned = objects = 0
    for job_id in await database.read(due):
        try:
            objects += await _clean(database, store, job_id)
        except AppError as error:
            # Storage that does not answer now is asked again in a minute; the other jobs need not wait for it.
            _log.warning("job_not_cleaned", job_id=str(job_id), reason=error.message)
            continue
        cleaned += 1
    try:
        objects += await _forget_uploads(database, store)
    except AppError as error:
        _log.warning("uploads_not_swept", reason=error.message)
    try:
        objects += await forget_expired(database, store)
    except AppError as error:
        _log.warning("exports_not_swept", reason=error.message)
    return Swept(keys, sessions, cleaned, objects, tracks, notifications, deliveries, audit_entries)


async def prune_audit(database: Database, kept: timedelta) -> int:
    """Let the oldest entries of the audit log go, a small batch a transaction; how many, at most 5,000."""
    pruned = 0
    for _ in range(AUDIT_BATCHES):
        gone = await database.write(lambda connection: AuditLog(connection).prune(kept, AUDIT_BATCH), repeatable=True)
        pruned += gone
        if gone < AUDIT_BATCH:
            break
    return pruned


async def _forget_deliveries(connection: AsyncConnection) -> int:
    now = datetime.now(UTC)
    return await WebhookRepository(connection).forget(now - DELIVERED_KEPT, now - DEAD_LETTERS_KEPT)


@dataclass(frozen=True, slots=True)
class _Referred:
    """What of a job is to stay, where the file lies that it was about, and when to look again."""

    kept: set[str]
    upload: str = ""
    next_at: datetime | None = None
    due_at: datetime | None = None


async def _clean(database: Database, store: ObjectStore, job_id: UUID) -> int:
    """Delete what an ended job left behind; how many objects."""

    async def referred(connection: AsyncConnection) -> _Referred:
        due_at = await JobRepository(connection).cleanup_due_at(job_id)
        keys = await TrackRepository(connection).object_keys_of_job(job_id)
        job = await JobRepository(connection).get(job_id)
        if job is None or job.finished_at is None:
            return _Referred(keys, due_at=due_at)
        upload = str(job.request.get("_upload", ""))
        # A job's own files belong to no track: the job itself refers to them, for a week, or until a track goes that
        # they come from.
        files, sources = files_of(job.result), sources_of(job.request)
        ends_at = files_end_at(job.finished_at)
        if not files or ends_at <= datetime.now(UTC):
            return _Referred(keys, upload, due_at=due_at)
        if len(await TrackRepository(connection).existing(sources)) < len(set(sources)):
            return _Referred(keys, upload, due_at=due_at)
        return _Referred(keys | set(files), upload, ends_at, due_at)

    async def done(connection: AsyncConnection) -> None:
        await JobRepository(connection).cleaned(job_id, left, next_at, due_at=found.due_at)

    found = await database.read(referred)
    now = datetime.now(UTC)
    stored: dict[str, int] = {}
    awaited: set[str] = set()
    async for info in store.list(job_prefix(job_id)):
        stored[info.key] = info.size_bytes
        if info.key.startswith(cover_folder(job_id)) and info.modified > now - COVERS_AWAITED:
            awaited.add(info.key)
    awaited -= found.kept
    again_at = now + COVERS_AWAITED if awaited else None
    next_at = min(filter(None, (found.next_at, again_at)), default=None)
    gone = orphans(stored, found.kept | awaited)
    deleted = 0
    for key in gone:
        deleted += await delete_objects(store, prefixes_of([key]))
    if found.upload:
        await store.delete(found.upload)
    left = sum(stored.values()) - sum(stored[key] for key in gone)
    await database.write(done, repeatable=True)
    return deleted


async def _forget_uploads(database: Database, store: ObjectStore) -> int:
    """Delete files that were sent and that no job took or waits to take; how many."""

    async def awaited(connection: AsyncConnection) -> set[str]:
        return await JobRepository(connection).awaited_uploads()

    before = datetime.now(UTC) - UPLOADS_KEPT
    old = [info.key async for info in store.list(UPLOADS) if info.modified < before]
    kept = await database.read(awaited) if old else set()
    gone = [key for key in old if key not in kept]
    for key in gone:
        await store.delete(key)
    return len(gone)
