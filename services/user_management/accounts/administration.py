"""What administrators do about other people's accounts. Every change leaves a line in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts.repository import UserRepository
from services.user_management.accounts.tables import users
from services.user_management.accounts.user import User
from services.user_management.audit.entry import Action, Actor, Entry, Line
from services.user_management.audit.repository import AuditLog
from services.user_management.auth.api_keys import revoke_all_keys
from services.user_management.auth.repository import SessionRepository
from services.user_management.auth.revocations import Revocations
from services.user_management.database import Database
from services.user_management.guests.rules import GUEST
from services.user_management.jobs.row import job_from_row
from services.user_management.jobs.rules import Job, Status
from services.user_management.jobs.tables import jobs
from services.user_management.library.tables import tracks
from services.user_management.quotas import rules as quota_rules
from services.user_management.quotas.repository import QuotaRepository
from services.user_management.quotas.tiers import Tiers

ROLES = ("user", "moderator", "admin")
LARGEST_GRANT_SECONDS = 10_000_000.0
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change about an account; None: stays as it is."""

    role: str | None = None
    suspended: bool | None = None
    tier: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is of everything."""

    users: int
    suspended_users: int
    guests: int
    tracks: int
    jobs_by_status: Mapping[str, int]
    made_seconds: float


@dataclass(frozen=True, slots=True)
class OwnedJob:
    """A job, and the username of whose it is; empty when the account is gone."""

    job: Job
    owner: str


class Administration:
    """Every method raises `AppError`; NOT_FOUND for an account that does not exist."""

    def __init__(self, database: Database, revocations: Revocations, tiers: Tiers) -> None:
        self._database = database
        self._revocations = revocations
        self._tiers = tiers

    async def require_admin(self, user_id: UUID) -> User:
        """The acting administrator. FORBIDDEN unless the account is one at this moment, whatever its token says."""
        user = await self._database.read(lambda connection: UserRepository(connection).get(user_id))
        if user is None or user.role != "admin" or user.suspended_at is not None:
            raise AppError(ErrorCode.FORBIDDEN, "Only administrators may do this.")
        return user

    async def users(self, *, search: str, role: str, before_id: UUID | None, limit: int) -> list[User]:
        """Accounts, newest first."""
        return await self._database.read(
            lambda connection: UserRepository(connection).page(
                search=search, role=role, before_id=before_id, limit=limit
            )
        )

    async def user(self, user_id: UUID) -> User:
        """One account."""
        return await self._database.read(lambda connection: _existing(connection, user_id))

    async def change(self, actor: Actor, user_id: UUID, change: Change) -> User:
        """Change a role or tier, or shut an account out. Role and suspension end its sessions, to count at once."""
        if change.role is not None and change.role not in ROLES:
            raise AppError.field("/role", f"A role is one of {', '.join(ROLES)}.")
        if change.tier is not None:
            self._tiers.check(change.tier)
        if len(change.reason) > LONGEST_REASON:
            raise AppError.field("/reason", f"A reason has at most {LONGEST_REASON} characters.")

        async def work(connection: AsyncConnection) -> list[UUID]:
            repository = UserRepository(connection)
            # One change of who administers at a time, or two admins could demote each other.
            await repository.lock_founding()
            user = await _existing(connection, user_id)
            ended: list[UUID] = []
            if change.role is not None and user.role == GUEST:
                raise AppError(
                    ErrorCode.CONFLICT, "A guest has no password to sign in with: it gets a role by signing up."
                )
            if change.role is not None and change.role != user.role:
                await repository.set_role(user_id, change.role)
                details = {"from": user.role, "to": change.role}
                await AuditLog(connection).append(Entry(Action.ROLE_CHANGED, actor, user_id, details=details))
                ended += await SessionRepository(connection).revoke_all(user_id)
            if change.suspended is not None and change.suspended != (user.suspended_at is not None):
                if change.suspended:
                    ended += await shut_out(connection, actor, user_id, change.reason)
                else:
                    await repository.set_suspended(user_id, suspended=False, reason="")
                    details = {"reason": change.reason}
                    await AuditLog(connection).append(Entry(Action.UNSUSPENDED, actor, user_id, details=details))
            accounts = QuotaRepository(connection)
            before = await accounts.tier(user_id)
            if change.tier is not None and change.tier != before:
                await accounts.set_tier(user_id, change.tier)
                details = {"from": before, "to": change.tier}
                await AuditLog(connection).append(Entry(Action.TIER_CHANGED, actor, user_id, details=details))
            if await repository.admins() == 0:
                raise AppError(ErrorCode.CONFLICT, "Nobody could administer after this. Make somebody else one first.")
            return ended

        await self._revocations.publish_all(await self._database.write(work))
        return await self.user(user_id)

    async def grant(self, actor: Actor, user_id: UUID, seconds: float) -> quota_rules.Account:
        """Add to what an account may make, or take from it (negative); never below nothing."""
        if not 0 < abs(seconds) <= LARGEST_GRANT_SECONDS:
            raise AppError.field("/seconds", f"Give a number of seconds up to ±{LARGEST_GRANT_SECONDS:g}, and not 0.")

        async def work(connection: AsyncConnection) -> quota_rules.Account:
            await _existing(connection, user_id)
            accounts = QuotaRepository(connection)
            account = await accounts.lock(user_id)
            amount_ms = max(round(seconds * 1000), -account.balance_ms)
            account, entry = quota_rules.grant(account, amount_ms)
            await accounts.save(user_id, account, entry)
            details = {"seconds": amount_ms / 1000}
            await AuditLog(connection).append(Entry(Action.QUOTA_GRANTED, actor, user_id, details=details))
            return account

        return await self._database.write(work)

    async def jobs(
        self, *, user_id: UUID | None, status: Status | None, before_id: UUID | None, limit: int
    ) -> list[OwnedJob]:
        """Everybody's jobs, newest first, without what they are about."""

        async def query(connection: AsyncConnection) -> list[OwnedJob]:
            owners = jobs.outerjoin(users, users.c.id == jobs.c.owner_id)
            found = select(jobs, users.c.username).select_from(owners).order_by(jobs.c.id.desc()).limit(limit)
            for condition in (
                jobs.c.owner_id == user_id if user_id is not None else None,
                jobs.c.status == status.value if status is not None else None,
                jobs.c.id < before_id if before_id is not None else None,
            ):
                if condition is not None:
                    found = found.where(condition)
            rows = await connection.execute(found)
            return [
                OwnedJob(replace(job_from_row(row), request={}, result=None, metrics=None), row.username or "")
                for row in rows
            ]

        return await self._database.read(query)

    async def stats(self) -> Stats:
        """How much there is of everything, counted now."""

        async def query(connection: AsyncConnection) -> Stats:
            is_guest = users.c.role == GUEST
            counts = (
                func.count().filter(~is_guest),
                func.count(users.c.suspended_at).filter(~is_guest),
                func.count().filter(is_guest),
            )
            people = (await connection.execute(select(*counts).select_from(users))).one()
            songs = await connection.execute(
                select(func.count(), func.coalesce(func.sum(tracks.c.duration_seconds), 0.0)).select_from(tracks)
            )
            counted, seconds = songs.one()
            by_status = await connection.execute(
                select(jobs.c.status, func.count().label("number")).group_by(jobs.c.status)
            )
            return Stats(*people, counted, {row.status: row.number for row in by_status}, seconds)

        return await self._database.read(query)

    async def audit(self, *, user_id: UUID | None, action: str, before_id: UUID | None, limit: int) -> Sequence[Line]:
        """The audit log, newest first."""
        return await self._database.read(
            lambda connection: AuditLog(connection).page(
                user_id=user_id, action=action, before_id=before_id, limit=limit
            )
        )


async def shut_out(connection: AsyncConnection, actor: Actor, user_id: UUID, reason: str) -> list[UUID]:
    """Suspend an account within the caller's transaction; the sessions and keys that ended, to be published after."""
    await UserRepository(connection).set_suspended(user_id, suspended=True, reason=reason)
    await AuditLog(connection).append(Entry(Action.SUSPENDED, actor, user_id, details={"reason": reason}))
    ended = await SessionRepository(connection).revoke_all(user_id)
    return ended + await revoke_all_keys(connection, user_id)


async def _existing(connection: AsyncConnection, user_id: UUID) -> User:
    user = await UserRepository(connection).get(user_id)
    if user is None:
        raise AppError(ErrorCode.NOT_FOUND, "There is no account of this id.")
    return user
