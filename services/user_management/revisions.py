"""Revisions: they keep one writer from undoing what another one changed meanwhile (optimistic concurrency).

Triggers count them with every edit, whichever way it comes. A change that names the revisions that its writer saw has
them in its own condition, or holds the row from the comparison on: of two such changes exactly one finds its revision.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Column, ColumnElement, text, true

from services.shared.errors import AppError, ErrorCode

# More than anybody has seen of one thing.
_MOST_EXPECTED: Final = 20


def revision_column() -> Column[Any]:
    """The column that counts the edits of a row; its trigger is the migration's."""
    return Column("revision", BigInteger, nullable=False, server_default=text("1"))


def expected(revisions: Sequence[int]) -> tuple[int, ...]:
    """The revisions that a request names; empty: any. Raises `AppError` (VALIDATION) for more than anybody has seen."""
    if len(revisions) > _MOST_EXPECTED:
        raise AppError(ErrorCode.VALIDATION, f"Name at most {_MOST_EXPECTED} revisions.")
    return tuple(revisions)


def is_one_of(column: ColumnElement[int], revisions: Collection[int]) -> ColumnElement[bool]:
    """Whether a row has one of the revisions; any will do where none is named."""
    return column.in_(revisions) if revisions else true()


def check(revision: int, revisions: Collection[int]) -> None:
    """Raises `AppError` (PRECONDITION_FAILED) unless a locked row's revision is one of those named, if any are."""
    if revisions and revision not in revisions:
        raise changed_meanwhile()


def changed_meanwhile() -> AppError:
    """What is said to whoever would undo somebody's change."""
    return AppError(
        ErrorCode.PRECONDITION_FAILED,
        "This was changed after you read it, and nothing was done. Read it again, put your change into what it is now, "
        "and send that with the new `ETag` in `If-Match`; without `If-Match` your change replaces the other one.",
    )
