"""What the audit log can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Action(StrEnum):
    """What was done, or tried."""

    REGISTER = "account.register"
    GUEST_MADE = "account.guest_made"
    GUEST_SIGNED_UP = "account.guest_signed_up"
    SIGN_IN = "account.sign_in"
    SIGN_OUT = "account.sign_out"
    TOKEN_REUSED = "account.refresh_token_reused"  # noqa: S105 — a name
    PASSWORD_CHANGE = "account.password_change"  # noqa: S105 — a name
    PASSWORD_RESET_ASKED = "account.password_reset_asked"  # noqa: S105 — a name
    PASSWORD_RESET = "account.password_reset"  # noqa: S105 — a name
    EMAIL_VERIFIED = "account.email_verified"
    EMAIL_CHANGE_ASKED = "account.email_change_asked"
    SECOND_FACTOR_ON = "account.second_factor_on"
    SECOND_FACTOR_OFF = "account.second_factor_off"
    RECOVERY_CODE_USED = "account.recovery_code_used"
    IDENTITY_LINKED = "account.identity_linked"
    IDENTITIES_UNLINKED = "account.identities_unlinked"
    CREDENTIALS_DROPPED = "account.credentials_dropped"
    KEY_MADE = "api_key.made"
    KEY_REVOKED = "api_key.revoked"
    WEBHOOK_MADE = "webhook.made"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_SECRET_RENEWED = "webhook.secret_renewed"  # noqa: S105 — a name
    DELETION_ASKED = "account.deletion_asked"
    DELETION_WITHDRAWN = "account.deletion_withdrawn"
    DELETED = "account.deleted"
    SHARE_MADE = "share.made"
    SHARE_REVOKED = "share.revoked"
    REPORT_MADE = "report.made"
    REPORT_DECIDED = "report.decided"
    COMMENT_REMOVED = "moderation.comment_removed"
    TRACK_HIDDEN = "moderation.track_hidden"
    TRACK_SHOWN = "moderation.track_shown"
    ROLE_CHANGED = "admin.role_changed"
    SUSPENDED = "admin.suspended"
    UNSUSPENDED = "admin.unsuspended"
    TIER_CHANGED = "admin.tier_changed"
    QUOTA_GRANTED = "admin.quota_granted"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account, or nobody that is known, and from which address."""

    id: UUID | None = None
    name: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `subject_id` is the account that it is about; `details` never hold secrets or addresses of e-mail."""

    action: Action
    actor: Actor
    subject_id: UUID | None = None
    ok: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """A stored entry."""

    id: UUID
    at: datetime
    actor_id: UUID | None
    actor: str
    action: str
    subject_id: UUID | None
    address: str
    outcome: str
    details: Mapping[str, Any]
