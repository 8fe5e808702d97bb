"""What a report is, and what may be decided about one: pure checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from services.shared.errors import AppError, ErrorCode

LONGEST_DETAILS: Final = 1_000
LONGEST_NOTE: Final = 500
MOST_OPEN: Final = 100

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ud800-\udfff]")
Choice = TypeVar("Choice", bound=StrEnum)


class Kind(StrEnum):
    """What kinds of things are reported."""

    TRACK = "track"
    USER = "user"
    COMMENT = "comment"


class Reason(StrEnum):
    """Why."""

    SPAM = "spam"
    COPYRIGHT = "copyright"
    HATE = "hate"
    SEXUAL = "sexual"
    VIOLENCE = "violence"
    IMPERSONATION = "impersonation"
    OTHER = "other"


class Status(StrEnum):
    """How a report stands."""

    OPEN = "open"
    DISMISSED = "dismissed"
    ACTED = "acted"


class Decision(StrEnum):
    """What moderators do about a report."""

    DISMISS = "dismiss"
    HIDE = "hide"
    SUSPEND = "suspend"

    @property
    def status(self) -> Status:
        """How the report stands after it."""
        return Status.DISMISSED if self is Decision.DISMISS else Status.ACTED


@dataclass(frozen=True, slots=True)
class Subject:
    """A reported thing: whose it is, and what it is called or says."""

    id: UUID
    owner_id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class NewReport:
    """A report to be made, of a thing that the reporter sees."""

    kind: Kind
    subject: Subject
    reason: Reason
    details: str


@dataclass(frozen=True, slots=True)
class Report:
    """A report, as moderators see it."""

    id: UUID
    kind: Kind
    subject_id: UUID
    subject_text: str
    owner_id: UUID
    owner_username: str
    hidden: bool
    suspended: bool
    reason: str
    details: str
    reporter_id: UUID | None
    reporter_username: str
    status: Status
    decision: str
    note: str
    decided_by_username: str
    created_at: datetime
    decided_at: datetime | None
    open_count: int

    def check(self, decision: Decision, moderator_id: UUID) -> None:
        """Raise `AppError` unless the moderator may decide so: CONFLICT, FORBIDDEN, VALIDATION."""
        if self.status is not Status.OPEN:
            raise already_decided()
        if self.owner_id == moderator_id:
            raise AppError(ErrorCode.FORBIDDEN, "This report is about you: somebody else has to decide it.")
        if decision is Decision.HIDE and self.kind is Kind.USER:
            raise AppError.field("/decision", "Accounts cannot be hidden. Dismiss the report, or suspend the account.")


def chosen(choices: type[Choice], text: str, pointer: str) -> Choice:
    """The choice of that name. Raises `AppError` (VALIDATION)."""
    try:
        return choices(text)
    except ValueError as error:
        raise AppError.field(pointer, f"Choose one of {', '.join(choices)}.") from error


def words(text: str, longest: int, pointer: str) -> str:
    """Free text without surrounding blanks; may be empty. Raises `AppError` (VALIDATION)."""
    found = text.strip()
    if len(found) > longest or _CONTROL.search(found):
        raise AppError.field(pointer, f"Write at most {longest} characters, and no control characters.")
    return found


def already_decided() -> AppError:
    """What is said to whoever comes second."""
    return AppError(ErrorCode.CONFLICT, "This report was decided already. Read it again.")
