"""Taking away what an account that goes has done among people, a part at a time: all at once takes too long."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.user_management.social.tables import comments, follows, likes

AT_ONCE: Final = 2_000


async def some_removed(connection: AsyncConnection, person_id: UUID, most: int = AT_ONCE) -> int:
    """Remove some of a person's likes, comments and follows, from both ends.

    Answers how many; fewer than `most` were all of them.
    """
    removed = 0
    for table, mine in (
        (likes, likes.c.person_id == person_id),
        (follows, follows.c.person_id == person_id),
        (follows, follows.c.other_id == person_id),
        (comments, comments.c.author_id == person_id),
    ):
        if removed < most:
            removed += await _removed(connection, table, mine, most - removed)
    return removed


async def _removed(connection: AsyncConnection, table: Table, mine: ColumnElement[bool], most: int) -> int:
    keys = list(table.primary_key.columns)
    some = select(*keys).where(mine).limit(most)
    return (await connection.execute(delete(table).where(tuple_(*keys).in_(some)))).rowcount
