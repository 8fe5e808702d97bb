"""The outbox: what is delivered, what is tried again, what is given up."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from services.user_management.database import Database, open_engine
from services.user_management.mail.courier import MOST_ATTEMPTS, Courier
from services.user_management.mail.message import Mail
from services.user_management.mail.repository import MailRepository, Purpose
from tests.support.user_management import UserManagement, eventually

pytestmark = pytest.mark.integration


class Post:
    """A transport that can be away."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.away = False

    def send(self, mail: Mail) -> None:
        if self.away:
            raise ConnectionRefusedError
        self.sent.append(mail)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    found = Database(open_engine(database_url, connections=6))
    yield found
    await found.close()


@contextlib.asynccontextmanager
async def delivering(*couriers: Courier) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(courier.run()) for courier in couriers]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def post(database: Database, number: int) -> None:
    mail = Mail(f"u{number}@example.org", "x", f"token {number}")
    await database.write(lambda connection: MailRepository(connection).post(mail))


async def test_replicas_deliver_each_mail_once_and_keep_none(database: Database, sql: asyncpg.Connection) -> None:
    office = Post()
    for number in range(20):
        await post(database, number)
    async with delivering(*(Courier(database, office) for _ in range(3))):

        async def empty() -> bool:
            return await sql.fetchval("SELECT count(*) FROM mails") == 0

        await eventually(empty, what="the outbox is empty")
    assert sorted(mail.recipient for mail in office.sent) == sorted(f"u{number}@example.org" for number in range(20))


async def test_a_server_that_is_away_delays_mails_and_loses_none(database: Database, sql: asyncpg.Connection) -> None:
    office = Post()
    office.away = True
    await post(database, 1)
    courier = Courier(database, office)
    async with delivering(courier):

        async def postponed() -> bool:
            return bool(await sql.fetchval("SELECT attempts = 1 AND due_at > now() + interval '20 seconds' FROM mails"))

        await eventually(postponed, what="the mail waits")
        office.away = False
        await sql.execute("UPDATE mails SET due_at = now()")
        courier.wake()

        async def sent() -> bool:
            return len(office.sent) == 1

        await eventually(sent, what="the mail is sent")


async def test_nobody_waits_for_ever(database: Database, sql: asyncpg.Connection) -> None:
    office = Post()
    office.away = True
    await post(database, 1)
    await sql.execute("UPDATE mails SET attempts = $1", MOST_ATTEMPTS - 1)
    async with delivering(Courier(database, office)):

        async def gone() -> bool:
            return await sql.fetchval("SELECT count(*) FROM mails") == 0

        await eventually(gone, what="the mail is given up")
    assert office.sent == []


async def test_tokens_are_used_once_and_for_their_purpose(
    user_management: UserManagement, database: Database, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    owner = uuid.UUID(ann.id)

    async def new(purpose: Purpose) -> str:
        token = await database.write(
            lambda connection: MailRepository(connection).new_token(owner, purpose, "ann@example.com")
        )
        assert token is not None
        return token

    async def use(token: str, *purposes: Purpose) -> object:
        return await database.write(lambda connection: MailRepository(connection).use_token(token, purposes))

    reset, other, verify = await new(Purpose.RESET), await new(Purpose.RESET), await new(Purpose.VERIFY)
    assert await use(reset, Purpose.VERIFY, Purpose.CHANGE) is None, "not for another purpose"
    assert await use(reset + "x", Purpose.RESET) is None
    assert await use(reset, Purpose.RESET) == (owner, Purpose.RESET, "ann@example.com")
    assert await use(reset, Purpose.RESET) is None
    assert await use(other, Purpose.RESET) is None, "its siblings go with it"
    await sql.execute("UPDATE mail_tokens SET expires_at = now() - $1::interval", timedelta(seconds=1))
    assert await use(verify, Purpose.VERIFY) is None
    await database.write(lambda connection: MailRepository(connection).forget_expired())
    assert await sql.fetchval("SELECT count(*) FROM mail_tokens") == 0
