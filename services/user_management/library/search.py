"""What of a library is listed, and in which order: filters, words, and cursors that fit the order."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Float, Select, cast, func, literal, tuple_

from services.shared.errors import AppError
from services.user_management.library.tables import tracks

LONGEST_QUERY: Final = 200
MOST_WORDS: Final = 12

_WORD = re.compile(r"\w+", re.UNICODE)


class Order(StrEnum):
    """How a list is sorted."""

    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of an owner's tracks. `None` and empty: any."""

    query: str = ""
    tags: tuple[str, ...] = ()
    model: str = ""
    public: bool | None = None
    parent_id: UUID | None = None
    trashed: bool = False
    project_id: UUID | None = None
    without_project: bool = False
    order: Order = Order.NEWEST


def words(text: str) -> str:
    """The text as a query in which every word matches as a beginning. Raises `AppError` (VALIDATION); empty: all."""
    if len(text) > LONGEST_QUERY:
        raise AppError.field("/q", f"Search for at most {LONGEST_QUERY} characters.")
    found = _WORD.findall(text.lower())
    if text.strip() and not found:
        raise AppError.field("/q", "Search for words: letters or digits.")
    return " & ".join(f"{word}:*" for word in found[:MOST_WORDS])


def matching(wanted: Wanted, owner_id: UUID | ColumnElement[UUID]) -> list[ColumnElement[bool]]:
    """The conditions."""
    columns = tracks.c
    conditions: list[ColumnElement[bool]] = [
        columns.owner_id == owner_id,
        columns.deleted_at.is_not(None) if wanted.trashed else columns.deleted_at.is_(None),
    ]
    if asked := words(wanted.query):
        conditions.append(columns.words.op("@@")(func.to_tsquery("simple", asked)))
    if wanted.tags:
        conditions.append(columns.tags.contains(list(wanted.tags)))
    if wanted.model:
        conditions.append(columns.model == wanted.model)
    if wanted.public is not None:
        conditions.append(columns.public == wanted.public)
    if wanted.parent_id is not None:
        conditions.append(columns.parent_id == wanted.parent_id)
    if wanted.project_id is not None:
        conditions.append(columns.project_id == wanted.project_id)
    if wanted.without_project:
        conditions.append(columns.project_id.is_(None))
    return conditions


def sorted_after(query: Select[Any], wanted: Wanted, cursor: str) -> Select[Any]:
    """The query in the wanted order, behind the cursor's place; a column `place` holds each row's own.

    Raises `AppError` (VALIDATION) for a cursor of another list.
    """
    columns = tracks.c
    if wanted.order is Order.TITLE:
        place: ColumnElement[Any] = columns.title
    elif wanted.order is Order.RELEVANCE and words(wanted.query):
        rank = func.ts_rank(columns.words, func.to_tsquery("simple", words(wanted.query)))
        place = cast(rank, Float(53))
    else:
        place = literal("")
    query = query.add_columns(place.label("place"))
    ascending = wanted.order in (Order.OLDEST, Order.TITLE)
    if cursor:
        at, track_id = _read(cursor, wanted.order)
        behind = tuple_(place, columns.id)
        here = tuple_(literal(at), literal(track_id, columns.id.type))
        if isinstance(place.type, Float) or wanted.order is Order.TITLE:
            query = query.where(behind > here if ascending else behind < here)
        else:
            query = query.where(columns.id > track_id if ascending else columns.id < track_id)
    keys = [columns.id] if wanted.order in (Order.NEWEST, Order.OLDEST) else [place, columns.id]
    return query.order_by(*(key.asc() if ascending else key.desc() for key in keys))


def cursor_at(order: Order, place: Any, track_id: UUID) -> str:
    """The cursor behind a row."""
    return base64.urlsafe_b64encode(orjson.dumps([order.value, place, str(track_id)])).decode().rstrip("=")


def _read(cursor: str, order: Order) -> tuple[Any, UUID]:
    stranger = AppError.field("/cursor", "This cursor belongs to another list. Begin from the first page.")
    try:
        name, place, text = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        track_id = UUID(text)
    except (ValueError, TypeError, AttributeError) as error:
        raise stranger from error
    if name != order.value or not isinstance(place, float if order is Order.RELEVANCE else str):
        raise stranger
    # PostgreSQL's text holds no NUL, and neither does any title.
    if isinstance(place, str) and "\0" in place:
        raise stranger
    return place, track_id
