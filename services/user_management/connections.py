"""Connections that stay open between uses, of which `Database` hands one to each piece of work.

To take one out of SQLAlchemy's pool and to give it back costs more than most queries: its isolation level is set and
set back, and both ways lead through greenlets and a task. So those that are clean are kept here, by what they are for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Final

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.shared.errors import AppError

_GONE: Final = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class Use(Enum):
    """What a connection is for."""

    READ = "each statement by itself"
    WRITE = "transactions"


class Connections:
    """At most `most` of them are open, those in use and those that lie here together, so that the pool behind them
    never makes anybody wait for one that lies idle.
    """

    def __init__(self, engine: AsyncEngine, most: int) -> None:
        self._engines: Final = {Use.READ: engine.execution_options(isolation_level="AUTOCOMMIT"), Use.WRITE: engine}
        self._idle: Final[dict[Use, list[AsyncConnection]]] = {use: [] for use in Use}
        self._most = most
        self._open = 0
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> int:
        """How many lie here."""
        return sum(map(len, self._idle.values()))

    @asynccontextmanager
    async def one(self, use: Use) -> AsyncIterator[AsyncConnection]:
        """A connection for the block. It is kept if the block leaves it clean: when it ends, or refuses something."""
        connection = await self._take(use)
        try:
            yield connection
        except AppError:
            await self._give_back(use, connection)
            raise
        except BaseException:
            # Nobody knows what it is in the middle of.
            await self._drop(connection)
            raise
        await self._give_back(use, connection)

    async def close(self) -> None:
        """Close those that lie here."""
        for kept in self._idle.values():
            while kept:
                await self._drop(kept.pop())

    async def _take(self, use: Use) -> AsyncConnection:
        kept = self._idle[use]
        while kept:
            connection = kept.pop()
            if _lives(connection):
                return connection
            await self._drop(connection)
        while self._open >= self._most and (full := next(filter(None, self._idle.values()), None)) is not None:
            await self._drop(full.pop())
        self._open += 1
        try:
            return await self._engines[use].connect()
        except BaseException:
            self._open -= 1
            raise

    async def _give_back(self, use: Use, connection: AsyncConnection) -> None:
        try:
            if connection.in_transaction():
                # Of reads: SQLAlchemy's own note that statements were sent; PostgreSQL knows of none.
                await connection.rollback()
            keeps = _lives(connection)
        except _GONE:
            # What the block found out holds all the same.
            keeps = False
        except BaseException:
            await self._drop(connection)
            raise
        if keeps:
            self._idle[use].append(connection)
        else:
            await self._drop(connection)

    async def _drop(self, connection: AsyncConnection) -> None:
        closing = asyncio.create_task(_close(connection))
        self._closing.add(closing)
        closing.add_done_callback(self._closed)
        await asyncio.shield(closing)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        self._open -= 1


async def _close(connection: AsyncConnection) -> None:
    # Where the server is gone, there is nothing to close.
    with suppress(*_GONE):
        await connection.close()


def _lives(connection: AsyncConnection) -> bool:
    """Whether it can be used: the driver reads its socket all the time, and so knows."""
    sync = connection.sync_connection
    if sync is None or sync.closed or sync.invalidated:
        return False
    driver = sync.connection.driver_connection
    return driver is not None and not driver.is_closed()
