"""`musicgen.users.v1.ModerationService`: reads messages, asks the database, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from protos.users.v1 import moderation_pb2, moderation_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_user
from services.shared.ids import new_id
from services.user_management.accounts.administration import shut_out
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.wire import actor_of
from services.user_management.audit.entry import Action, Actor, Entry
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.revocations import Revocations
from services.user_management.callers import user_id
from services.user_management.database import Database, refers_to_nothing
from services.user_management.moderation.report import (
    LONGEST_DETAILS,
    LONGEST_NOTE,
    MOST_OPEN,
    Decision,
    Kind,
    NewReport,
    Reason,
    Report,
    Status,
    already_decided,
    chosen,
    words,
)
from services.user_management.moderation.repository import ReportRepository, may_moderate
from services.user_management.wire import cursor_id, cursor_of, page_limit, parse_id, timestamp

Context = Any


class ModerationServicer(moderation_pb2_grpc.ModerationServiceServicer):
    """Everybody reports; moderators and administrators decide."""

    def __init__(self, database: Database, revocations: Revocations) -> None:
        self._database = database
        self._revocations = revocations

    async def Report(self, request: moderation_pb2.ReportRequest, context: Context) -> moderation_pb2.ReportResponse:
        """Tell moderators of something."""
        actor, reporter_id = actor_of(request.device), user_id()
        kind = chosen(Kind, request.kind, "/kind")
        reason = chosen(Reason, request.reason, "/reason")
        details = words(request.details, LONGEST_DETAILS, "/details")
        subject_id, report_id = parse_id(request.subject_id), UUID(new_id())

        async def work(connection: AsyncConnection) -> Report:
            repository = ReportRepository(connection)
            subject = await repository.subject(kind, subject_id, reporter_id) if subject_id is not None else None
            if subject is None:
                raise AppError(ErrorCode.NOT_FOUND, f"There is no such {kind}.")
            if subject.owner_id == reporter_id:
                raise AppError(ErrorCode.CONFLICT, "This is your own: change or delete it yourself.")
            new = NewReport(kind, subject, reason, details)
            # Counted first: the lock makes the same report at the same time one report.
            count = await repository.open_of(reporter_id)
            if earlier := await repository.earlier(reporter_id, new):
                return earlier
            if count >= MOST_OPEN:
                raise AppError(
                    ErrorCode.CONFLICT, f"You have {MOST_OPEN} open reports. Wait until moderators have decided some."
                )
            await repository.insert(report_id, reporter_id, new)
            about = {"report_id": str(report_id), "kind": kind.value, "subject_id": str(subject_id)}
            about["reason"] = reason.value
            await AuditLog(connection).append(Entry(Action.REPORT_MADE, actor, subject.owner_id, details=about))
            return _existing(await repository.get(report_id))

        try:
            report = await self._database.write(work, repeatable=True)
        except IntegrityError as error:
            if not refers_to_nothing(error):
                raise
            raise AppError(ErrorCode.NOT_FOUND, f"There is no such {kind}.") from error
        return moderation_pb2.ReportResponse(report=_receipt(report))

    async def ListReports(
        self, request: moderation_pb2.ListReportsRequest, context: Context
    ) -> moderation_pb2.ListReportsResponse:
        """The queue, or what was decided."""
        await self._admit()
        limit, behind_id = page_limit(request.page.limit), cursor_id(request.page.cursor)
        status = chosen(Status, request.status or Status.OPEN, "/status")
        kind = chosen(Kind, request.kind, "/kind") if request.kind else None
        found = await self._database.read(
            lambda connection: ReportRepository(connection).page(status, kind, behind_id, limit + 1)
        )
        return moderation_pb2.ListReportsResponse(
            reports=[_message(report) for report in found[:limit]],
            next_cursor=cursor_of(found[limit - 1].id) if len(found) > limit else "",
        )

    async def GetReport(
        self, request: moderation_pb2.GetReportRequest, context: Context
    ) -> moderation_pb2.GetReportResponse:
        """One report."""
        await self._admit()
        report_id = _report_id(request.report_id)
        found = await self._database.read(lambda connection: ReportRepository(connection).get(report_id))
        return moderation_pb2.GetReportResponse(report=_message(_existing(found)))

    async def DecideReport(
        self, request: moderation_pb2.DecideReportRequest, context: Context
    ) -> moderation_pb2.DecideReportResponse:
        """Decide every open report of the same thing."""
        await self._admit()
        actor, report_id = actor_of(request.device), _report_id(request.report_id)
        decision = chosen(Decision, request.decision, "/decision")
        note = words(request.note, LONGEST_NOTE, "/note")

        async def work(connection: AsyncConnection) -> tuple[Report, list[UUID]]:
            repository = ReportRepository(connection)
            role = await _moderating(connection)
            report = _existing(await repository.get(report_id))
            report.check(decision, user_id())
            together = await repository.lock_open(report.kind, report.subject_id)
            if report_id not in together:
                raise already_decided()
            ended: list[UUID] = []
            if decision is Decision.HIDE and report.kind is Kind.COMMENT:
                await _remove_comment(connection, actor, report.subject_id, note)
            elif decision is Decision.HIDE:
                await _hide(connection, actor, report.subject_id, True, note)
            elif decision is Decision.SUSPEND:
                ended = await _suspend(connection, actor, report.owner_id, role, note)
            await repository.decide(together, decision, note, user_id())
            about = {
                "report_id": str(report_id),
                "reports": len(together),
                "kind": report.kind.value,
                "subject_id": str(report.subject_id),
                "decision": decision.value,
                "note": note,
            }
            await AuditLog(connection).append(Entry(Action.REPORT_DECIDED, actor, report.owner_id, details=about))
            return _existing(await repository.get(report_id)), ended

        report, ended = await self._database.write(work)
        await self._revocations.publish_all(ended)
        return moderation_pb2.DecideReportResponse(report=_message(report))

    async def SetTrackHidden(
        self, request: moderation_pb2.SetTrackHiddenRequest, context: Context
    ) -> moderation_pb2.SetTrackHiddenResponse:
        """Keep a track from everybody but its owner, or show it again."""
        await self._admit()
        actor, track_id = actor_of(request.device), parse_id(request.track_id)
        note = words(request.note, LONGEST_NOTE, "/note")
        if track_id is None:
            raise _no_such_track()

        async def work(connection: AsyncConnection) -> None:
            await _moderating(connection)
            await _hide(connection, actor, track_id, request.hidden, note)

        await self._database.write(work, repeatable=True)
        return moderation_pb2.SetTrackHiddenResponse()

    async def _admit(self) -> None:
        """Raises `AppError` (FORBIDDEN) unless a moderator or administrator calls, and with a key only one for that."""
        caller = require_user()
        if caller.scopes and "admin" not in caller.scopes:
            raise AppError(ErrorCode.FORBIDDEN, "This key has not the scope admin.")
        await self._database.read(_moderating)


async def _moderating(connection: AsyncConnection) -> str:
    """The caller's role at this moment, whatever the token says. Raises `AppError` (FORBIDDEN)."""
    role = await ReportRepository(connection).role_of(user_id())
    if not may_moderate(role):
        raise AppError(ErrorCode.FORBIDDEN, "Only moderators may do this.")
    return role


