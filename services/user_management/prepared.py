"""Queries that run often: each is built and compiled once, and handed straight to the driver from then on.

To build a query of a few joins and conditions anew for each call costs several times what PostgreSQL needs to answer
it. For reads: a transaction that has not written yet may not have begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from uuid import UUID

from asyncpg import Record
from sqlalchemy import ARRAY, BindParameter, ClauseElement, ColumnElement, Integer, Text, bindparam, literal
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler

from services.user_management.metadata import ID

# What the queries leave open; values are given by these names.
PERSON: Final[BindParameter[UUID]] = bindparam("person", type_=ID)
ITEM: Final[BindParameter[UUID]] = bindparam("item", type_=ID)
ITEMS: Final[BindParameter[Any]] = bindparam("items", type_=ARRAY(ID))
WORDS: Final[BindParameter[str]] = bindparam("words", type_=Text)
TAGS: Final[BindParameter[Any]] = bindparam("tags", type_=ARRAY(Text))
LIMIT: Final[BindParameter[int]] = bindparam("limit", type_=Integer)

_DIALECT: Final = asyncpg.dialect()  # type: ignore[no-untyped-call]


def person(person_id: UUID | ColumnElement[UUID]) -> ColumnElement[UUID]:
    """A person in a query: by id, or left open."""
    return person_id if isinstance(person_id, ColumnElement) else literal(person_id, ID)


class Found(Record):  # type: ignore[misc] # its stubs are not complete
    """A row, read like those of SQLAlchemy: `row.name`, `row._mapping`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def _mapping(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self)


class Prepared:
    """One query. `build` is called when it is asked for first; what it leaves open are named parameters.

    Values come as SQLAlchemy has set its driver up to read them: JSON as objects, ids as UUIDs.
    """

    def __init__(self, build: Callable[[], ClauseElement]) -> None:
        self._build = build
        self._sql = ""
        # For each place: the parameter's name, or None and a value that the query itself holds.
        self._places: list[tuple[str | None, Any]] = []

    async def rows(self, connection: AsyncConnection, **values: Any) -> list[Found]:
        """Every row of the answer."""
        if not self._sql:
            self._compile()
        arguments = [held if name is None else values[name] for name, held in self._places]
        found: list[Found] = await _driver(connection).fetch(self._sql, *arguments, record_class=Found)
        return found

    def _compile(self) -> None:
        compiled = self._build().compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 — a mistake of ours
        writers: Mapping[str, Any] = compiled._bind_processors
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            if bind.required:
                self._places.append((name, None))
            else:
                value = compiled.params[name]
                self._places.append((None, writers[name](value) if name in writers else value))
        self._sql = compiled.string


def _driver(connection: AsyncConnection) -> Any:
    # No round trip and no change of thread: the connection is there already.
    sync = connection.sync_connection
    assert sync is not None  # noqa: S101 — a mistake of ours
    return sync.connection.driver_connection
