"""The pool: what it repeats, what it refuses, what it passes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.errors import AppError, ErrorCode
from services.shared.identity import Principal, acting_as
from services.user_management.database import Database, open_engine
from tests.support.user_management import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    found = Database(open_engine(empty_database_url, connections=2, statement_seconds=0.2))
    yield found
    await found.close()


class Flaky:
    """Raises an SQLSTATE a few times, then answers."""

    def __init__(self, sqlstate: str, times: int) -> None:
        self.sqlstate = sqlstate
        self.left = times
        self.runs = 0

    async def __call__(self, connection: AsyncConnection) -> int:
        self.runs += 1
        if self.left:
            self.left -= 1
            statement = f"DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{self.sqlstate}'; END $$"
            await connection.execute(text(statement))
        return int((await connection.execute(text("SELECT 7"))).scalar_one())


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "57P01", "08006"])
async def test_work_that_was_rolled_back_is_repeated(database: Database, sqlstate: str) -> None:
    work = Flaky(sqlstate, 2)
    assert await database.write(work) == 7
    assert work.runs == 3


async def test_database_that_stays_in_trouble_is_unavailable(database: Database) -> None:
    with pytest.raises(AppError) as refused:
        await database.read(Flaky("57P03", 1000))
    assert refused.value.code is ErrorCode.UNAVAILABLE
    assert refused.value.retry_after_seconds


async def test_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_sleep(10)"))

    with pytest.raises(AppError) as refused:
        await database.write(work)
    assert refused.value.code is ErrorCode.UNAVAILABLE


async def test_full_disk_is_said_so(database: Database) -> None:
    work = Flaky("53100", 1)
    with pytest.raises(AppError) as refused:
        await database.write(work)
    assert refused.value.code is ErrorCode.STORAGE_FULL
    assert work.runs == 1


async def test_mistake_in_a_statement_is_passed_on(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT nonsense"))

    with pytest.raises(ProgrammingError):
        await database.write(work)
    with pytest.raises(DBAPIError):
        await database.read(Flaky("XX000", 1))


async def test_write_that_fails_leaves_nothing(database: Database) -> None:
    async def create(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE things (name text)"))

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO things VALUES ('half')"))
        raise ValueError("stop here")

    async def count(connection: AsyncConnection) -> int:
        return int((await connection.execute(text("SELECT count(*) FROM things"))).scalar_one())

    await database.write(create)
    with pytest.raises(ValueError, match="stop here"):
        await database.write(work)
    assert await database.read(count) == 0


async def test_crowd_is_turned_away_and_whoever_is_let_in_is_answered(empty_database_url: str) -> None:
    database = Database(open_engine(empty_database_url, connections=2), longest_line=3)
    held = asyncio.Event()

    async def work(connection: AsyncConnection) -> int:
        await held.wait()
        return int((await connection.execute(text("SELECT 7"))).scalar_one())

    with acting_as(Principal("ann", "user")):
        calls = [asyncio.create_task(database.read(work)) for _ in range(10)]
        calls += [asyncio.create_task(database.write(work)) for _ in range(10)]
        room = asyncio.create_task(database.write(work, spared=True))
    refused, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    while len(refused) < 15:
        more, _ = await asyncio.wait(set(calls) - refused, return_when=asyncio.FIRST_COMPLETED)
        refused |= more
    assert database.turnstile.waiting == 4
    own = asyncio.create_task(database.read(work))
    held.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, AppError)] == [7] * 5
    assert {outcome.code for outcome in outcomes if isinstance(outcome, AppError)} == {ErrorCode.OVERLOADED}
    # What makes room and what no person asked for always waits for its turn.
    assert await asyncio.gather(room, own) == [7, 7]
    assert (database.turnstile.free, database.turnstile.waiting) == (2, 0)
    await database.close()


async def test_caller_who_leaves_gives_its_connection_back(empty_database_url: str) -> None:
    database = Database(open_engine(empty_database_url, connections=1), longest_line=3)

    async def sleep(connection: AsyncConnection) -> None:
        await connection.execute(text("SELECT pg_sleep(30)"))

    async def quick(connection: AsyncConnection) -> int:
        return int((await connection.execute(text("SELECT 7"))).scalar_one())

    async def waits() -> bool:
        return database.turnstile.waiting == 1

    with acting_as(Principal("ann", "user")):
        slow = [asyncio.create_task(database.read(sleep)), asyncio.create_task(database.write(sleep))]
        await eventually(waits, what="one waits for the other")
        for call in slow:
            call.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        assert await database.read(quick) == 7
    assert database.turnstile.free == 1
    await database.close()


async def backend(connection: AsyncConnection) -> int:
    """The server process behind a connection."""
    return int((await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def test_connections_are_kept_and_make_way_for_other_uses(empty_database_url: str) -> None:
    database = Database(open_engine(empty_database_url, connections=1))
    first = await database.read(backend)
    assert await database.read(backend) == first
    # The pool has one connection only: that which lies ready to read has to be given back for a write, and again.
    assert [await database.write(backend), await database.read(backend), await database.write(backend)] == [first] * 3
    await database.close()


async def test_refusal_leaves_a_connection_clean_and_a_fault_closes_none_for_others(database: Database) -> None:
    async def create(connection: AsyncConnection) -> None:
        await connection.execute(text("CREATE TABLE kept (name text)"))

    async def refuse(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO kept VALUES ('half')"))
        raise AppError(ErrorCode.NOT_FOUND, "There is none.")

    async def count(connection: AsyncConnection) -> int:
        return int((await connection.execute(text("SELECT count(*) FROM kept"))).scalar_one())

    await database.write(create)
    before = await database.write(backend)
    with pytest.raises(AppError):
        await database.write(refuse)
    assert await database.write(backend) == before
    for _ in range(3):
        with pytest.raises(DBAPIError):
            await database.write(Flaky("XX000", 1))
    assert (await database.write(count), await database.read(count)) == (0, 0)


async def test_crowd_of_both_uses_shares_the_connections_there_are(database: Database) -> None:
    async def seen(connection: AsyncConnection) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL"
        return int((await connection.execute(text(query))).scalar_one())

    found = await asyncio.gather(*(database.read(seen) if n % 3 else database.write(seen) for n in range(60)))
    # One may be on its way out while its successor is there already.
    assert max(found) <= 3
    assert database.turnstile.free == 2


async def test_kept_connection_whose_server_process_ended_is_replaced(
    database: Database, empty_database_url: str
) -> None:
    other = Database(open_engine(empty_database_url, connections=1))
    for use in (database.read, database.write):
        ended = await use(backend)

        async def end(connection: AsyncConnection, pid: int = ended) -> bool:
            return bool((await connection.execute(text(f"SELECT pg_terminate_backend({pid}, 10000)"))).scalar_one())

        assert await other.read(end)
        assert await use(backend) != ended
    await other.close()