async def _hide(connection: AsyncConnection, actor: Actor, track_id: UUID, hidden: bool, note: str) -> None:
    owner_id = await ReportRepository(connection).set_hidden(track_id, hidden)
    if owner_id is None:
        raise _no_such_track()
    if owner_id == user_id():
        raise AppError(ErrorCode.FORBIDDEN, "Nobody decides about themselves: leave it to another moderator.")
    action = Action.TRACK_HIDDEN if hidden else Action.TRACK_SHOWN
    details = {"track_id": str(track_id), "note": note}
    await AuditLog(connection).append(Entry(action, actor, owner_id, details=details))


async def _remove_comment(connection: AsyncConnection, actor: Actor, comment_id: UUID, note: str) -> None:
    """The report keeps its words."""
    author_id = await ReportRepository(connection).remove_comment(comment_id)
    if author_id is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is no such comment any more. Dismiss the report.")
    details = {"comment_id": str(comment_id), "note": note}
    await AuditLog(connection).append(Entry(Action.COMMENT_REMOVED, actor, author_id, details=details))


async def _suspend(connection: AsyncConnection, actor: Actor, owner_id: UUID, role: str, reason: str) -> list[UUID]:
    """Moderators suspend people, administrators moderators too; administrators are the administration's affair."""
    owner = await UserRepository(connection).lock(owner_id)
    if owner is None:
        raise AppError(ErrorCode.NOT_FOUND, "That account has just gone.")
    if owner.role == "admin" or (owner.role == "moderator" and role != "admin"):
        raise AppError(ErrorCode.FORBIDDEN, f"This is an account of the role {owner.role}: ask an administrator.")
    if owner.suspended_at is not None:
        return []
    return await shut_out(connection, actor, owner_id, reason)


def _report_id(text: str) -> UUID:
    report_id = parse_id(text)
    if report_id is None:
        raise _no_such_report()
    return report_id


def _existing(report: Report | None) -> Report:
    if report is None:
        raise _no_such_report()
    return report


def _no_such_report() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such report.")


def _no_such_track() -> AppError:
    return AppError(ErrorCode.NOT_FOUND, "There is no such track.")


def _receipt(report: Report) -> moderation_pb2.Report:
    """What its reporter gets to see."""
    return moderation_pb2.Report(
        id=str(report.id),
        kind=report.kind,
        subject_id=str(report.subject_id),
        reason=report.reason,
        details=report.details,
        status=report.status,
        created_at=timestamp(report.created_at),
    )


def _message(report: Report) -> moderation_pb2.Report:
    return moderation_pb2.Report(
        id=str(report.id),
        kind=report.kind,
        subject_id=str(report.subject_id),
        subject_text=report.subject_text,
        owner_id=str(report.owner_id),
        owner_username=report.owner_username,
        hidden=report.hidden,
        suspended=report.suspended,
        reason=report.reason,
        details=report.details,
        reporter_id=str(report.reporter_id or ""),
        reporter_username=report.reporter_username,
        status=report.status,
        decision=report.decision,
        note=report.note,
        decided_by_username=report.decided_by_username,
        created_at=timestamp(report.created_at),
        decided_at=timestamp(report.decided_at),
        open_count=report.open_count,
    )
