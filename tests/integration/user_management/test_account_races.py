"""What somebody who once knew the password, or who guesses, can still do when the owner acts."""

import asyncio
import email
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from email import policy
from typing import Any, cast

import argon2
import asyncpg
import pyotp
import pytest
from redis.asyncio import Redis

from protos.users.v1 import accounts_pb2, admin_pb2, admin_pb2_grpc, credentials_pb2, credentials_pb2_grpc
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.user_management.auth import password_policy
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.repository import Device
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.sign_in import SignIn, SignInPolicy
from services.user_management.database import Database, open_engine
from tests.support.timing import PATIENCE_SECONDS
from tests.support.user_management import PASSWORD, Person, UserManagement, eventually

pytestmark = pytest.mark.integration

Start = Callable[..., Awaitable[UserManagement]]
HOME = accounts_pb2.Device(address="203.0.113.7", user_agent="Player/1")
AWAY = accounts_pb2.Device(address="198.51.100.9", user_agent="Player/2")
OTHER = "staple zebra lantern"
# 64 characters that mean something in every reading: at its full length the estimate takes seconds.
SLOW = "a4@b8c({[<e3g69i1!|l0o$5s7+t%x2z" * 2


def credentials(service: UserManagement) -> credentials_pb2_grpc.CredentialServiceStub:
    return credentials_pb2_grpc.CredentialServiceStub(service.channel)


async def login(
    service: UserManagement, identifier: str, password: str = PASSWORD, device: accounts_pb2.Device = HOME
) -> accounts_pb2.TokenPair:
    request = accounts_pb2.LoginRequest(identifier=identifier, password=password, device=device)
    return (await call(service.accounts.Login, request)).tokens


async def refusal(attempt: Awaitable[object]) -> AppError:
    with pytest.raises(AppError) as caught:
        await attempt
    return caught.value


async def mails_to(service: UserManagement, address: str, number: int = 1) -> list[str]:
    """The texts of the mails to an address, oldest first, as soon as there are so many."""

    async def found() -> list[str]:
        files = sorted(service.settings.outbox_dir.glob("*.eml"))
        mails = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        texts = [mail.get_content() for mail in mails if mail["To"] == address]
        return texts if len(texts) >= number else []

    return await eventually(found, what=f"{number} mails to {address}")


def token_in(text: str) -> str:
    return text.partition("#token=")[2].split()[0]


async def reset(service: UserManagement, address: str, password: str, device: accounts_pb2.Device = HOME) -> None:
    asked = credentials_pb2.ForgotPasswordRequest(email=address, device=device)
    await call(credentials(service).ForgotPassword, asked)

    async def mail() -> str:
        texts = await mails_to(service, address)
        return next((text for text in texts if "asked for a new password" in text), "")

    request = credentials_pb2.ResetPasswordRequest(
        token=token_in(await eventually(mail)), password=password, device=device
    )
    await call(credentials(service).ResetPassword, request)


async def ask_change(service: UserManagement, person: Person, address: str) -> str:
    """Ask for another address; the token of the mail to it."""
    request = credentials_pb2.ChangeEmailRequest(password=PASSWORD, email=address, device=HOME)
    await call(credentials(service).ChangeEmail, request, token=service.token(person))
    return token_in((await mails_to(service, address))[0])


async def waits_for_a_lock(sql: asyncpg.Connection) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await sql.fetchval(query))


@pytest.fixture
async def other_sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def overtaken(attempt: Awaitable[object], change: str, held: asyncpg.Connection, sql: asyncpg.Connection) -> None:
    """Commit a change to the accounts while the attempt, which saw them before, is under way."""
    async with held.transaction():
        await held.execute(change)
        task = asyncio.ensure_future(attempt)

        async def stuck_or_done() -> bool:
            return task.done() or await waits_for_a_lock(sql)

        await eventually(stuck_or_done, what="the attempt reaches the account")
    await task


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE users SET password_hash = 'another' WHERE username = 'ann'", ErrorCode.UNAUTHENTICATED),
        ("UPDATE users SET suspended_at = now() WHERE username = 'ann'", ErrorCode.FORBIDDEN),
    ],
)
@pytest.mark.parametrize("kind", ["tokens", "browser"])
async def test_sign_in_that_was_under_way_opens_no_session_after_the_door_was_shut(
    user_management: UserManagement,
    sql: asyncpg.Connection,
    other_sql: asyncpg.Connection,
    change: str,
    code: ErrorCode,
    kind: str,
) -> None:
    await user_management.sign_up("ann")
    await sql.execute("DELETE FROM sessions")
    browser = accounts_pb2.OpenBrowserSessionRequest(identifier="ann", password=PASSWORD, device=HOME)
    attempt = (
        login(user_management, "ann")
        if kind == "tokens"
        else call(user_management.accounts.OpenBrowserSession, browser)
    )
    error = await refusal(overtaken(attempt, change, other_sql, sql))
    assert error.code is code
    assert await sql.fetchval("SELECT count(*) FROM sessions") == 0


