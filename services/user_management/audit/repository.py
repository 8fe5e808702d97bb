"""SQL of the audit log."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.audit.entry import Entry, Line
from services.user_management.audit.tables import audit_entries


class AuditLog:
    """Works within the caller's transaction: an entry is there if and only if what it tells of happened."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def append(self, entry: Entry) -> None:
        """Write a line."""
        await self._connection.execute(
            insert(audit_entries).values(
                id=UUID(new_id()),
                actor_id=entry.actor.id,
                actor=entry.actor.name,
                action=entry.action.value,
                subject_id=entry.subject_id or entry.actor.id,
                address=entry.actor.address,
                outcome="ok" if entry.ok else "refused",
                details=dict(entry.details),
            )
        )

    async def prune(self, kept: timedelta, most: int) -> int:
        """Delete entries that are older than `kept`, the oldest first, at most `most`; how many.

        The trigger lets only this go, and nothing that is younger than 30 days.
        """
        await self._connection.execute(select(func.set_config("musicgen.audit_pruning", "on", True)))
        # Ids are made in the order of time: what is oldest stands at the beginning of the primary key.
        oldest = select(audit_entries.c.id, audit_entries.c.at).order_by(audit_entries.c.id).limit(most).subquery()
        due = select(oldest.c.id).where(oldest.c.at < func.now() - kept)
        return (await self._connection.execute(delete(audit_entries).where(audit_entries.c.id.in_(due)))).rowcount

    async def page(self, *, user_id: UUID | None, action: str, before_id: UUID | None, limit: int) -> list[Line]:
        """Lines, newest first: of one account (as actor or subject), of one action."""
        query = select(
            audit_entries.c.id,
            audit_entries.c.at,
            audit_entries.c.actor_id,
            audit_entries.c.actor,
            audit_entries.c.action,
            audit_entries.c.subject_id,
            audit_entries.c.address,
            audit_entries.c.outcome,
            audit_entries.c.details,
        ).order_by(audit_entries.c.id.desc())
        if user_id is not None:
            query = query.where(or_(audit_entries.c.actor_id == user_id, audit_entries.c.subject_id == user_id))
        if action:
            query = query.where(audit_entries.c.action == action)
        if before_id is not None:
            query = query.where(audit_entries.c.id < before_id)
        return [Line(*row) for row in await self._connection.execute(query.limit(limit))]
