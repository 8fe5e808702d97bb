"""Refresh tokens: what using one means, as a pure function."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

_REFRESH_PREFIX = "mgr_"
_BROWSER_PREFIX = "mgb_"
_KEY_PREFIX = "mga_"
_MAIL_PREFIX = "mgm_"
_RANDOM_BYTES = 32


class Verdict(Enum):
    """What a presented refresh token deserves."""

    ROTATE = auto()
    REUSED = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """A refresh token that exists, and the session whose family it belongs to."""

    used_at: datetime | None
    session_expires_at: datetime
    session_revoked_at: datetime | None


def judge(token: PresentedToken, *, now: datetime, grace: timedelta) -> Verdict:
    """A token is good once, and again within `grace`: two tabs that refresh at once are not thieves."""
    if token.session_revoked_at is not None or token.session_expires_at <= now:
        return Verdict.ENDED
    if token.used_at is None or now - token.used_at <= grace:
        return Verdict.ROTATE
    return Verdict.REUSED


def new_refresh_token() -> str:
    """An opaque token with 256 random bits; the prefix lets scanners of leaked secrets find it."""
    return _REFRESH_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_browser_secret() -> str:
    """What a browser's cookie holds: opaque, 256 random bits."""
    return _BROWSER_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_api_key() -> str:
    """A program's credential: opaque, 256 random bits; its first characters are shown in lists."""
    return _KEY_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def new_mail_token() -> str:
    """What a mail's link proves: opaque, 256 random bits."""
    return _MAIL_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def token_sha256(token: str) -> bytes:
    """What is stored of an opaque token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
