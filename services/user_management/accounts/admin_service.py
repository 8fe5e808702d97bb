"""`musicgen.users.v1.AdminService`: reads messages, asks the use cases, writes messages."""
# ruff: noqa: N802 — the names of the methods are the protocol's

from __future__ import annotations

from typing import Any
from uuid import UUID

from protos.users.v1 import admin_pb2, admin_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_user
from services.user_management.accounts.administration import Administration, Change
from services.user_management.accounts.user import User
from services.user_management.accounts.wire import actor_of, user_message
from services.user_management.audit.entry import Line
from services.user_management.callers import user_id
from services.user_management.database import Database
from services.user_management.jobs.wire import job_message, status_filter
from services.user_management.quotas.repository import QuotaRepository
from services.user_management.wire import cursor_id, cursor_of, json_text, page_limit, parse_id, storable, timestamp

_LONGEST_SEARCH = 320

Context = Any


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Every call is an administrator's."""

    def __init__(self, database: Database, administration: Administration) -> None:
        self._database = database
        self._administration = administration

    async def ListUsers(self, request: admin_pb2.ListUsersRequest, context: Context) -> admin_pb2.ListUsersResponse:
        """Accounts, newest first."""
        await self._admit()
        limit = page_limit(request.page.limit)
        users = await self._administration.users(
            search=storable(request.search, _LONGEST_SEARCH),
            role=request.role,
            before_id=cursor_id(request.page.cursor),
            limit=limit + 1,
        )
        cursor = cursor_of(users[limit - 1].id) if len(users) > limit else ""
        return admin_pb2.ListUsersResponse(users=[user_message(user) for user in users[:limit]], next_cursor=cursor)

    async def GetUser(self, request: admin_pb2.GetUserRequest, context: Context) -> admin_pb2.GetUserResponse:
        """One account with its quota."""
        await self._admit()
        user = await self._administration.user(_account(request.user_id))
        return admin_pb2.GetUserResponse(user=await self._managed(user))

    async def UpdateUser(self, request: admin_pb2.UpdateUserRequest, context: Context) -> admin_pb2.UpdateUserResponse:
        """Change a role, shut out, let in again."""
        await self._admit()
        change = Change(
            role=request.role if request.HasField("role") else None,
            suspended=request.suspended if request.HasField("suspended") else None,
            tier=request.tier if request.HasField("tier") else None,
            reason=storable(request.reason, len(request.reason)),
        )
        user = await self._administration.change(actor_of(request.device), _account(request.user_id), change)
        return admin_pb2.UpdateUserResponse(user=await self._managed(user))

    async def GrantQuota(self, request: admin_pb2.GrantQuotaRequest, context: Context) -> admin_pb2.GrantQuotaResponse:
        """Add to what an account may make."""
        await self._admit()
        account_id = _account(request.user_id)
        await self._administration.grant(actor_of(request.device), account_id, request.seconds)
        user = await self._administration.user(account_id)
        return admin_pb2.GrantQuotaResponse(user=await self._managed(user))

    async def ListJobs(self, request: admin_pb2.ListJobsRequest, context: Context) -> admin_pb2.ListJobsResponse:
        """Everybody's jobs."""
        await self._admit()
        limit = page_limit(request.page.limit)
        found = await self._administration.jobs(
            user_id=_account(request.user_id) if request.user_id else None,
            status=status_filter(request.status),
            before_id=cursor_id(request.page.cursor),
            limit=limit + 1,
        )
        cursor = cursor_of(found[limit - 1].job.id) if len(found) > limit else ""
        listed = found[:limit]
        return admin_pb2.ListJobsResponse(
            jobs=[job_message(owned.job) for owned in listed],
            owners=[owned.owner for owned in listed],
            next_cursor=cursor,
        )

    async def GetStats(self, request: admin_pb2.GetStatsRequest, context: Context) -> admin_pb2.GetStatsResponse:
        """How much there is of everything."""
        await self._admit()
        stats = await self._administration.stats()
        return admin_pb2.GetStatsResponse(
            users=stats.users,
            suspended_users=stats.suspended_users,
            guests=stats.guests,
            tracks=stats.tracks,
            jobs=dict(stats.jobs_by_status),
            made_seconds=stats.made_seconds,
        )

    async def ListAudit(self, request: admin_pb2.ListAuditRequest, context: Context) -> admin_pb2.ListAuditResponse:
        """The audit log."""
        await self._admit()
        limit = page_limit(request.page.limit)
        about = _account(request.user_id) if request.user_id else None
        lines = await self._administration.audit(
            user_id=about,
            action=storable(request.action, 64),
            before_id=cursor_id(request.page.cursor),
            limit=limit + 1,
        )
        cursor = cursor_of(lines[limit - 1].id) if len(lines) > limit else ""
        return admin_pb2.ListAuditResponse(entries=[_line_message(line) for line in lines[:limit]], next_cursor=cursor)

    async def _admit(self) -> None:
        """Raises `AppError` (FORBIDDEN) unless an administrator calls, and with a key only one for that."""
        caller = require_user()
        if caller.scopes and "admin" not in caller.scopes:
            raise AppError(ErrorCode.FORBIDDEN, "This key has not the scope admin.")
        await self._administration.require_admin(user_id())

    async def _managed(self, user: User) -> admin_pb2.ManagedUser:
        account = await self._database.read(lambda connection: QuotaRepository(connection).get(user.id))
        tier = await self._database.read(lambda connection: QuotaRepository(connection).tier(user.id))
        return admin_pb2.ManagedUser(
            user=user_message(user),
            balance_seconds=account.balance_ms / 1000,
            reserved_seconds=account.reserved_ms / 1000,
            used_seconds=account.used_ms / 1000,
            tier=tier,
        )


def _account(text: str) -> UUID:
    found = parse_id(text)
    if found is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is no account of this id.")
    return found


def _line_message(line: Line) -> admin_pb2.AuditEntry:
    return admin_pb2.AuditEntry(
        id=str(line.id),
        at=timestamp(line.at),
        actor_id=str(line.actor_id or ""),
        actor=line.actor,
        action=line.action,
        subject_id=str(line.subject_id or ""),
        address=line.address,
        outcome=line.outcome,
        details_json=json_text(dict(line.details)),
    )
