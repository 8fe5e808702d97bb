"""What administrators see and change: accounts, quotas, everybody's jobs, the audit log."""

from __future__ import annotations

from typing import Any, Final, Literal

from musicgen_client.admin_models import AuditEntry, ManagedJob, ManagedUser, Stats
from musicgen_client.calls.call import Call, given, path_to, reader_of
from musicgen_client.models import JobStatus, Page, User

Role = Literal["user", "moderator", "admin"]


READ_MANAGED_USER: Final = reader_of(ManagedUser)


def admin_stats() -> Call[Stats]:
    """How much there is of everything."""
    return Call("GET", path_to("admin", "stats"), reader_of(Stats))


def admin_users(
    *, search: str | None = None, role: Role | None = None, limit: int = 20, cursor: str | None = None
) -> Call[Page[User]]:
    """Accounts, newest first; `search` is how the username or the address begins."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor, search=search, role=role)
    return Call("GET", path_to("admin", "users"), reader_of(Page[User]), params=params)


def admin_user(user_id: str) -> Call[ManagedUser]:
    """One account, with what it may make and has made."""
    return Call("GET", path_to("admin", "users", user_id), READ_MANAGED_USER)


def change_user(
    user_id: str,
    *,
    role: Role | None = None,
    tier: str | None = None,
    suspended: bool | None = None,
    reason: str | None = None,
) -> Call[ManagedUser]:
    """Change a role or a tier, suspend, or let in again; `reason` is told to the owner at sign-in.

    A role and a suspension end the account's sessions at once.
    """
    body: dict[str, Any] = given(role=role, tier=tier, reason=reason)
    body |= given(suspended=suspended)
    return Call("PATCH", path_to("admin", "users", user_id), READ_MANAGED_USER, body=body)


def grant_quota(user_id: str, seconds: float) -> Call[ManagedUser]:
    """Add seconds of audio to what an account may make; a negative number takes them, never below nothing."""
    return Call("POST", path_to("admin", "users", user_id, "quota"), READ_MANAGED_USER, body={"seconds": seconds})


def admin_jobs(
    *, user_id: str | None = None, status: JobStatus | None = None, limit: int = 20, cursor: str | None = None
) -> Call[Page[ManagedJob]]:
    """Everybody's jobs, newest first: how they stand, not what they are about."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor, user_id=user_id, status=status)
    return Call("GET", path_to("admin", "jobs"), reader_of(Page[ManagedJob]), params=params)


def audit_log(
    *, user_id: str | None = None, action: str | None = None, limit: int = 20, cursor: str | None = None
) -> Call[Page[AuditEntry]]:
    """Who did what, newest first; with `user_id` only what is by or about that account."""
    params: dict[str, Any] = given(limit=str(limit), cursor=cursor, user_id=user_id, action=action)
    return Call("GET", path_to("admin", "audit-log"), reader_of(Page[AuditEntry]), params=params)
