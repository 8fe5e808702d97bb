"""Who sees whom, as conditions of queries."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Table, and_, exists, literal, or_, select

from services.user_management.prepared import person
from services.user_management.social.tables import blocks, mutes


def tied(table: Table, person_id: ColumnElement[UUID], other_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether one is tied to the other, in a table of ties."""
    # Under a name of its own: the query around it may read the same table.
    ties = table.alias()
    return exists(select(literal(1)).where(ties.c.person_id == person_id, ties.c.other_id == other_id))


def shuts_out(owner_id: ColumnElement[UUID], viewer_id: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether the owner blocks the viewer."""
    return tied(blocks, owner_id, person(viewer_id))


def apart(person_id: ColumnElement[UUID], viewer_id: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether either blocks the other: lists show neither to either."""
    return shuts_out(person_id, viewer_id) | tied(blocks, person(viewer_id), person_id)


def seen_by(person: FromClause, viewer_id: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether a person's name is shown to the viewer wherever it stands beside something else: the viewer's own, and
    that of anybody who is neither shut out nor about to go nor apart from the viewer. `person` is `users`, or an alias.
    """
    there = and_(person.c.suspended_at.is_(None), person.c.deletion_due_at.is_(None))
    return or_(person.c.id == viewer_id, and_(there, ~apart(person.c.id, viewer_id)))


def muted_by(person_id: ColumnElement[UUID], viewer_id: UUID | ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether the viewer mutes the person."""
    return tied(mutes, person(viewer_id), person_id)