async def test_sign_in_that_overlaps_the_wish_to_go_withdraws_it(
    user_management: UserManagement, sql: asyncpg.Connection, other_sql: asyncpg.Connection
) -> None:
    await user_management.sign_up("ann")
    change = "UPDATE users SET deletion_due_at = now() + interval '7 days' WHERE username = 'ann'"
    await overtaken(login(user_management, "ann"), change, other_sql, sql)
    assert await sql.fetchval("SELECT deletion_due_at FROM users WHERE username = 'ann'") is None


async def test_renewing_an_old_hash_does_not_bring_an_old_password_back(
    user_management: UserManagement, sql: asyncpg.Connection, other_sql: asyncpg.Connection
) -> None:
    await user_management.sign_up("ann")
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
    await sql.execute("UPDATE users SET password_hash = $1 WHERE username = 'ann'", weak.hash(PASSWORD))
    chosen = weak.hash(OTHER)
    change = f"UPDATE users SET password_hash = '{chosen}' WHERE username = 'ann'"
    error = await refusal(overtaken(login(user_management, "ann"), change, other_sql, sql))
    assert error.code is ErrorCode.UNAUTHENTICATED
    assert await sql.fetchval("SELECT password_hash FROM users WHERE username = 'ann'") == chosen


async def test_simultaneous_sign_ins_with_an_old_hash_all_succeed(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    await user_management.sign_up("ann")
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await sql.execute("UPDATE users SET password_hash = $1 WHERE username = 'ann'", weak)
    assert len(await asyncio.gather(*(login(user_management, "ann") for _ in range(4)))) == 4


@pytest.mark.parametrize(
    "change", ["suspended_at = now()", "deletion_due_at = now() + interval '7 days'", "role = 'user'"]
)
async def test_no_key_is_made_for_an_account_that_was_shut_out_meanwhile(
    user_management: UserManagement, sql: asyncpg.Connection, other_sql: asyncpg.Connection, change: str
) -> None:
    ann = await user_management.sign_up("ann")
    await sql.execute("UPDATE users SET role = 'admin' WHERE username = 'ann'")
    request = credentials_pb2.CreateApiKeyRequest(name="k", scopes=["admin"])
    attempt = call(credentials(user_management).CreateApiKey, request, token=user_management.token(ann))
    error = await refusal(overtaken(attempt, f"UPDATE users SET {change} WHERE username = 'ann'", other_sql, sql))
    assert error.code in {ErrorCode.UNAUTHENTICATED, ErrorCode.FORBIDDEN}
    assert await sql.fetchval("SELECT count(*) FROM api_keys") == 0


@pytest.mark.parametrize("way", ["reset", "change"])
async def test_another_address_that_was_asked_for_does_not_survive_a_new_password(
    user_management: UserManagement, sql: asyncpg.Connection, way: str
) -> None:
    ann = await user_management.sign_up()
    old, new = f"{ann.username}@example.com", f"{uuid.uuid4().hex}@example.net"
    token = await ask_change(user_management, ann, new)
    assert "another e-mail address" in (await mails_to(user_management, old))[0]
    if way == "reset":
        await reset(user_management, old, OTHER)
    else:
        request = credentials_pb2.ChangePasswordRequest(present_password=PASSWORD, password=OTHER, device=HOME)
        await call(credentials(user_management).ChangePassword, request, token=user_management.token(ann))
    verify = credentials_pb2.VerifyEmailRequest(token=token, device=HOME)
    error = await refusal(call(credentials(user_management).VerifyEmail, verify))
    assert error.code is ErrorCode.VALIDATION
    assert await sql.fetchval("SELECT email FROM users WHERE username = $1", ann.username) == old


async def test_owner_gets_in_after_a_reset_however_often_others_guessed(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    address = f"{ann.username}@example.com"
    for identifier in (ann.username, address):
        for number in range(11):
            device = accounts_pb2.Device(address=f"198.51.100.{9 if number < 10 else 10}")
            await refusal(login(user_management, identifier, "wrong", device))
        assert (await refusal(login(user_management, identifier, OTHER, AWAY))).code is ErrorCode.RATE_LIMITED
    await reset(user_management, address, OTHER, AWAY)
    for identifier in (ann.username, address):
        assert (await login(user_management, identifier, OTHER, AWAY)).user.id == ann.id


async def test_wrong_codes_for_turning_the_second_factor_off_are_counted_and_logged(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    stub, token = credentials(user_management), user_management.token(ann)
    enrol = credentials_pb2.EnrolTotpRequest(password=PASSWORD, device=HOME)
    secret = (await call(stub.EnrolTotp, enrol, token=token)).secret
    confirm = credentials_pb2.ConfirmTotpRequest(code=pyotp.TOTP(secret).now(), device=HOME)
    recovery = (await call(stub.ConfirmTotp, confirm, token=token)).recovery_codes[0]

    async def turn_off(code: str) -> AppError:
        request = credentials_pb2.DisableTotpRequest(password=PASSWORD, code=code, device=HOME)
        return await refusal(call(stub.DisableTotp, request, token=token))

    errors = [(await turn_off("no code")).code for _ in range(10)]
    assert errors == [ErrorCode.VALIDATION] * 10
    assert (await turn_off(recovery)).code is ErrorCode.RATE_LIMITED
    counted = "SELECT count(*) FROM audit_entries WHERE action = 'account.second_factor_off' AND outcome = 'refused'"
    assert await sql.fetchval(counted) == 10


async def test_registration_never_names_an_address_where_it_has_to_be_verified(start_user_management: Start) -> None:
    service = await start_user_management(email_verification="required")

    async def register(username: str, address: str) -> accounts_pb2.RegisterResponse:
        request = accounts_pb2.RegisterRequest(username=username, email=address, password=PASSWORD, device=HOME)
        return await call(service.accounts.Register, request)

    await register("ann", "ann@example.com")
    for address in ("ann@example.com", "free@example.com"):
        error = await refusal(register("ann", address))
        assert error.code is ErrorCode.CONFLICT
        assert [violation.pointer for violation in error.violations] == ["/username"]
        assert "address" not in error.message
    assert not (await register("ben", "ann@example.com")).HasField("tokens")
    outcomes = await asyncio.gather(
        *(register(f"c{number}x", "same@example.com") for number in range(4)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [accounts_pb2.RegisterResponse] * 4
    assert len([text for text in await mails_to(service, "ann@example.com", 2) if "tried to register" in text]) == 1


async def test_password_that_is_slow_to_judge_holds_nobody_else_up(
    user_management: UserManagement, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await user_management.sign_up()
    name = f"u{uuid.uuid4().hex[:12]}"
    request = accounts_pb2.RegisterRequest(username=name, email=f"{name}@example.com", password=SLOW, device=HOME)
    judging, answered = threading.Event(), threading.Event()
    judge = password_policy.zxcvbn

    def slow(*arguments: Any, **options: Any) -> Any:
        judging.set()
        assert answered.wait(PATIENCE_SECONDS), "another call waits for the judgement"
        return judge(*arguments, **options)

    monkeypatch.setattr(password_policy, "zxcvbn", slow)
    attempts = [asyncio.ensure_future(call(user_management.accounts.Register, request)) for _ in range(4)]
    await eventually(lambda: _of(judging.is_set()), what="a password is judged")
    await user_management.usage(ann)
    answered.set()
    assert not any(
        isinstance(outcome, AssertionError) for outcome in await asyncio.gather(*attempts, return_exceptions=True)
    )


async def _of(value: bool) -> bool:
    return value


async def test_last_administrators_cannot_go_together(start_user_management: Start, sql: asyncpg.Connection) -> None:
    service = await start_user_management()
    admins = [await service.sign_up() for _ in range(2)]
    await sql.execute("UPDATE users SET role = CASE WHEN username = 'admin' THEN 'user' ELSE 'admin' END")

    def go(person: Person) -> Awaitable[object]:
        request = credentials_pb2.DeleteAccountRequest(password=PASSWORD, device=HOME)
        return call(credentials(service).DeleteAccount, request, token=service.token(person))

    outcomes = await asyncio.gather(*(go(admin) for admin in admins), return_exceptions=True)
    assert [outcome.code for outcome in outcomes if isinstance(outcome, AppError)] == [ErrorCode.CONFLICT]
    assert await sql.fetchval("SELECT count(*) FROM users WHERE role = 'admin' AND deletion_due_at IS NULL") == 1
    # Who is about to go does not count: the one who stays cannot be demoted either.
    staying = str(await sql.fetchval("SELECT id FROM users WHERE role = 'admin' AND deletion_due_at IS NULL"))
    request = admin_pb2.UpdateUserRequest(user_id=staying, role="user", device=HOME)
    attempt = call(
        admin_pb2_grpc.AdminServiceStub(service.channel).UpdateUser, request, token=service.token(user_id=staying)
    )
    assert (await refusal(attempt)).code is ErrorCode.CONFLICT


async def test_revoked_key_that_valkey_missed_is_published_at_the_next_start(
    database_url: str, user_management: UserManagement, sql: asyncpg.Connection, valkey: Redis
) -> None:
    ann = await user_management.sign_up()
    request = credentials_pb2.CreateApiKeyRequest(name="k", scopes=["read"])
    await call(credentials(user_management).CreateApiKey, request, token=user_management.token(ann))
    key_id = await sql.fetchval("UPDATE api_keys SET revoked_at = now() RETURNING id")
    database = Database(open_engine(database_url, connections=1))
    await Revocations(valkey, token_seconds=900).publish_recent(database)
    await database.close()
    assert await valkey.exists(f"mg:revoked:{key_id}")


async def test_every_ended_session_is_published_though_its_ender_goes_away(valkey: Redis) -> None:
    revocations = Revocations(valkey, token_seconds=900)
    ended = [uuid.uuid4() for _ in range(20)]
    task = asyncio.create_task(revocations.publish_all(ended))
    # Begun, and gone at its first wait.
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not await valkey.exists(f"mg:revoked:{ended[-1]}")
    loop = asyncio.create_task(revocations.run())

    async def all_known() -> bool:
        return await valkey.exists(*(f"mg:revoked:{session_id}" for session_id in ended)) == len(ended)

    await eventually(all_known, what="the retries make them known")
    loop.cancel()


async def test_retries_survive_a_revocation_that_somebody_else_publishes_meanwhile(valkey: Redis) -> None:
    revocations = Revocations(valkey, token_seconds=900)
    ended = [uuid.uuid4() for _ in range(300)]
    task = asyncio.create_task(revocations.publish_all(ended))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    loop = asyncio.create_task(revocations.run())

    async def begun() -> bool:
        return bool(await valkey.exists(f"mg:revoked:{ended[0]}"))

    await eventually(begun, what="the retries begin")
    # While the loop is on its way from the first, the last is published by another caller.
    await revocations.publish_all(list(reversed(ended)))
    late = uuid.uuid4()
    waiting = asyncio.create_task(revocations.publish_all([late]))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    async def late_known() -> bool:
        return loop.done() or bool(await valkey.exists(f"mg:revoked:{late}"))

    await eventually(late_known, what="the loop still runs")
    assert not loop.done()
    loop.cancel()


async def test_passwords_are_judged_in_the_threads_for_passwords(database_url: str) -> None:
    passwords = Passwords(threads=1, queue=0)
    database = Database(open_engine(database_url, connections=1))
    unused = cast(Any, None)
    sign_in = SignIn(database, passwords, unused, unused, unused, SignInPolicy())
    free = threading.Event()
    busy = asyncio.create_task(passwords.run(free.wait))
    await asyncio.sleep(0)
    weak = ("ann", "ann@example.com", "password1", "", Device())
    assert (await refusal(sign_in.register(*weak))).code is ErrorCode.UNAVAILABLE
    free.set()
    await busy
    assert (await refusal(sign_in.register(*weak))).code is ErrorCode.VALIDATION
    passwords.close()
    await database.close()
