"""Who calls, as ids of this database."""

from __future__ import annotations

from uuid import UUID

from services.shared.errors import AppError, ErrorCode
from services.shared.identity import require_user
from services.user_management.wire import parse_id


def user_id() -> UUID:
    """The id of the calling user. Raises `AppError` when no user calls."""
    found = parse_id(require_user().subject)
    if found is None:
        raise AppError(ErrorCode.UNAUTHENTICATED, "This account does not exist any more.")
    return found
