"""Sign-in by an identity provider: a real provider's process, a real gateway, real accounts."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pyotp
import pytest

from tests.support.account_server import PASSPHRASE, AccountServer, me
from tests.support.oidc_provider import CLIENT_SECRET, OidcProvider, running_oidc_provider

pytestmark = pytest.mark.integration

START = "/api/v1/auth/oidc/loopback/start"
CALLBACK = "/api/v1/auth/oidc/loopback/callback"
BROWSER = {"accept": "text/html,application/xhtml+xml", "host": "localhost"}


@pytest.fixture(scope="session")
def provider_process() -> Iterator[OidcProvider]:
    with running_oidc_provider() as running:
        yield running


@pytest.fixture
def provider(provider_process: OidcProvider) -> OidcProvider:
    provider_process.control()
    return provider_process


@dataclass
class Door:
    """A gateway with the provider, and its accounts."""

    accounts: AccountServer
    provider: OidcProvider

    @contextlib.asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        async with self.accounts.client(host="localhost") as http:
            yield http

    async def callback(self, http: httpx.AsyncClient, next_page: str = "/") -> dict[str, str]:
        """Go to the provider and come back with the parameters of the callback."""
        started = await http.get(START, params={"next": next_page})
        assert started.status_code == 303, started.text
        return await asyncio.to_thread(self.provider.authorize, started.headers["location"])

    async def sign_in(self, http: httpx.AsyncClient, **headers: str) -> httpx.Response:
        return await http.get(CALLBACK, params=await self.callback(http), headers=headers)


@pytest.fixture
def start_door(
    start_accounts: Callable[..., Awaitable[AccountServer]], provider: OidcProvider, tmp_path: Path
) -> Callable[..., Awaitable[Door]]:
    async def start(users: dict[str, Any] | None = None, **changes: Any) -> Door:
        gateway = {"oidc_file": provider.configuration(tmp_path, **changes), "public_url": "http://localhost:8000"}
        return Door(await start_accounts(gateway=gateway, **(users or {})), provider)

    return start


@pytest.fixture
async def door(start_door: Callable[..., Awaitable[Door]]) -> Door:
    return await start_door()


async def verified_account(door: Door, sql: asyncpg.Connection, name: str, email: str) -> dict[str, Any]:
    """An account with a password, whose address was confirmed."""
    body = {"username": name, "email": email, "password": PASSPHRASE}
    async with door.accounts.client() as http:
        user = (await http.post("/api/v1/auth/register", json=body)).json()["user"]
    await sql.execute("UPDATE users SET email_verified_at = now() WHERE id = $1", user["id"])
    return user


async def audit(sql: asyncpg.Connection, action: str) -> list[tuple[str, str]]:
    query = "SELECT outcome, details::text AS details FROM audit_entries WHERE action = $1 ORDER BY id"
    return [(row["outcome"], row["details"]) for row in await sql.fetch(query, action)]


async def test_the_sign_in_page_learns_of_the_providers(door: Door) -> None:
    async with door.accounts.client() as http:
        answer = (await http.get("/api/v1/auth/oidc")).json()
    assert answer["items"] == [
        {"id": "loopback", "title": "Loopback", "start_url": f"http://localhost:8000{START}"},
    ]


async def test_a_stranger_signs_up_and_in_again_as_the_same_person(door: Door, sql: asyncpg.Connection) -> None:
    door.provider.control(user={"preferred_username": "Ada Lovelace", "sub": "ada"})
    async with door.browser() as http:
        answer = await http.get(CALLBACK, params=await door.callback(http, "/library/?sort=new"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/library/?sort=new")
        cookies = " ".join(answer.headers.get_list("set-cookie")).lower()
        assert "musicgen_session=mgb_" in cookies
        assert "httponly" in cookies
        first = await me(http)
    assert (first["username"], first["email"], first["full_name"]) == ("ada-lovelace", "ada@example.org", "Ada L.")
    assert first["email_verified"]
    # The address has changed there; the person has not.
    door.provider.control(user={"sub": "ada", "email": "lovelace@example.org"})
    async with door.browser() as http:
        await door.sign_in(http)
        assert (await me(http))["id"] == first["id"]
    assert [outcome for outcome, _ in await audit(sql, "account.register")] == ["ok"]
    assert len(await audit(sql, "account.sign_in")) == 2
    told = str(await sql.fetch("SELECT details::text FROM audit_entries"))
    assert "Loopback" in told
    assert "@" not in told
    assert await sql.fetchval("SELECT balance_ms FROM quota_accounts WHERE owner_id = $1", first["id"]) > 0


async def test_names_that_are_taken_reserved_or_strange_become_others(door: Door) -> None:
    async with door.accounts.somebody("taken"):
        pass
    names = []
    for number, wish in enumerate(("taken", "admin", "日本", "x", "a" * 200, "<script>", "../../etc")):
        strange = {"preferred_username": wish, "name": "\x00" * 9}
        door.provider.control(user={"sub": f"s{number}", "email": f"s{number}@example.org", **strange})
        async with door.browser() as http:
            assert (await door.sign_in(http)).status_code == 303, wish
            names.append((await me(http))["username"])
    assert len(set(names)) == len(names)
    assert not {"taken", "admin", "x"} & set(names)
    assert names[0].startswith("taken-")
    assert all(len(name) <= 30 for name in names)


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


FORGERIES: dict[str, dict[str, Any]] = {
    "unsigned": {"wrong": "unsigned"},
    "public key as a secret": {"wrong": "public key as a secret"},
    "client secret as a key": {"wrong": "client secret as a key"},
    "another key": {"wrong": "another key"},
    "an unknown key": {"wrong": "an unknown key"},
    "changed": {"wrong": "changed"},
    "no token": {"wrong": "no token"},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "another audience": {"claims": {"aud": "another-client"}},
    "others, too": {"claims": {"aud": ["musicgen-studio", "another-client"], "azp": "musicgen-studio"}},
    "authorized for another": {"claims": {"azp": "another-client"}},
    "expired": {"claims": {"exp": 1_700_000_000}},
    "never ends": {"claims": {"exp": None}},
    "not yet": {"claims": {"iat": 4_000_000_000}},
    "long ago": {"claims": {"iat": 1_700_000_000}},
    "another nonce": {"claims": {"nonce": "x"}},
    "no nonce": {"claims": {"nonce": None}},
    "another access token": {"claims": {"at_hash": "x"}},
    "nobody": {"claims": {"sub": ""}},
    "no subject": {"claims": {"sub": None}},
    "a number": {"claims": {"sub": 7}},
    "a very long subject": {"claims": {"sub": "x" * 300}},
    "a strange end": {"claims": {"exp": "tomorrow"}},
}


async def test_id_tokens_that_do_not_hold_sign_nobody_in(door: Door, sql: asyncpg.Connection) -> None:
    for kind, wrong in FORGERIES.items():
        door.provider.control(**wrong)
        async with door.browser() as http:
            answer = await door.sign_in(http)
            assert (answer.status_code, kind) == (401, kind)
            assert "musicgen_session" not in str(answer.headers)
    assert await sql.fetchval("SELECT count(*) FROM identities") == 0
    assert await sql.fetchval("SELECT count(*) FROM sessions WHERE secret_sha256 IS NOT NULL") == 0
    print(f"oidc: {len(FORGERIES)} ID tokens that do not hold, all 401")


async def test_a_callback_belongs_to_the_browser_that_began_and_works_once(door: Door) -> None:
    async with door.browser() as http, door.browser() as victim:
        params = await door.callback(http)
        # Somebody else's link signs nobody in: neither without a beginning of one's own, nor with it.
        assert (await victim.get(CALLBACK, params=params)).status_code == 401
        await door.callback(victim)
        assert (await victim.get(CALLBACK, params=params)).status_code == 401
        for wrong in ({"state": "x"}, {"state": ""}, {"iss": "https://evil.example"}):
            assert (await http.get(CALLBACK, params={**params, **wrong}, headers=BROWSER)).status_code == 303
        http.cookies.clear()
        params = await door.callback(http)
        kept = dict(http.cookies)
        door.provider.control()
        copies = [http.get(CALLBACK, params=params, headers={"cookie": _header(kept)}) for _ in range(20)]
        statuses = Counter([answer.status_code for answer in await asyncio.gather(*copies)])
        assert statuses == {303: 1, 401: 19}, statuses
        assert door.provider.counts()["/token"] == 1


def _header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


async def test_cookies_of_a_beginning_cannot_be_forged(door: Door) -> None:
    async with door.browser() as http:
        params = await door.callback(http)
        value = http.cookies["musicgen_oidc"]
        for forged in ("", "x", "é", value[:-2] + "AA", value * 3, "A" * 9_000, value[1:]):
            answer = await http.get(CALLBACK, params=params, headers={"cookie": f"musicgen_oidc={forged}".encode()})
            assert answer.status_code == 401, forged
        assert (await http.get(CALLBACK, params=params)).status_code == 303


async def test_what_the_browser_is_sent_away_with(door: Door) -> None:
    async with door.browser() as http:
        started = await http.get(START)
        url = urlsplit(started.headers["location"])
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"{door.provider.issuer}/authorize"
        assert asked["redirect_uri"] == f"http://localhost:8000{CALLBACK}", "never from the Host header"
        assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
        assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
        assert "secret" not in started.headers["location"]
        (cookie,) = started.headers.get_list("set-cookie")
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(cookie.split("; "))
        assert asked["nonce"] not in cookie
        pages = ("//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nSet-Cookie: x=1", "", "/api/v1/x")
        for evil in pages:
            assert (await http.get(START, params={"next": evil})).status_code == 422, evil
        assert (await http.get("/api/v1/auth/oidc/nonesuch/start")).status_code == 404
        assert (await http.get("/api/v1/auth/oidc/nonesuch/callback")).status_code == 404
        elsewhere = await http.get(START, headers={"host": "music.example"})
        assert elsewhere.status_code == 403, "no session travels in the open"
        https = {"x-forwarded-proto": "https", "host": "music.example"}
        (cookie,) = (await http.get(START, headers=https)).headers.get_list("set-cookie")
        assert cookie.startswith("__Host-musicgen_oidc=")
        assert "Secure" in cookie


async def test_refusals_lead_people_back_to_the_sign_in_page(door: Door) -> None:
    door.provider.control(wrong="denied")
    async with door.browser() as http:
        answer = await door.sign_in(http, **BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/?problem=forbidden")
        answer = await door.sign_in(http)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden")


async def test_a_provider_that_misbehaves_is_away(door: Door) -> None:
    for wrong, statuses in (("broken", {503}), ("endless", {503}), ("sent elsewhere", {503})):
        door.provider.control(wrong=wrong)
        async with door.browser() as http:
            answer = await door.sign_in(http)
            assert answer.status_code in statuses, wrong
            assert "169.254" not in answer.text


async def test_what_discovery_says_is_checked_and_kept(start_door: Callable[..., Awaitable[Door]]) -> None:
    for metadata in (
        {"issuer": "https://evil.example"},
        {"token_endpoint": "ftp://127.0.0.1/token"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ):
        door = await start_door()
        door.provider.control(metadata=metadata)
        async with door.browser() as http:
            for _ in range(3):
                assert (await http.get(START)).status_code == 503, metadata
        assert door.provider.counts()["/.well-known/openid-configuration"] == 1, "not at every click"
    door.provider.control()
    door = await start_door()
    async with door.browser() as http:
        for _ in range(5):
            assert (await http.get(START)).status_code == 303
    counts = door.provider.counts()
    assert (counts["/.well-known/openid-configuration"], counts["/jwks"]) == (1, 1)


async def test_a_private_address_is_asked_only_when_the_operator_says_so(
    start_door: Callable[..., Awaitable[Door]], provider: OidcProvider
) -> None:
    door = await start_door(private_network=False, issuer=f"https://127.0.0.1:{provider.port}")
    async with door.browser() as http:
        assert (await http.get(START)).status_code == 503
    assert provider.counts().keys() == {"/counts"}


async def test_an_address_may_come_from_the_user_info_of_the_same_person(door: Door) -> None:
    door.provider.control(claims={"email": None, "email_verified": None})
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 303
        assert (await me(http))["email"] == "ada@example.org"
    other = {"sub": "somebody else", "email": "bob@example.org", "email_verified": True}
    door.provider.control(claims={"email": None}, userinfo=other)
    async with door.browser() as http:
        assert (await door.sign_in(http)).status_code == 401


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


async def test_the_way_leaves_nothing_secret_in_the_log(door: Door, capfd: pytest.CaptureFixture[str]) -> None:
    async with door.browser() as http:
        params = await door.callback(http)
        carried = http.cookies["musicgen_oidc"]
        assert (await http.get(CALLBACK, params=params)).status_code == 303
        assert (await http.get(CALLBACK, params=params)).status_code == 401
        session = http.cookies["musicgen_session"]
        door.provider.control(wrong="changed")
        assert (await door.sign_in(http)).status_code == 401
    told = capfd.readouterr().out
    assert CALLBACK in told
    assert "oidc_refused" in told
    for secret in (params["code"], params["state"], carried, session, "ada@example.org", CLIENT_SECRET, "eyJ"):
        assert secret not in told
