"""Cursors of lists that are sorted by a moment or a number first, then by id: opaque, and of one list each."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson

from services.shared.errors import AppError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def behind(listing: str, place: datetime | float, item_id: UUID) -> str:
    """The cursor behind the item at `place` of a list."""
    at = (place - _EPOCH) // _MICROSECOND if isinstance(place, datetime) else float(place)
    return base64.urlsafe_b64encode(orjson.dumps([listing, at, str(item_id)])).decode().rstrip("=")


def moment_behind(listing: str, cursor: str) -> tuple[datetime, UUID] | None:
    """The place that a cursor of a list by time stands for; None for the first page.

    Raises `AppError` (VALIDATION) for a cursor of another list, and for what is none.
    """
    if not cursor:
        return None
    at, item_id = _read(listing, cursor)
    try:
        if not isinstance(at, int):
            raise _stranger()
        return _EPOCH + at * _MICROSECOND, item_id
    except OverflowError as error:
        raise _stranger() from error


def number_behind(listing: str, cursor: str) -> tuple[float, UUID] | None:
    """The same for a list by a number."""
    if not cursor:
        return None
    at, item_id = _read(listing, cursor)
    if not isinstance(at, float):
        raise _stranger()
    return at, item_id


def _read(listing: str, cursor: str) -> tuple[object, UUID]:
    try:
        name, at, text = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        item_id = UUID(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise _stranger() from error
    if name != listing:
        raise _stranger()
    return at, item_id


def _stranger() -> AppError:
    return AppError.field("/cursor", "This cursor belongs to another list. Begin from the first page.")
