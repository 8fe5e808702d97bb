"""SQL of reports, and of hiding tracks."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.accounts.holding import hold
from services.user_management.accounts.tables import users
from services.user_management.library.tables import tracks
from services.user_management.library.visibility import heard_by
from services.user_management.moderation.report import Decision, Kind, NewReport, Report, Status, Subject
from services.user_management.moderation.tables import reports
from services.user_management.social.tables import comments

_MODERATORS: Final = ("moderator", "admin")


class ReportRepository:
    """Works within the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def role_of(self, user_id: UUID) -> str:
        """What an account may do at this moment; empty when it may do nothing."""
        query = select(users.c.role).where(users.c.id == user_id, users.c.suspended_at.is_(None))
        return (await self._connection.execute(query)).scalar() or ""

    async def open_of(self, reporter_id: UUID) -> int:
        """How many open reports somebody made; nobody makes another one for them until the transaction ends."""
        await hold(self._connection, reporter_id)
        query = select(func.count()).where(reports.c.reporter_id == reporter_id, reports.c.status == Status.OPEN)
        return (await self._connection.execute(query)).scalar_one()

    async def subject(self, kind: Kind, subject_id: UUID, viewer_id: UUID) -> Subject | None:
        """The thing, if the viewer may see it."""
        query: Select[UUID, str]
        if kind is Kind.USER:
            query = select(users.c.id, users.c.username).where(users.c.id == subject_id, users.c.suspended_at.is_(None))
        elif kind is Kind.TRACK:
            query = (
                select(tracks.c.owner_id, tracks.c.title)
                .join(users, users.c.id == tracks.c.owner_id)
                .where(tracks.c.id == subject_id, heard_by(viewer_id))
            )
        else:
            query = (
                select(comments.c.author_id, comments.c.body)
                .join(tracks, tracks.c.id == comments.c.track_id)
                .join(users, users.c.id == tracks.c.owner_id)
                .where(comments.c.id == subject_id, heard_by(viewer_id))
            )
        row = (await self._connection.execute(query)).first()
        return Subject(subject_id, *row) if row else None

    async def earlier(self, reporter_id: UUID, new: NewReport) -> Report | None:
        """The open report that somebody made of the same thing."""
        return await self._one(
            reports.c.reporter_id == reporter_id,
            reports.c.kind == new.kind,
            reports.c.subject_id == new.subject.id,
            reports.c.status == Status.OPEN,
        )

    async def insert(self, report_id: UUID, reporter_id: UUID, new: NewReport) -> None:
        """Add a report."""
        values = {"id": report_id, "reporter_id": reporter_id, "kind": new.kind}
        values |= {"subject_id": new.subject.id, "owner_id": new.subject.owner_id, "subject_text": new.subject.text}
        values |= {"reason": new.reason, "details": new.details}
        await self._connection.execute(insert(reports).values(values))

    async def get(self, report_id: UUID) -> Report | None:
        """One report."""
        return await self._one(reports.c.id == report_id)

    async def page(self, status: Status, kind: Kind | None, behind_id: UUID | None, limit: int) -> list[Report]:
        """Open reports, oldest first; decided ones, newest first."""
        oldest_first = status is Status.OPEN
        query = _reports().where(reports.c.status == status)
        if kind is not None:
            query = query.where(reports.c.kind == kind)
        if behind_id is not None:
            query = query.where(reports.c.id > behind_id if oldest_first else reports.c.id < behind_id)
        query = query.order_by(reports.c.id.asc() if oldest_first else reports.c.id.desc()).limit(limit)
        return [_report(row) for row in await self._connection.execute(query)]

    async def lock_open(self, kind: Kind, subject_id: UUID) -> list[UUID]:
        """The open reports of a thing, which nobody else decides until the transaction ends."""
        query = (
            select(reports.c.id)
            .where(reports.c.kind == kind, reports.c.subject_id == subject_id, reports.c.status == Status.OPEN)
            .order_by(reports.c.id)
            .with_for_update()
        )
        return list((await self._connection.execute(query)).scalars())

    async def decide(self, report_ids: list[UUID], decision: Decision, note: str, decided_by: UUID) -> None:
        """Close reports that are locked."""
        closed = update(reports).where(reports.c.id.in_(report_ids))
        await self._connection.execute(
            closed.values(
                status=decision.status, decision=decision, note=note, decided_by=decided_by, decided_at=func.now()
            )
        )

    async def set_hidden(self, track_id: UUID, hidden: bool) -> UUID | None:
        """Hide a track or show it again; whose it is, or None when there is no such track."""
        since = func.coalesce(tracks.c.hidden_at, func.now()) if hidden else None
        changed = update(tracks).where(tracks.c.id == track_id).values(hidden_at=since).returning(tracks.c.owner_id)
        owner_id: UUID | None = (await self._connection.execute(changed)).scalar()
        return owner_id

    async def remove_comment(self, comment_id: UUID) -> UUID | None:
        """Delete a comment; whose it was, or None when it is gone already."""
        gone = delete(comments).where(comments.c.id == comment_id).returning(comments.c.author_id)
        author_id: UUID | None = (await self._connection.execute(gone)).scalar()
        return author_id

    async def _one(self, *conditions: Any) -> Report | None:
        row = (await self._connection.execute(_reports().where(*conditions))).first()
        return _report(row) if row else None


def may_moderate(role: str) -> bool:
    """Whether an account of this role decides reports."""
    return role in _MODERATORS


def _reports() -> Select[Any]:
    owners, reporters, deciders = users.alias("owners"), users.alias("reporters"), users.alias("deciders")
    others = reports.alias("others")
    open_count = (
        select(func.count())
        .where(
            others.c.kind == reports.c.kind,
            others.c.subject_id == reports.c.subject_id,
            others.c.status == Status.OPEN.value,
        )
        .scalar_subquery()
    )
    return (
        select(
            reports,
            tracks.c.hidden_at,
            owners.c.username.label("owner"),
            owners.c.suspended_at,
            reporters.c.username.label("reporter"),
            deciders.c.username.label("decider"),
            open_count.label("open_count"),
        )
        .join(owners, owners.c.id == reports.c.owner_id)
        .outerjoin(reporters, reporters.c.id == reports.c.reporter_id)
        .outerjoin(deciders, deciders.c.id == reports.c.decided_by)
        .outerjoin(tracks, and_(reports.c.kind == Kind.TRACK.value, tracks.c.id == reports.c.subject_id))
    )


def _report(row: Row[Any]) -> Report:
    return Report(
        id=row.id,
        kind=Kind(row.kind),
        subject_id=row.subject_id,
        subject_text=row.subject_text,
        owner_id=row.owner_id,
        owner_username=row.owner,
        hidden=row.hidden_at is not None,
        suspended=row.suspended_at is not None,
        reason=row.reason,
        details=row.details,
        reporter_id=row.reporter_id,
        reporter_username=row.reporter or "",
        status=Status(row.status),
        decision=row.decision,
        note=row.note,
        decided_by_username=row.decider or "",
        created_at=row.created_at,
        decided_at=row.decided_at,
        open_count=row.open_count,
    )
