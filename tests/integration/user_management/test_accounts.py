"""Signing up, in and out, over gRPC."""

import asyncio
import json
import stat
import threading
import uuid
from collections.abc import Awaitable, Callable

import argon2
import asyncpg
import jwt
import pytest
from redis.asyncio import Redis

from protos.users.v1 import accounts_pb2
from services.shared.errors import AppError, ErrorCode
from services.shared.grpc_client import call
from services.user_management.accounts.founding import FIRST_ADMIN_FILE
from tests.support.timing import promised
from tests.support.user_management import PASSWORD, Person, UserManagement, eventually

pytestmark = pytest.mark.integration

Start = Callable[..., Awaitable[UserManagement]]
DEVICE = accounts_pb2.Device(address="203.0.113.7", user_agent="Player/1")


def register_request(**fields: str) -> accounts_pb2.RegisterRequest:
    name = f"u{uuid.uuid4().hex[:12]}"
    fields = {"username": name, "email": f"{name}@example.com", "password": PASSWORD} | fields
    return accounts_pb2.RegisterRequest(device=DEVICE, **fields)


async def login(service: UserManagement, identifier: str, password: str = PASSWORD) -> accounts_pb2.TokenPair:
    request = accounts_pb2.LoginRequest(identifier=identifier, password=password, device=DEVICE)
    return (await call(service.accounts.Login, request)).tokens


async def refresh(service: UserManagement, token: str) -> accounts_pb2.TokenPair:
    request = accounts_pb2.RefreshRequest(refresh_token=token, device=DEVICE)
    return (await call(service.accounts.Refresh, request)).tokens


async def refused(attempt: Awaitable[object]) -> AppError:
    with pytest.raises(AppError) as caught:
        await attempt
    return caught.value


def session_of(tokens: accounts_pb2.TokenPair) -> str:
    sid: str = jwt.decode(tokens.access_token, options={"verify_signature": False})["sid"]
    return sid


async def sessions(service: UserManagement, person: Person, session_id: str = "") -> list[accounts_pb2.Session]:
    token = service.token(person, session_id=session_id)
    answer = await call(service.accounts.ListSessions, accounts_pb2.ListSessionsRequest(), token=token)
    return list(answer.sessions)


async def test_registration_signs_in_with_a_token_that_the_jwks_verifies(user_management: UserManagement) -> None:
    request = register_request(username="Ann-Lee", full_name="Ann Lee")
    tokens = (await call(user_management.accounts.Register, request)).tokens
    assert (tokens.user.username, tokens.user.full_name, tokens.user.role) == ("ann-lee", "Ann Lee", "user")
    assert tokens.expires_in_seconds == 900
    answer = await call(user_management.accounts.GetJwks, accounts_pb2.GetJwksRequest())
    key = jwt.PyJWKSet.from_json(answer.jwks_json)[jwt.get_unverified_header(tokens.access_token)["kid"]]
    claims = jwt.decode(tokens.access_token, key, algorithms=["EdDSA"], audience="musicgen-api", issuer="musicgen")
    assert (claims["sub"], claims["username"], claims["role"]) == (tokens.user.id, "ann-lee", "user")
    assert "d" not in json.loads(answer.jwks_json)["keys"][0]


async def test_own_account_is_answered(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    token = user_management.token(ann)
    user = (await call(user_management.accounts.GetMe, accounts_pb2.GetMeRequest(), token=token)).user
    assert user == ann.tokens.user
    gone = user_management.token(user_id=str(uuid.uuid4()))
    error = await refused(call(user_management.accounts.GetMe, accounts_pb2.GetMeRequest(), token=gone))
    assert error.code is ErrorCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"username": "ANN"}, ["/username"]),
        ({"email": "Ann@Example.com"}, ["/email"]),
        ({"username": "Ann", "email": "ANN@example.com"}, ["/username", "/email"]),
    ],
)
async def test_taken_name_or_address_is_a_conflict_whatever_its_case(
    user_management: UserManagement, fields: dict[str, str], pointers: list[str]
) -> None:
    await call(user_management.accounts.Register, register_request(username="ann", email="ann@example.com"))
    error = await refused(call(user_management.accounts.Register, register_request(**fields)))
    assert error.code is ErrorCode.CONFLICT
    assert [violation.pointer for violation in error.violations] == pointers


