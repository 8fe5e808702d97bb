"""Deletes the accounts whose grace is over: their objects in storage first, then every row."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError
from services.shared.storage import ObjectStore
from services.user_management.accounts.repository import UserRepository
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.background.cleanup import delete_objects
from services.user_management.database import Database
from services.user_management.exports.exports import FOLDER
from services.user_management.guests.repository import GuestRepository
from services.user_management.guests.rules import GUEST
from services.user_management.jobs.tables import jobs
from services.user_management.library.objects import derivatives_prefix, job_prefix
from services.user_management.library.repository import TrackRepository
from services.user_management.mail.repository import MailRepository
from services.user_management.social.removal import AT_ONCE, some_removed

_LOOK_SECONDS: Final = 60.0
_PER_LOOK: Final = 20

_log = structlog.get_logger(__name__)


class Farewell:
    """A loop beside the service; several replicas do no harm."""

    def __init__(self, database: Database, store: ObjectStore, *, look_seconds: float = _LOOK_SECONDS) -> None:
        self._database = database
        self._store = store
        self._look_seconds = look_seconds

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.once()
            except AppError as error:
                _log.warning("accounts_not_deleted", reason=error.message)
            await asyncio.sleep(self._look_seconds)

    async def once(self) -> int:
        """Delete what is due; how many accounts. Raises `AppError` when the database or storage is away."""
        await self._database.write(lambda connection: MailRepository(connection).forget_expired())
        await self._database.write(lambda connection: GuestRepository(connection).forget_members())
        due = await self._database.read(lambda connection: UserRepository(connection).due_for_deletion(_PER_LOOK))
        for user_id in due:
            objects = await delete_objects(self._store, await self._database.read(_prefixes(user_id)))
            # Whoever signed in at the last moment finds the rows, and silence.
            while await self._database.write(_deeds(user_id)) == AT_ONCE:
                continue
            await self._database.write(_rows(user_id))
            _log.info("account_deleted", user_id=str(user_id), objects=objects)
        return len(due)


def _prefixes(user_id: UUID) -> Callable[[AsyncConnection], Awaitable[list[str]]]:
    async def query(connection: AsyncConnection) -> list[str]:
        found = [f"{FOLDER}/{user_id}/"]
        for job_id in (await connection.execute(select(jobs.c.id).where(jobs.c.owner_id == user_id))).scalars():
            keys = await TrackRepository(connection).object_keys_of_job(job_id)
            found += [job_prefix(job_id), *(derivatives_prefix(key) for key in keys)]
        return found

    return query


def _deeds(user_id: UUID) -> Callable[[AsyncConnection], Awaitable[int]]:
    async def work(connection: AsyncConnection) -> int:
        user = await UserRepository(connection).lock_due(user_id)
        return 0 if user is None else await some_removed(connection, user_id)

    return work


def _rows(user_id: UUID) -> Callable[[AsyncConnection], Awaitable[None]]:
    async def work(connection: AsyncConnection) -> None:
        users = UserRepository(connection)
        user = await users.lock_due(user_id)
        if user is None:
            return
        # The entry keeps the id alone: who it was is gone with the account.
        details = {"guest": True} if user.role == GUEST else {}
        await AuditLog(connection).append(Entry(Action.DELETED, Actor(None, "musicgen"), user_id, details=details))
        await users.delete(user_id)

    return work
