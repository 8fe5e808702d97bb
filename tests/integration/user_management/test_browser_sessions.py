"""Sessions of browsers, over gRPC: an opaque secret that stays the same and is kept alive by use."""

import asyncpg
import jwt
import pytest
from redis.asyncio import Redis

from protos.users.v1 import accounts_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from tests.support.user_management import PASSWORD, UserManagement

pytestmark = pytest.mark.integration

DEVICE = accounts_pb2.Device(address="203.0.113.7", user_agent="Browser/1")


async def opened(
    service: UserManagement, identifier: str, password: str = PASSWORD
) -> accounts_pb2.OpenBrowserSessionResponse:
    request = accounts_pb2.OpenBrowserSessionRequest(identifier=identifier, password=password, device=DEVICE)
    return await call(service.accounts.OpenBrowserSession, request)


async def resolved(service: UserManagement, secret: str) -> accounts_pb2.ResolveBrowserSessionResponse:
    request = accounts_pb2.ResolveBrowserSessionRequest(secret=secret, device=DEVICE)
    return await call(service.accounts.ResolveBrowserSession, request)


async def refused(service: UserManagement, secret: str) -> bool:
    try:
        await resolved(service, secret)
    except AppError as error:
        return error.code is ErrorCode.UNAUTHENTICATED
    return False


async def test_browser_stays_signed_in_with_one_secret_of_which_only_the_hash_is_stored(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    answer = await opened(user_management, ann.username)
    assert answer.session.user == ann.tokens.user
    assert answer.session.lifetime_seconds == 30 * 86_400
    for _ in range(3):
        again = await resolved(user_management, answer.secret)
        assert (again.session, again.renewed) == (answer.session, False)
    stored = await sql.fetchrow("SELECT * FROM sessions WHERE id = $1", answer.session.id)
    assert answer.secret not in str(dict(stored))
    assert (stored["address"], stored["user_agent"]) == ("203.0.113.7", "Browser/1")


async def test_use_puts_the_end_off_but_not_at_every_request(
    user_management: UserManagement, sql: asyncpg.Connection
) -> None:
    ann = await user_management.sign_up()
    answer = await opened(user_management, ann.username)
    await sql.execute(
        "UPDATE sessions SET last_used_at = now() - interval '6 minutes', expires_at = now() + interval '1 minute'"
    )
    assert [(await resolved(user_management, answer.secret)).renewed for _ in range(2)] == [True, False]
    left = await sql.fetchval("SELECT expires_at - now() FROM sessions WHERE id = $1", answer.session.id)
    assert left.days >= 29


async def test_ended_expired_and_invented_secrets_are_nobodys(
    user_management: UserManagement, sql: asyncpg.Connection, valkey: Redis
) -> None:
    ann = await user_management.sign_up()
    first, second = await opened(user_management, ann.username), await opened(user_management, ann.username)
    token = user_management.token(ann, session_id=first.session.id)
    await call(user_management.accounts.Logout, accounts_pb2.LogoutRequest(), token=token)
    assert await valkey.exists(f"mg:revoked:{first.session.id}")
    assert await refused(user_management, first.secret)
    assert not await refused(user_management, second.secret)
    await sql.execute("UPDATE sessions SET expires_at = now() - interval '1 second'")
    assert await refused(user_management, second.secret)
    for invented in ("", "mgb_x", "\udcff", "x" * 5_000):
        if invented.isprintable():
            assert await refused(user_management, invented)


async def test_browser_session_is_no_refresh_token_and_has_none(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    answer = await opened(user_management, ann.username)
    with pytest.raises(AppError) as caught:
        await call(user_management.accounts.Refresh, accounts_pb2.RefreshRequest(refresh_token=answer.secret))
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert await refused(user_management, ann.tokens.refresh_token)
    listed = await call(
        user_management.accounts.ListSessions,
        accounts_pb2.ListSessionsRequest(),
        token=user_management.token(ann, session_id=answer.session.id),
    )
    assert [session.current for session in listed.sessions] == [True, False]
    sid = jwt.decode(ann.tokens.access_token, options={"verify_signature": False})["sid"]
    assert [session.id for session in listed.sessions] == [answer.session.id, sid]


async def test_wrong_password_opens_nothing(user_management: UserManagement, sql: asyncpg.Connection) -> None:
    ann = await user_management.sign_up()
    for identifier, password in ((ann.username, "wrong horse"), ("nobody", PASSWORD)):
        with pytest.raises(AppError) as caught:
            await opened(user_management, identifier, password)
        assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert await sql.fetchval("SELECT count(*) FROM sessions WHERE secret_sha256 IS NOT NULL") == 0
