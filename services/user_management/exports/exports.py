"""Exports of accounts: asked for by their owners, made by the background worker, deleted after a week.

A worker holds a lease on the row while it writes. One that dies leaves nothing behind but a draft: the archive appears
in storage whole or not at all, and when the lease has run out another worker begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.shared.storage import ObjectStore
from services.user_management.background.app import BACKGROUND, EXPORT
from services.user_management.background.sender import BackgroundTasks
from services.user_management.database import Database
from services.user_management.exports.archive import zipped
from services.user_management.exports.contents import Contents
from services.user_management.exports.repository import ClaimedExport, Export, ExportRepository

KEPT: Final = timedelta(days=7)
# Reading a whole library again within a day serves nobody, and an archive is not counted as its owner's storage: there
# is one an account, for a while. What failed may be tried again sooner.
FRESH: Final = timedelta(hours=24)
FAILED_FOR: Final = timedelta(hours=1)
LEASE: Final = timedelta(seconds=60)
MOST_ATTEMPTS: Final = 3
FOLDER: Final = "exports"
_RENEW_SECONDS: Final = 10.0
_PAUSE: Final = timedelta(seconds=30)
# A draft of a worker that is dead is never asked for; a live one writes to where no row points yet.
_ORPHANS_AFTER: Final = timedelta(days=1)

_log = structlog.get_logger(__name__)


class Exports:
    """What owners ask for. Every method raises `AppError`."""

    def __init__(self, database: Database, tasks: BackgroundTasks) -> None:
        self._database = database
        self._tasks = tasks

    async def ask(self, owner_id: UUID) -> Export:
        """Have an export made; the one that is on its way, or that is not old enough yet, is the answer otherwise."""
        export = await self._database.write(
            lambda connection: ExportRepository(connection).ask(owner_id, FRESH, FAILED_FOR), repeatable=True
        )
        if export.status == "queued":
            self._tasks.post(EXPORT, queue=BACKGROUND)
        return export

    async def get(self, owner_id: UUID) -> Export:
        """The account's export. NOT_FOUND when none was asked for, or its time is over."""
        export = await self._database.read(lambda connection: ExportRepository(connection).get(owner_id))
        if export is None or (export.expires_at is not None and export.expires_at <= datetime.now(UTC)):
            raise AppError(ErrorCode.NOT_FOUND, "There is no export. Ask for one with POST /api/v1/users/me/export.")
        return export


def next_at(export: Export) -> datetime | None:
    """When another one can be asked for; None while this one is on its way."""
    if export.finished_at is None:
        return None
    return export.finished_at + (FRESH if export.status == "ready" else FAILED_FOR)


class Exporter:
    """Makes exports, one after the other. `lease` and `renew_seconds` are the rules' own unless a test needs others."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        *,
        lease: timedelta = LEASE,
        renew_seconds: float = _RENEW_SECONDS,
    ) -> None:
        self._database = database
        self._store = store
        self._lease = lease
        self._renew_seconds = renew_seconds

    async def run(self) -> int:
        """Make what is due; how many. Raises `AppError` when the database is away."""
        made = 0
        while True:
            claimed = await self._database.write(lambda connection: ExportRepository(connection).claim(self._lease))
            if claimed is None:
                return made
            made += await self._make(claimed)

    async def _make(self, claimed: ClaimedExport) -> bool:
        try:
            await self._write(claimed)
        except AppError as error:
            _log.warning("export_failed", attempt=claimed.attempt, reason=error.message)
            await self._give_back(claimed, error)
            return False
        return True

    async def _give_back(self, claimed: ClaimedExport, error: AppError) -> None:
        async def settle(connection: AsyncConnection) -> None:
            exports = ExportRepository(connection)
            if claimed.attempt >= MOST_ATTEMPTS:
                await exports.failed(claimed, f"It could not be made: {error.message} Ask again later.")
            else:
                await exports.postpone(claimed, _PAUSE)

        await self._database.write(settle, repeatable=True)

    async def _write(self, claimed: ClaimedExport) -> None:
        """Write the archive while the lease is renewed. Raises `AppError`; CONFLICT when the lease was lost."""
        if claimed.attempt > MOST_ATTEMPTS:
            # Each of them died over it without a word.
            raise AppError(ErrorCode.INTERNAL, "Its workers stopped again and again.")
        folder = f"{FOLDER}/{claimed.owner_id}"
        # What an earlier export or a worker that died left.
        await self._store.delete_prefix(folder)
        key = f"{folder}/{claimed.id}-{claimed.attempt}.zip"
        progress = _Progress()
        contents = Contents(self._database, self._store, claimed.owner_id, progress.tell)
        writing = asyncio.ensure_future(self._store.put_stream(key, progress.measured(contents)))
        holding = asyncio.ensure_future(self._hold(claimed, progress))
        try:
            done, _ = await asyncio.wait({writing, holding}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            writing.cancel()
            holding.cancel()
            await asyncio.gather(writing, holding, return_exceptions=True)

        async def ready(connection: AsyncConnection) -> bool:
            return await ExportRepository(connection).ready(
                claimed, key=key, size_bytes=progress.size_bytes, sha256=progress.digest.hexdigest(), kept=KEPT
            )

        if not await self._database.write(ready):
            # The account is gone, or somebody else has it by now.
            await self._store.delete(key)
            return
        _log.info("export_made", files=progress.files, size_bytes=progress.size_bytes)

    async def _hold(self, claimed: ClaimedExport, progress: _Progress) -> None:
        while True:
            await asyncio.sleep(self._renew_seconds)

            async def renew(connection: AsyncConnection) -> bool:
                return await ExportRepository(connection).renew(
                    claimed, self._lease, progress.files_done, progress.files
                )

            if not await self._database.write(renew, repeatable=True):
                raise AppError(ErrorCode.CONFLICT, "The export is somebody else's by now.")


class _Progress:
    """How far an archive is, and what it amounts to."""

    def __init__(self) -> None:
        self.files = 0
        self.files_done = 0
        self.size_bytes = 0
        self.digest = hashlib.sha256()

    async def tell(self, done: int, total: int) -> None:
        """So many files of so many are written."""
        self.files_done, self.files = done, total

    async def measured(self, contents: Contents) -> AsyncIterator[bytes]:
        """The archive's bytes, counted and digested on their way."""
        async with aclosing(contents.files()) as files, aclosing(zipped(files)) as pieces:
            async for piece in pieces:
                if piece:
                    self.size_bytes += len(piece)
                    self.digest.update(piece)
                    yield piece


async def forget_expired(database: Database, store: ObjectStore) -> int:
    """Delete the archives whose time is over, and what no row points to; how many objects."""
    deleted = 0
    for owner_id in await database.write(lambda connection: ExportRepository(connection).forget_expired()):
        deleted += await store.delete_prefix(f"{FOLDER}/{owner_id}")
    before = datetime.now(UTC) - _ORPHANS_AFTER
    old = [info.key async for info in store.list(FOLDER) if info.modified < before]
    kept = await database.read(lambda connection: ExportRepository(connection).keys()) if old else set()
    for key in old:
        if key not in kept:
            await store.delete(key)
            deleted += 1
    return deleted
