"""Administration: accounts, quotas, the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from protos.users.v1 import jobs_pb2
from services.gateway.admission import Admission, GatewayRoute
from services.gateway.dependencies import Caller, Cursor, Gateway, Limit, known_id
from services.gateway.device import device_of
from services.gateway.responses import also
from services.gateway.schemas.admin import (
    AuditEntry,
    AuditLog,
    ManagedJob,
    ManagedJobList,
    ManagedUser,
    QuotaGrant,
    Role,
    Stats,
    UserChange,
    UserList,
)
from services.gateway.schemas.jobs import TO_WIRE, JobStatus
from services.gateway.schemas.users import User

router = APIRouter(prefix="/api/v1/admin", tags=["admin"], route_class=GatewayRoute)

_READ = [Depends(Admission("read", scope="admin"))]
_WRITE = [Depends(Admission("write", scope="admin"))]


@router.get("/users", dependencies=_READ, responses=also(422))
async def list_users(
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 20,
    cursor: Cursor = "",
    search: Annotated[str, Query(max_length=320, description="How the username or address begins.")] = "",
    role: Annotated[Role | None, Query(description="Only accounts of this role.")] = None,
) -> UserList:
    """Accounts, newest first."""
    page = await gateway.admin.users(caller, search=search, role=role or "", limit=limit, cursor=cursor)
    return UserList(items=[User.from_message(user) for user in page.users], next_cursor=page.next_cursor or None)


@router.get("/users/{user_id}", dependencies=_READ)
async def get_user(user_id: str, caller: Caller, gateway: Gateway) -> ManagedUser:
    """One account with its quota."""
    return ManagedUser.from_managed(await gateway.admin.user(caller, known_id(user_id, "account")))


@router.patch("/users/{user_id}", dependencies=_WRITE, responses=also(409))
async def change_user(
    user_id: str, body: UserChange, request: Request, caller: Caller, gateway: Gateway
) -> ManagedUser:
    """Change a role or tier, suspend, or let in again. A role and a suspension end the account's sessions at once."""
    changed = await gateway.admin.change(
        caller,
        known_id(user_id, "account"),
        role=body.role,
        suspended=body.suspended,
        tier=body.tier,
        reason=body.reason,
        device=device_of(request),
    )
    return ManagedUser.from_managed(changed)


@router.post("/users/{user_id}/quota", dependencies=_WRITE)
async def grant_quota(
    user_id: str, body: QuotaGrant, request: Request, caller: Caller, gateway: Gateway
) -> ManagedUser:
    """Add to what an account may make, or take from it."""
    granted = await gateway.admin.grant(caller, known_id(user_id, "account"), body.seconds, device_of(request))
    return ManagedUser.from_managed(granted)


@router.get("/jobs", dependencies=_READ, responses=also(404))
async def list_all_jobs(
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 20,
    cursor: Cursor = "",
    user_id: Annotated[str | None, Query(max_length=36, description="Only this account's jobs.")] = None,
    status: Annotated[JobStatus | None, Query(description="Only jobs in this state.")] = None,
) -> ManagedJobList:
    """Everybody's jobs, newest first: how they stand, not what they are about."""
    owner = known_id(user_id, "account") if user_id else ""
    wanted = TO_WIRE[status] if status is not None else jobs_pb2.JOB_STATUS_UNSPECIFIED
    page = await gateway.admin.jobs(caller, user_id=owner, status=wanted, limit=limit, cursor=cursor)
    # A server of the version before names nobody.
    owners = list(page.owners) or [""] * len(page.jobs)
    items = [ManagedJob.from_message(job, owner) for job, owner in zip(page.jobs, owners, strict=True)]
    return ManagedJobList(items=items, next_cursor=page.next_cursor or None)


@router.get("/stats", dependencies=_READ)
async def get_stats(caller: Caller, gateway: Gateway) -> Stats:
    """How much there is of everything."""
    return Stats.from_message(await gateway.admin.stats(caller))


@router.get("/audit-log", dependencies=_READ, responses=also(404))
async def list_audit_log(
    caller: Caller,
    gateway: Gateway,
    limit: Limit = 20,
    cursor: Cursor = "",
    user_id: Annotated[str | None, Query(max_length=36, description="Only entries by or about this account.")] = None,
    action: Annotated[str, Query(max_length=64, description="Only this action.")] = "",
) -> AuditLog:
    """Who did what, newest first. The log is append-only."""
    about = known_id(user_id, "account") if user_id else ""
    page = await gateway.admin.audit(caller, user_id=about, action=action, limit=limit, cursor=cursor)
    items = [AuditEntry.from_message(entry) for entry in page.entries]
    return AuditLog(items=items, next_cursor=page.next_cursor or None)
