"""Bodies of administration."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from protos.users.v1 import admin_pb2, jobs_pb2
from services.gateway.schemas.body import Body, Line, Text
from services.gateway.schemas.jobs import JobStatus, problem_of, status_of
from services.gateway.schemas.problems import Problem
from services.gateway.schemas.times import optional_datetime, to_datetime
from services.gateway.schemas.users import User

Role = Literal["user", "moderator", "admin"]


class ManagedUser(User):
    """An account as administrators see it."""

    suspended: bool
    balance_seconds: Annotated[float, Field(description="What may still be asked for.", examples=[3570.0])]
    reserved_seconds: Annotated[float, Field(description="Held for jobs that have not ended.", examples=[30.0])]
    used_seconds: Annotated[float, Field(description="Made since the account exists.", examples=[120.0])]
    tier: Annotated[str, Field(description="What it may make and keep.", examples=["standard"])]

    @classmethod
    def from_managed(cls, message: admin_pb2.ManagedUser) -> Self:
        """From the wire."""
        return cls(
            **User.from_message(message.user).model_dump(),
            suspended=message.user.suspended,
            balance_seconds=message.balance_seconds,
            reserved_seconds=message.reserved_seconds,
            used_seconds=message.used_seconds,
            tier=message.tier,
        )


class UserList(BaseModel):
    """One page of accounts, newest first."""

    items: list[User]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class UserChange(Body):
    """What is to change about an account. A role and a suspension end its sessions."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "moderator"}, {"tier": "pro"}, {"suspended": True, "reason": "Spam."}]}
    )

    role: Role | None = None
    suspended: bool | None = None
    tier: Annotated[Line | None, Field(max_length=40, description="A name of `configs/tiers.yaml`.")] = None
    reason: Annotated[Text, Field(max_length=500, description="Why; told to the owner at sign-in.")] = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.role is None and self.suspended is None and self.tier is None:
            raise ValueError("Give a role, a tier, or suspended.")
        return self


class QuotaGrant(Body):
    """What is added to an account's quota."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"seconds": 3600}]})

    seconds: Annotated[
        float, Field(ge=-10_000_000, le=10_000_000, description="Of audio; negative takes, never below nothing.")
    ]


class ManagedJob(BaseModel):
    """How somebody's job stands; what it is about is its owner's own."""

    id: str
    owner_id: str
    owner: Annotated[
        str, Field(description="The owner's username; empty for an account that is gone.", examples=["ada"])
    ]
    kind: Annotated[str, Field(examples=["generate"])]
    status: JobStatus
    progress: Annotated[float, Field(ge=0, le=1, examples=[0.4])]
    stage: Annotated[str, Field(examples=["making the bass"])]
    attempts: Annotated[int, Field(description="How often a worker died while it ran the job.")]
    error: Annotated[Problem | None, Field(description="Why it failed.")]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def from_message(cls, message: jobs_pb2.Job, owner: str) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            owner_id=message.owner_id,
            owner=owner,
            kind=message.kind,
            status=status_of(message),
            progress=min(1.0, max(0.0, message.progress)),
            stage=message.stage,
            attempts=message.attempts,
            error=problem_of(message.error) if message.HasField("error") else None,
            created_at=to_datetime(message.created_at),
            started_at=optional_datetime(message, "started_at"),
            finished_at=optional_datetime(message, "finished_at"),
        )


class ManagedJobList(BaseModel):
    """One page of everybody's jobs, newest first."""

    items: list[ManagedJob]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]


class Stats(BaseModel):
    """How much there is of everything."""

    users: Annotated[int, Field(description="Accounts; guests are not among them.", examples=[120])]
    suspended_users: int
    guests: Annotated[int, Field(description="Who try the platform without an account.", examples=[8])] = 0
    tracks: int
    jobs: Annotated[dict[str, int], Field(description="By status.", examples=[{"queued": 2, "succeeded": 310}])]
    made_seconds: Annotated[float, Field(description="Of audio in the library.")]

    @classmethod
    def from_message(cls, message: admin_pb2.GetStatsResponse) -> Self:
        """From the wire."""
        return cls(
            users=message.users,
            suspended_users=message.suspended_users,
            guests=message.guests,
            tracks=message.tracks,
            jobs=dict(message.jobs),
            made_seconds=message.made_seconds,
        )


class AuditEntry(BaseModel):
    """Who did what, to whom, from where, and whether it was let happen."""

    id: str
    at: datetime
    actor_id: Annotated[str | None, Field(description="Null: nobody that is known.")]
    actor: Annotated[str, Field(description="The username at that time.", examples=["ada"])]
    action: Annotated[str, Field(examples=["account.sign_in"])]
    subject_id: Annotated[str | None, Field(description="The account that it is about.")]
    address: Annotated[str, Field(examples=["203.0.113.7"])]
    outcome: Literal["ok", "refused"]
    details: dict[str, Any]

    @classmethod
    def from_message(cls, message: admin_pb2.AuditEntry) -> Self:
        """From the wire."""
        return cls(
            id=message.id,
            at=to_datetime(message.at),
            actor_id=message.actor_id or None,
            actor=message.actor,
            action=message.action,
            subject_id=message.subject_id or None,
            address=message.address,
            outcome="ok" if message.outcome == "ok" else "refused",
            details=orjson.loads(message.details_json or "{}"),
        )


class AuditLog(BaseModel):
    """One page of the audit log, newest first."""

    items: list[AuditEntry]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for the next page; null on the last.")]
