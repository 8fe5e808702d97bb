"""Queries that go straight to the driver: the same answers and the same manners as those of SQLAlchemy."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import ARRAY, Text, any_, cast, func, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.user_management.database import Database, open_engine
from services.user_management.metadata import INSTANT
from services.user_management.prepared import ITEMS, LIMIT, PERSON, WORDS, Prepared
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration

ANN = uuid.UUID("0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11")
STATEMENT = select(
    PERSON.label("person"),
    (any_(ITEMS) == PERSON).label("among"),
    WORDS.label("words"),
    cast(literal('{"a": [1, "é"]}'), JSONB).label("document"),
    cast(literal(["x", "y"]), ARRAY(Text)).label("names"),
    literal(datetime(2026, 1, 2, tzinfo=UTC), INSTANT).label("at"),
    func.coalesce(None, 7).label("held"),
    LIMIT.label("most"),
)
NAP = Prepared(lambda: select(func.pg_sleep(30), func.count(PERSON)))


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    found = Database(open_engine(empty_database_url, connections=1))
    yield found
    await found.close()


async def test_answers_are_those_of_sqlalchemy(database: Database) -> None:
    prepared = Prepared(lambda: STATEMENT)
    for given in ({"person": ANN, "items": [ANN], "words": "'; --", "limit": 3},
                  {"person": uuid.uuid4(), "items": [], "words": "", "limit": 0}):  # fmt: skip

        async def ask(connection: AsyncConnection, given: dict[str, object] = given) -> tuple[object, object]:
            mine = (await prepared.rows(connection, **given))[0]
            theirs = (await connection.execute(STATEMENT, given)).one()
            return {name: mine._mapping[name] for name in theirs._mapping}, dict(theirs._mapping)

        mine, theirs = await database.read(ask)
        assert mine == theirs
        assert mine["document"] == {"a": [1, "é"]}


async def test_row_is_read_by_name_and_has_no_other(database: Database) -> None:
    rows = await database.read(
        lambda connection: Prepared(lambda: STATEMENT).rows(connection, person=ANN, items=[], words="w", limit=1)
    )
    assert rows[0].words == "w"
    with pytest.raises(AttributeError):
        _ = rows[0].nothing


async def test_what_is_left_open_has_to_be_given(database: Database) -> None:
    with pytest.raises(KeyError):
        await database.read(lambda connection: Prepared(lambda: STATEMENT).rows(connection, person=ANN))


async def test_caller_who_leaves_half_way_leaves_a_connection_that_works(database: Database) -> None:
    async def waits() -> bool:
        return database.turnstile.free == 0

    async def seven(connection: AsyncConnection) -> int:
        return int((await connection.execute(text("SELECT 7"))).scalar_one())

    for way in (database.read, database.write):
        call = asyncio.create_task(way(lambda connection: NAP.rows(connection, person=ANN)))
        await eventually(waits, what="it is with the database")
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await database.read(seven) == 7
        assert await database.write(seven) == 7


async def test_statement_that_takes_too_long_is_unavailable(empty_database_url: str) -> None:
    database = Database(open_engine(empty_database_url, connections=1, statement_seconds=0.2))
    with pytest.raises(AppError) as refused:
        await database.read(lambda connection: NAP.rows(connection, person=ANN))
    assert refused.value.code is ErrorCode.UNAVAILABLE
    await database.close()


async def test_connection_that_died_is_replaced_before_it_is_used(database: Database) -> None:
    async def number(connection: AsyncConnection) -> int:
        return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())

    async def end_itself(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    before = await database.read(number)
    with pytest.raises((AppError, DBAPIError)):
        await database.write(end_itself)
    assert await database.read(number) != before
