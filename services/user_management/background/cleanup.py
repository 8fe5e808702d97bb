"""What the background tasks do, without Celery: delete objects, and sweep what has had its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.shared.storage import ObjectStore
from services.user_management.auth.repository import SessionRepository
from services.user_management.database import Database
from services.user_management.jobs.idempotency import IdempotencyRepository
from services.user_management.jobs.repository import JobRepository
from services.user_management.library.objects import job_prefix, orphans, prefixes_of
from services.user_management.library.repository import TrackRepository

# Ended sessions stay for a while, so that the reuse of a stolen token is still noticed.
SESSIONS_KEPT: Final = timedelta(days=7)
JOBS_PER_SWEEP: Final = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """How much one sweep removed."""

    idempotency_keys: int = 0
    sessions: int = 0
    jobs: int = 0
    objects: int = 0


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


async def sweep(database: Database, store: ObjectStore) -> Swept:
    """Forget expired idempotency keys and sessions; delete the objects that no track refers to."""

    async def forget(connection: AsyncConnection) -> tuple[int, int]:
        keys = await IdempotencyRepository(connection).forget_expired()
        return keys, await SessionRepository(connection).forget_ended(SESSIONS_KEPT)

    async def due(connection: AsyncConnection) -> list[UUID]:
        return await JobRepository(connection).cleanup_due(JOBS_PER_SWEEP)

    keys, sessions = await database.write(forget, repeatable=True)
    cleaned = objects = 0
    for job_id in await database.read(due):
        try:
            objects += await _clean(database, store, job_id)
        except AppError as error:
            # Storage that does not answer now is asked again in a minute; the other jobs need not wait for it.
            _log.warning("job_not_cleaned", job_id=str(job_id), reason=error.message)
            continue
        cleaned += 1
    return Swept(keys, sessions, cleaned, objects)


async def _clean(database: Database, store: ObjectStore, job_id: UUID) -> int:
    """Delete what an ended job left behind; how many objects."""

    async def referred(connection: AsyncConnection) -> set[str]:
        job = await JobRepository(connection).get(job_id)
        # A job's own files belong to no track: the job itself refers to them.
        own_files = (job.result or {}).get("files", ()) if job is not None else ()
        keys = await TrackRepository(connection).object_keys_of_job(job_id)
        return keys | {str(file["object_key"]) for file in own_files}

    async def done(connection: AsyncConnection) -> None:
        await JobRepository(connection).set_cleanup(job_id, None)

    kept = await database.read(referred)
    stored = [info.key async for info in store.list(job_prefix(job_id))]
    deleted = 0
    for key in orphans(stored, kept):
        deleted += await delete_objects(store, prefixes_of([key]))
    await database.write(done, repeatable=True)
    return deleted
