"""What a share link is, and what one may be."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.shared.errors import AppError

MOST_SHARES: Final = 50
LONGEST_PASSWORD: Final = 256
LONGEST_LIFE_HOURS: Final = 366 * 24
SHOWN_CHARACTERS: Final = 12
_PREFIX: Final = "mgs_"
_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Share:
    """One link, as the track's owner sees it."""

    id: UUID
    track_id: UUID
    prefix: str
    has_password: bool
    created_at: datetime
    expires_at: datetime | None
    opened_count: int
    last_opened_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewShare:
    """A link to be made. `life` is None when it works until it is revoked."""

    track_id: UUID
    life: timedelta | None
    password_hash: str | None


def new_share_token() -> str:
    """An opaque token with 256 random bits; the prefix lets scanners of leaked secrets find it."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def life(hours: int) -> timedelta | None:
    """How long a link works; None: until it is revoked. Raises `AppError` (VALIDATION)."""
    if not 0 <= hours <= LONGEST_LIFE_HOURS:
        raise AppError.field("/expires_in_hours", f"Give 1 to {LONGEST_LIFE_HOURS} hours, or null.")
    return timedelta(hours=hours) if hours else None


def password(text: str) -> str:
    """The password as it was typed; empty: none. Raises `AppError` (VALIDATION)."""
    if len(text) > LONGEST_PASSWORD:
        raise AppError.field("/password", f"A link's password has at most {LONGEST_PASSWORD} characters.")
    return text
