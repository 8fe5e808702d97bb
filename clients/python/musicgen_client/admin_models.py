"""What the server answers to administrators, typed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from musicgen_client.answer import Answer
from musicgen_client.models import JobStatus, Problem, User


class ManagedUser(User):
    """An account, as administrators see it; seconds are of audio."""

    suspended: bool = False
    balance_seconds: float = 0.0
    reserved_seconds: float = 0.0
    used_seconds: float = 0.0
    tier: str = ""


class ManagedJob(Answer):
    """How somebody's job stands; what it is about is its owner's own."""

    id: str
    owner_id: str = ""
    owner: str = ""
    kind: str = ""
    status: JobStatus
    progress: float = 0.0
    stage: str = ""
    attempts: int = 0
    error: Problem | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class AuditEntry(Answer):
    """Who did what, to whom, from where; `outcome` is ok or refused."""

    id: str
    at: datetime | None = None
    actor_id: str | None = None
    actor: str = ""
    action: str = ""
    subject_id: str | None = None
    address: str = ""
    outcome: str = ""
    details: dict[str, Any] = Field(default_factory=dict)


class Stats(Answer):
    """How much there is of everything; `jobs` by status, `made_seconds` of audio in the library."""

    users: int = 0
    suspended_users: int = 0
    guests: int = 0
    tracks: int = 0
    jobs: dict[str, int] = Field(default_factory=dict)
    made_seconds: float = 0.0
