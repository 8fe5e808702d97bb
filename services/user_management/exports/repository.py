"""SQL of exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Interval, and_, delete, func, or_, select, text, update
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.ids import new_id
from services.user_management.exports.tables import account_exports

# Any number will do, as long as nobody else takes it: "exports1" in ASCII.
_LOCK: Final = 0x6578706F_72747331

_CLAIM: Final = text(
    """
    UPDATE account_exports AS taken
    SET status = 'running', attempts = taken.attempts + 1, due_at = now() + :lease, files_done = 0
    WHERE taken.owner_id = (
        SELECT owner_id FROM account_exports
        WHERE status IN ('queued', 'running') AND due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING taken.owner_id, taken.id, taken.attempts
    """
).bindparams(bind("lease", type_=Interval))


@dataclass(frozen=True, slots=True)
class Export:
    """One account's export."""

    owner_id: UUID
    id: UUID
    status: str
    files: int
    files_done: int
    object_key: str
    size_bytes: int
    sha256: str
    error: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedExport:
    """An export that is to be made now, by whoever claimed it."""

    owner_id: UUID
    id: UUID
    attempt: int


_COLUMNS: Final = tuple(account_exports.c[name] for name in Export.__dataclass_fields__)


class ExportRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, owner_id: UUID) -> Export | None:
        """The account's export."""
        row = (await self._connection.execute(select(*_COLUMNS).where(account_exports.c.owner_id == owner_id))).first()
        return Export(*row) if row else None

    async def ask(self, owner_id: UUID, keep: timedelta, failed_for: timedelta) -> Export:
        """A new export; or the one that is being made, was made within `keep`, or failed within `failed_for`."""
        columns = account_exports.c
        statement = insert(account_exports).values(owner_id=owner_id, id=UUID(new_id()))
        fresh: dict[str, Any] = {
            "id": statement.excluded.id,
            "status": "queued",
            "attempts": 0,
            "due_at": func.now(),
            "files": 0,
            "files_done": 0,
            "object_key": "",
            "size_bytes": 0,
            "sha256": "",
            "error": "",
            "created_at": func.now(),
            "finished_at": None,
            "expires_at": None,
        }
        old = or_(
            and_(columns.status == "failed", columns.finished_at <= func.now() - failed_for),
            and_(columns.status == "ready", columns.finished_at <= func.now() - keep),
        )
        await self._connection.execute(
            statement.on_conflict_do_update(index_elements=[columns.owner_id], set_=fresh, where=old)
        )
        found = await self.get(owner_id)
        if found is None:
            raise AssertionError("It was made, or was there.")
        return found

    async def claim(self, lease: timedelta) -> ClaimedExport | None:
        """An export that is due; None when there is none, or when one is being made: they take turns."""
        await self._connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        columns = account_exports.c
        running = select(columns.owner_id).where(columns.status == "running", columns.due_at > func.now()).limit(1)
        if (await self._connection.execute(running)).first() is not None:
            return None
        row = (await self._connection.execute(_CLAIM, {"lease": lease})).first()
        return ClaimedExport(row.owner_id, row.id, row.attempts) if row else None

    async def renew(self, claimed: ClaimedExport, lease: timedelta, files_done: int, files: int) -> bool:
        """Go on holding it; False when it was lost, or is not wanted any more."""
        return await self._write(claimed, due_at=func.now() + lease, files_done=files_done, files=files)

    async def ready(self, claimed: ClaimedExport, *, key: str, size_bytes: int, sha256: str, kept: timedelta) -> bool:
        """Note that it is made; False when it was lost."""
        values: dict[str, Any] = {"object_key": key, "size_bytes": size_bytes, "sha256": sha256}
        return await self._write(
            claimed, status="ready", finished_at=func.now(), expires_at=func.now() + kept, **values
        )

    async def failed(self, claimed: ClaimedExport, error: str) -> bool:
        """Note that it is given up."""
        return await self._write(claimed, status="failed", finished_at=func.now(), error=error)

    async def postpone(self, claimed: ClaimedExport, pause: timedelta) -> bool:
        """Give it back, to be made anew."""
        return await self._write(claimed, status="queued", due_at=func.now() + pause)

    async def _write(self, claimed: ClaimedExport, **values: Any) -> bool:
        columns = account_exports.c
        mine = (
            (columns.owner_id == claimed.owner_id)
            & (columns.id == claimed.id)
            & (columns.status == "running")
            & (columns.attempts == claimed.attempt)
        )
        return (await self._connection.execute(update(account_exports).where(mine).values(values))).rowcount == 1

    async def forget_expired(self) -> list[UUID]:
        """Delete the rows that have had their time; whose they were."""
        gone = delete(account_exports).where(account_exports.c.expires_at <= func.now())
        return list((await self._connection.execute(gone.returning(account_exports.c.owner_id))).scalars())

    async def keys(self) -> set[str]:
        """Where the archives lie that may be fetched."""
        query = select(account_exports.c.object_key).where(account_exports.c.object_key != "")
        return set((await self._connection.execute(query)).scalars())
