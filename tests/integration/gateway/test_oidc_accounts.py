"""Whose account a sign-in by an identity provider opens: linked, taken back, refused, or asked for more."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable

import asyncpg
import pyotp
import pytest

from tests.support.account_server import PASSPHRASE, me
from tests.support.oidc_door import BROWSER, CALLBACK, Door, audit, verified_account

pytestmark = pytest.mark.integration


async def test_a_confirmed_account_is_linked_and_its_owner_told(door: Door, sql: asyncpg.Connection) -> None:
    user = await verified_account(door, sql, "ada", "Ada@Example.org")
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 303
        assert (await me(http))["id"] == user["id"]
    assert [outcome for outcome, _ in await audit(sql, "account.identity_linked")] == ["ok"]
    assert "Loopback" in (await door.accounts.mails_to("Ada@example.org"))[0]


async def test_nobody_takes_an_account_over_by_its_address(
    start_door: Callable[..., Awaitable[Door]], sql: asyncpg.Connection
) -> None:
    door = await start_door()
    victim = await verified_account(door, sql, "victim", "victim@example.org")
    squatted = {"username": "squatter", "email": "later@example.org", "password": PASSPHRASE}
    async with door.accounts.client() as http:
        assert (await http.post("/api/v1/auth/register", json=squatted)).status_code == 201
    boss = await verified_account(door, sql, "boss", "boss@example.org")
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", boss["id"])
    attacks = {
        "the provider does not confirm it": ({"email": "victim@example.org", "email_verified": False}, 403),
        "a text is no promise": ({"email": "victim@example.org", "email_verified": "true"}, 403),
        "no word about it": ({"email": "victim@example.org", "email_verified": None}, 403),
        "somebody registered it first": ({"email": "later@example.org"}, 409),
        "an administrator's": ({"email": "boss@example.org"}, 409),
        "no address": ({"email": ""}, 403),
        "no address at all": ({"email": "victim@example.org\x00"}, 403),
        "two": ({"email": "victim@example.org,evil@example.net"}, 403),
    }
    for kind, (person, status) in attacks.items():
        door.provider.control(user={"sub": "attacker", **person})
        async with door.browser() as http:
            answer = await door.sign_in(http)
            assert answer.status_code == status, kind
            assert answer.headers["content-type"] == "application/problem+json"
            assert (await http.get("/api/v1/users/me")).status_code == 401, kind
    # Linked once, another person of the provider who has got the address does not get the account.
    for subject, status in (("owner", 303), ("newcomer", 409)):
        door.provider.control(user={"sub": subject, "email": "victim@example.org"})
        async with door.browser() as http:
            assert (await door.sign_in(http)).status_code == status, subject
    assert await sql.fetchval("SELECT count(*) FROM identities WHERE user_id = $1", victim["id"]) == 1
    assert await sql.fetchval("SELECT count(*) FROM identities") == 1
    refused = [details for outcome, details in await audit(sql, "account.sign_in") if outcome == "refused"]
    assert len(refused) == len(attacks) + 1


async def test_whoever_registered_an_address_before_its_owner_keeps_nothing_of_it(
    door: Door, sql: asyncpg.Connection
) -> None:
    address = "ada@example.org"
    taken = {"username": "stranger", "email": address, "password": PASSPHRASE}
    async with door.accounts.client() as stranger, door.browser() as http:
        opened = (await stranger.post("/api/v1/auth/register", json=taken)).json()
        stranger.headers["authorization"] = f"Bearer {opened['access_token']}"
        made = await stranger.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]})
        hook = {"url": "https://example.net/hook", "events": ["job.succeeded"]}
        assert (await stranger.post("/api/v1/webhooks", json=hook)).status_code == 201
        enrolment = (await stranger.post("/api/v1/auth/totp/enroll", json={"password": PASSPHRASE})).json()
        code = {"code": pyotp.TOTP(enrolment["secret"]).now()}
        assert (await stranger.post("/api/v1/auth/totp/confirm", json=code)).status_code == 200
        # The owner believes the mail, and confirms their address.
        await sql.execute("UPDATE users SET email_verified_at = now() WHERE username = 'stranger'")
        # To have another mail open the account later.
        change = {"email": "evil@example.net", "password": PASSPHRASE}
        assert (await stranger.post("/api/v1/auth/email/change", json=change)).status_code == 202

        answer = await door.sign_in(http)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await me(http))["id"] == opened["user"]["id"]

        key = {"authorization": f"Bearer {made.json()['secret']}"}
        refresh = {"refresh_token": opened["refresh_token"]}
        password = {"identifier": address, "password": PASSPHRASE}
        refused = {
            "session": await stranger.get("/api/v1/users/me"),
            "refresh token": await stranger.post("/api/v1/auth/refresh", json=refresh),
            "password": await stranger.post("/api/v1/auth/login", json=password),
            "key": await stranger.get("/api/v1/users/me", headers=key),
        }
        statuses = {what: answer.status_code for what, answer in refused.items()}
        assert statuses == {"session": 401, "refresh token": 401, "password": 401, "key": 401}
        assert await sql.fetchval("SELECT count(*) FROM mail_tokens") == 0
        webhooks = (await http.get("/api/v1/webhooks")).json()["items"]
        assert [(webhook["active"], bool(webhook["disabled_reason"])) for webhook in webhooks] == [(False, True)]
        assert not (await me(http))["second_factor"]
        told = [mail for mail in await door.accounts.mails_to(address, 2) if "Loopback" in mail]
        assert ["password, second factor, sessions, API keys" in " ".join(mail.split()) for mail in told] == [True]
        [(outcome, details)] = await audit(sql, "account.credentials_dropped")
        assert (outcome, json.loads(details)) == (
            "ok",
            {"password": 1, "second_factor": 1, "sessions": 1, "api_keys": 1, "identities": 0, "webhooks": 1},
        )


async def test_an_address_that_somebody_moved_their_account_to_is_taken_back(
    door: Door, sql: asyncpg.Connection
) -> None:
    """The stranger's account had a proven address of its own, which proves nothing about the next one."""
    await verified_account(door, sql, "mover", "mover@example.net")
    await sql.execute("UPDATE users SET owned_since = now() WHERE username = 'mover'")
    async with door.accounts.client() as stranger, door.browser() as http:
        body = {"identifier": "mover", "password": PASSPHRASE}
        opened = (await stranger.post("/api/v1/auth/login", json=body)).json()
        stranger.headers["authorization"] = f"Bearer {opened['access_token']}"
        change = {"email": "ada@example.org", "password": PASSPHRASE}
        assert (await stranger.post("/api/v1/auth/email/change", json=change)).status_code == 202
        token = await door.accounts.token_to("ada@example.org")
        assert (await http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 204
        assert (await door.sign_in(http)).status_code == 303
        assert (await stranger.get("/api/v1/users/me")).status_code == 401
        assert (await stranger.post("/api/v1/auth/login", json=body)).status_code == 401


async def test_who_shows_the_second_factor_of_the_account_keeps_its_password_and_sessions(
    door: Door, sql: asyncpg.Connection
) -> None:
    await verified_account(door, sql, "ada", "ada@example.org")
    body = {"identifier": "ada", "password": PASSPHRASE}
    async with door.accounts.client() as mine, door.browser() as http:
        token = (await mine.post("/api/v1/auth/login", json=body)).json()["access_token"]
        mine.headers["authorization"] = f"Bearer {token}"
        enrolment = (await mine.post("/api/v1/auth/totp/enroll", json={"password": PASSPHRASE})).json()
        code = {"code": pyotp.TOTP(enrolment["secret"]).now()}
        recovery = (await mine.post("/api/v1/auth/totp/confirm", json=code)).json()["recovery_codes"]
        assert (await door.sign_in(http, **BROWSER)).status_code == 303
        assert await sql.fetchval("SELECT password_hash IS NOT NULL FROM users WHERE username = 'ada'")
        shown = await http.post("/api/v1/auth/oidc/second-factor", json={"totp": recovery[0]})
        assert shown.status_code == 204
        assert (await me(mine))["second_factor"]
        assert (await mine.post("/api/v1/auth/login", json={**body, "totp": recovery[1]})).status_code == 200
    assert not await audit(sql, "account.credentials_dropped")


async def test_a_provider_that_is_not_trusted_links_nothing(
    start_door: Callable[..., Awaitable[Door]], sql: asyncpg.Connection
) -> None:
    door = await start_door(trusts_email=False)
    await verified_account(door, sql, "ada", "ada@example.org")
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 409
    door.provider.control(user={"sub": "new", "email": "new@example.org"})
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 303
        assert not (await me(http))["email_verified"]


async def test_operators_say_who_is_let_in(start_door: Callable[..., Awaitable[Door]], sql: asyncpg.Connection) -> None:
    door = await start_door(registers=False, email_domains=["example.org"])
    for email, verified in (
        ("ada@example.org", True),
        ("ada@evil.example", True),
        ("ada@example.org.evil.example", True),
        ("ada@sub.example.org", True),
        ("ada@example.org", False),
    ):
        door.provider.control(user={"sub": email, "email": email, "email_verified": verified})
        async with door.browser() as http:
            assert (await door.sign_in(http)).status_code == 403, email
    await verified_account(door, sql, "ada", "ada@example.org")
    door.provider.control()
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 303


async def test_a_suspended_account_stays_out(door: Door, sql: asyncpg.Connection) -> None:
    async with door.browser() as http:
        await door.sign_in(http)
    await sql.execute("UPDATE users SET suspended_at = now(), suspended_reason = 'Spam.'")
    async with door.browser() as http:
        answer = await door.sign_in(http)
    assert (answer.status_code, "Spam." in answer.text) == (403, True)


async def test_a_second_factor_is_asked_for_before_the_session_opens(door: Door, sql: asyncpg.Connection) -> None:
    user = await verified_account(door, sql, "ada", "ada@example.org")
    body = {"identifier": "ada", "password": PASSPHRASE}
    async with door.accounts.client() as http:
        http.headers["authorization"] = (
            f"Bearer {(await http.post('/api/v1/auth/login', json=body)).json()['access_token']}"
        )
        enrolment = (await http.post("/api/v1/auth/totp/enroll", json={"password": PASSPHRASE})).json()
        totp = pyotp.TOTP(enrolment["secret"])
        confirmed = await http.post("/api/v1/auth/totp/confirm", json={"code": totp.now()})
        recovery = confirmed.json()["recovery_codes"]
    async with door.browser() as http:
        answer = await door.sign_in(http, **BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/?problem=second-factor-required")
        assert (await http.get("/api/v1/users/me")).status_code == 401
        assert await sql.fetchval("SELECT count(*) FROM identities") == 0, "a link needs the second factor, too"
        second = "/api/v1/auth/oidc/second-factor"
        assert (await http.post(second, json={"totp": "000000"})).status_code == 401
        foreign = {"origin": "https://evil.example"}
        assert (await http.post(second, json={"totp": recovery[0]}, headers=foreign)).status_code == 403
        assert (await http.post(second, json={"totp": recovery[0]})).status_code == 204
        assert (await me(http))["id"] == user["id"]
        assert (await http.post(second, json={"totp": recovery[1]})).status_code == 401, "the waiting is over"
    async with door.accounts.client(host="localhost") as http:
        assert (await http.post(second, json={"totp": recovery[1]})).status_code == 401
        http.cookies.set("musicgen_oidc_pending", "forged")
        assert (await http.post(second, json={"totp": recovery[1]})).status_code == 401
    # Guessing is held back.
    async with door.browser() as http:
        await door.sign_in(http, **BROWSER)
        statuses = Counter([(await http.post(second, json={"totp": f"{n:06}"})).status_code for n in range(15)])
    assert statuses[429] >= 4, statuses


async def test_strangers_at_once_become_one_account(door: Door, sql: asyncpg.Connection) -> None:
    async with contextlib.AsyncExitStack() as stack:
        browsers = [await stack.enter_async_context(door.browser()) for _ in range(10)]
        params = [await door.callback(http) for http in browsers]
        answers = await asyncio.gather(
            *(http.get(CALLBACK, params=item) for http, item in zip(browsers, params, strict=True))
        )
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() <= {303, 409}
    assert statuses[303] >= 1
    assert await sql.fetchval("SELECT count(*) FROM users WHERE email_folded = 'ada@example.org'") == 1
    assert await sql.fetchval("SELECT count(*) FROM identities") == 1


async def test_a_password_by_mail_ends_what_the_provider_could_open(door: Door, sql: asyncpg.Connection) -> None:
    async with door.browser() as http:
        await door.sign_in(http)
        forgot = await http.post("/api/v1/auth/password/forgot", json={"email": "ada@example.org"})
        assert forgot.status_code == 202
        token = await door.accounts.token_to("ada@example.org")
        reset = {"token": token, "password": "staple zebra lantern"}
        assert (await http.post("/api/v1/auth/password/reset", json=reset)).status_code == 204
        assert (await http.get("/api/v1/users/me")).status_code == 401
    assert await sql.fetchval("SELECT count(*) FROM identities") == 0
    assert [outcome for outcome, _ in await audit(sql, "account.identities_unlinked")] == ["ok"]
    # Whoever chose it reads the address's mails: the provider leaves it alone.
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 303
        own = {"identifier": "ada@example.org", "password": "staple zebra lantern"}
        assert (await http.post("/api/v1/auth/login", json=own)).status_code == 200
    assert not await audit(sql, "account.credentials_dropped")


async def test_where_addresses_have_to_be_confirmed_an_untrusted_one_waits(
    start_door: Callable[..., Awaitable[Door]],
) -> None:
    door = await start_door(users={"email_verification": "required"}, trusts_email=False)
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 403
        token = await door.accounts.token_to("ada@example.org")
        assert (await door.sign_in(http)).status_code == 403
        assert (await http.post("/api/v1/auth/email/verify", json={"token": token})).status_code == 204
        assert (await door.sign_in(http)).status_code == 303