async def test_simultaneous_registrations_of_one_name_make_one_account(user_management: UserManagement) -> None:
    attempts = [call(user_management.accounts.Register, register_request(username="ann")) for _ in range(4)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, AppError)]
    assert [error.code for error in errors] == [ErrorCode.CONFLICT] * 3


async def test_registration_names_every_wrong_field(user_management: UserManagement) -> None:
    request = register_request(username="admin", email="nobody", password="short")
    error = await refused(call(user_management.accounts.Register, request))
    assert error.code is ErrorCode.VALIDATION
    assert [violation.pointer for violation in error.violations] == ["/username", "/email", "/password"]


async def test_login_takes_the_name_or_the_address_in_any_case(user_management: UserManagement) -> None:
    ann = await user_management.sign_up("ann")
    for identifier in ("ann", "ANN", "ann@example.com", "Ann@Example.COM", " ann "):
        assert (await login(user_management, identifier)).user.id == ann.id


@pytest.mark.parametrize(
    ("identifier", "password"),
    [
        ("ann", "wrong horse"),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("ann", ""),
        ("a\0nn", PASSWORD),
        ("x" * 999, "y"),
        ("ann", "z" * 5000),
    ],
)
async def test_wrong_name_and_wrong_password_get_the_same_answer(
    user_management: UserManagement, identifier: str, password: str
) -> None:
    await user_management.sign_up("ann")
    error = await refused(login(user_management, identifier, password))
    assert (error.code, error.message) == (
        ErrorCode.UNAUTHENTICATED,
        "The username, e-mail address or password is wrong.",
    )


async def test_old_hash_is_renewed_at_the_next_login(user_management: UserManagement, sql: asyncpg.Connection) -> None:
    await user_management.sign_up("ann")
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await sql.execute("UPDATE users SET password_hash = $1 WHERE username = 'ann'", weak)
    await login(user_management, "ann")
    stored = await sql.fetchval("SELECT password_hash FROM users WHERE username = 'ann'")
    assert stored != weak
    await login(user_management, "ann")


