"""Sign-in by an identity provider: a real provider's process, a real gateway, real accounts."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from tests.support.account_server import me
from tests.support.oidc_door import BROWSER, CALLBACK, START, Door, audit
from tests.support.oidc_provider import CLIENT_SECRET, OidcProvider

pytestmark = pytest.mark.integration


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
