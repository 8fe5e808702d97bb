"""What an account is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.user_management.quotas.tiers import DEFAULT_TIER


@dataclass(frozen=True, slots=True)
class User:
    """One account. `role` is guest, user, moderator or admin; without a `password_hash` nobody can sign in.

    `deletion_due_at`: when it is gone, unless its owner signs in before. `totp_confirmed_at`: since when a second
    factor is asked for. `owned_since`: since when whoever reads the address's mails has set all that opens it; None
    where a stranger may have, before the owner confirmed the address. `display_name`, `bio` and `links` are what others
    see. `revision` counts the edits of these and of the name. `tier` is a name of `configs/tiers.yaml`.
    """

    id: UUID
    username: str
    email: str
    full_name: str
    role: str
    password_hash: str | None
    created_at: datetime
    email_verified_at: datetime | None = None
    suspended_at: datetime | None = None
    deletion_due_at: datetime | None = None
    totp_confirmed_at: datetime | None = None
    display_name: str = ""
    bio: str = ""
    links: Sequence[str] = ()
    owned_since: datetime | None = None
    revision: int = 1
    tier: str = DEFAULT_TIER


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to be made; every field is checked (see `rules`) or the platform's own."""

    username: str
    email: str
    full_name: str = ""
    role: str = "user"
    password_hash: str | None = None