async def test_passwords_are_judged_beside_the_other_calls(
    user_management: UserManagement, monkeypatch: pytest.MonkeyPatch
) -> None:
    await user_management.sign_up("ann")
    judged_by: set[int] = set()
    verify = argon2.PasswordHasher.verify

    def noted(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
        judged_by.add(threading.get_ident())
        return verify(hasher, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", noted)
    await asyncio.gather(*(login(user_management, "ann") for _ in range(20)))
    # The service's loop runs in this thread; a few others judge for all.
    assert threading.get_ident() not in judged_by
    assert 1 <= len(judged_by) <= 2


async def test_refresh_rotates_and_both_tokens_belong_to_one_session(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    second = await refresh(user_management, ann.tokens.refresh_token)
    third = await refresh(user_management, second.refresh_token)
    assert len({ann.tokens.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert session_of(ann.tokens) == session_of(second) == session_of(third)
    assert len(await sessions(user_management, ann)) == 1


async def test_simultaneous_refreshes_both_work(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    pairs = await asyncio.gather(*(refresh(user_management, ann.tokens.refresh_token) for _ in range(4)))
    assert len({pair.refresh_token for pair in pairs}) == 4
    for pair in pairs:
        await refresh(user_management, pair.refresh_token)


async def test_reuse_after_the_grace_ends_the_whole_session(
    user_management: UserManagement, sql: asyncpg.Connection, valkey: Redis
) -> None:
    ann = await user_management.sign_up()
    second = await refresh(user_management, ann.tokens.refresh_token)
    await sql.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
    for stolen in (ann.tokens.refresh_token, second.refresh_token):
        error = await refused(refresh(user_management, stolen))
        assert error.code is ErrorCode.UNAUTHENTICATED
    assert await sessions(user_management, ann) == []
    assert await valkey.exists(f"mg:revoked:{session_of(ann.tokens)}")


@pytest.mark.parametrize("token", ["", "nonsense", "mgr_" + "x" * 43])
async def test_forged_refresh_token_is_refused(user_management: UserManagement, token: str) -> None:
    assert (await refused(refresh(user_management, token))).code is ErrorCode.UNAUTHENTICATED


async def test_expired_session_cannot_be_refreshed(user_management: UserManagement, sql: asyncpg.Connection) -> None:
    ann = await user_management.sign_up()
    await sql.execute("UPDATE sessions SET expires_at = now()")
    assert (await refused(refresh(user_management, ann.tokens.refresh_token))).code is ErrorCode.UNAUTHENTICATED


async def test_refresh_tokens_are_not_stored(user_management: UserManagement, sql: asyncpg.Connection) -> None:
    ann = await user_management.sign_up()
    stored = await sql.fetchval("SELECT token_sha256 FROM refresh_tokens")
    assert len(stored) == 32
    assert ann.tokens.refresh_token.encode() not in stored


async def test_sessions_are_listed_newest_first_with_their_devices(user_management: UserManagement) -> None:
    ann = await user_management.sign_up("ann")
    second = await login(user_management, "ann")
    found = await sessions(user_management, ann, session_of(second))
    assert [session.id for session in found] == [session_of(second), session_of(ann.tokens)]
    assert [session.current for session in found] == [True, False]
    assert (found[0].address, found[0].user_agent) == ("203.0.113.7", "Player/1")


async def test_logout_ends_this_session_only_and_tells_the_gateway(
    user_management: UserManagement, valkey: Redis
) -> None:
    ann = await user_management.sign_up("ann")
    second = await login(user_management, "ann")
    token = user_management.token(ann, session_id=session_of(second))
    await call(user_management.accounts.Logout, accounts_pb2.LogoutRequest(), token=token)
    assert [session.id for session in await sessions(user_management, ann)] == [session_of(ann.tokens)]
    week = 7 * 86_400
    ttl = await valkey.ttl(f"mg:revoked:{session_of(second)}")
    assert week < ttl <= week + 610, "longer than a token or a link is accepted"
    assert not await valkey.exists(f"mg:revoked:{session_of(ann.tokens)}")
    assert (await refused(refresh(user_management, second.refresh_token))).code is ErrorCode.UNAUTHENTICATED
    await call(user_management.accounts.Logout, accounts_pb2.LogoutRequest(), token=token)
    await call(user_management.accounts.Logout, accounts_pb2.LogoutRequest(), token=user_management.token(ann))


async def test_other_peoples_sessions_do_not_exist(user_management: UserManagement) -> None:
    ann, ben = await user_management.sign_up(), await user_management.sign_up()
    for session_id in (session_of(ben.tokens), "nonsense", str(uuid.uuid4())):
        request = accounts_pb2.RevokeSessionRequest(session_id=session_id)
        attempt = call(user_management.accounts.RevokeSession, request, token=user_management.token(ann))
        assert (await refused(attempt)).code is ErrorCode.NOT_FOUND
    own = accounts_pb2.RevokeSessionRequest(session_id=session_of(ann.tokens))
    await call(user_management.accounts.RevokeSession, own, token=user_management.token(ann))
    assert await sessions(user_management, ann) == []
    assert len(await sessions(user_management, ben)) == 1


async def test_revocation_that_valkey_missed_is_published_at_the_next_start(
    start_user_management: Start, valkey: Redis
) -> None:
    deaf = await start_user_management(redis_url="redis://127.0.0.1:9/0")
    ann = await deaf.sign_up()
    session_id = session_of(ann.tokens)
    token = deaf.token(ann, session_id=session_id)
    with promised(3, "signing out without Valkey"):
        await call(deaf.accounts.Logout, accounts_pb2.LogoutRequest(), token=token)
    await start_user_management()
    await eventually(lambda: valkey.exists(f"mg:revoked:{session_id}"), what="the revocation is published")


async def test_calls_before_sign_in_are_for_services_only(user_management: UserManagement) -> None:
    ann = await user_management.sign_up()
    token = user_management.token(ann)
    accounts = user_management.accounts
    for attempt in (
        call(accounts.Register, register_request(), token=token),
        call(accounts.Login, accounts_pb2.LoginRequest(), token=token),
        call(accounts.Refresh, accounts_pb2.RefreshRequest(), token=token),
        call(accounts.GetJwks, accounts_pb2.GetJwksRequest(), token=token),
        call(accounts.GetLocalOwner, accounts_pb2.GetLocalOwnerRequest(), token=token),
        call(accounts.GetMe, accounts_pb2.GetMeRequest()),
        call(accounts.GetUsage, accounts_pb2.GetUsageRequest()),
        call(accounts.ListSessions, accounts_pb2.ListSessionsRequest()),
        call(accounts.RevokeSession, accounts_pb2.RevokeSessionRequest()),
        call(accounts.Logout, accounts_pb2.LogoutRequest()),
    ):
        assert (await refused(attempt)).code is ErrorCode.FORBIDDEN


async def test_first_admins_password_is_written_once_and_signs_in(start_user_management: Start) -> None:
    service = await start_user_management()
    path = service.secrets_dir / FIRST_ADMIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    password = path.read_text()
    path.unlink()
    tokens = await login(service, "admin", password)
    assert tokens.user.role == "admin"
    assert len(password) >= 20
    await start_user_management()
    assert not path.exists()


async def test_given_password_is_the_first_admins_and_lies_in_no_file(start_user_management: Start) -> None:
    service = await start_user_management(first_admin_password="as the operator likes")
    assert (await login(service, "admin", "as the operator likes")).user.role == "admin"
    assert not (service.secrets_dir / FIRST_ADMIN_FILE).exists()


async def test_two_replicas_that_start_together_make_one_admin(
    start_user_management: Start, sql: asyncpg.Connection
) -> None:
    await asyncio.gather(start_user_management(), start_user_management())
    assert await sql.fetchval("SELECT count(*) FROM users WHERE role = 'admin'") == 1


async def test_single_user_install_has_one_owner_and_no_admin(
    start_user_management: Start, sql: asyncpg.Connection
) -> None:
    service = await start_user_management(single_user=True)
    assert await sql.fetchval("SELECT count(*) FROM users") == 0
    request = accounts_pb2.GetLocalOwnerRequest()
    owners = await asyncio.gather(*(call(service.accounts.GetLocalOwner, request) for _ in range(4)))
    assert len({owner.user.id for owner in owners}) == 1
    owner = Person(owners[0].user.id, owners[0].user.username, accounts_pb2.TokenPair())
    assert (await service.usage(owner)).balance_seconds == 10_000 * 3600
    await service.create(owner, reserve_seconds=10)


async def test_install_with_accounts_has_no_local_owner(user_management: UserManagement) -> None:
    attempt = call(user_management.accounts.GetLocalOwner, accounts_pb2.GetLocalOwnerRequest())
    assert (await refused(attempt)).code is ErrorCode.FORBIDDEN


async def test_install_that_was_single_user_gets_an_admin_who_can_sign_in(start_user_management: Start) -> None:
    single = await start_user_management(single_user=True)
    await call(single.accounts.GetLocalOwner, accounts_pb2.GetLocalOwnerRequest())
    service = await start_user_management()
    password = (service.secrets_dir / FIRST_ADMIN_FILE).read_text()
    assert (await login(service, "admin", password)).user.username == "admin"
