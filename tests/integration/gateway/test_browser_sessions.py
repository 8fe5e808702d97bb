"""A browser's sign-in: cookies, and what another site's page cannot do with them."""

import http.cookies
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.shared.errors import AppError, ErrorCode
from tests.support.gateway_platform import Gateway, Person, eventually, running_gateway

SESSION, CSRF = "musicgen_session", "musicgen_csrf"


async def sign_in(http: httpx.AsyncClient, person: Person, **options: object) -> httpx.Response:
    body = {"identifier": person.user.username, "password": "correct horse"}
    return await http.post("/api/v1/auth/session", json=body, **options)


def cookies_of(answer: httpx.Response) -> dict[str, http.cookies.Morsel]:
    found = http.cookies.SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        found.load(header)
    return dict(found)


@pytest_asyncio.fixture
async def browser(gateway: Gateway, ada: Person) -> AsyncIterator[httpx.AsyncClient]:
    """Ada's browser, signed in."""
    async with gateway.client() as http:
        assert (await sign_in(http, ada)).status_code == 204
        yield http


def csrf(http: httpx.AsyncClient) -> dict[str, str]:
    return {"x-csrf-token": http.cookies[CSRF]}


async def test_signing_in_sets_a_hidden_cookie_and_a_readable_token(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        answer = await sign_in(http, ada)
        assert (answer.status_code, answer.content) == (204, b"")
        cookies = cookies_of(answer)
        assert set(cookies) == {SESSION, CSRF}
        assert (bool(cookies[SESSION]["httponly"]), bool(cookies[CSRF]["httponly"])) == (True, False)
        for cookie in cookies.values():
            assert (cookie["samesite"].lower(), cookie["path"], cookie["domain"]) == ("lax", "/", "")
            assert cookie["max-age"] == "3600"
            assert not cookie["secure"]
        assert answer.headers["cache-control"] == "no-store"
        me = await http.get("/api/v1/users/me")
    assert (me.status_code, me.json()["username"]) == (200, ada.user.username)


async def test_over_https_the_names_bind_the_cookies_to_this_host(gateway: Gateway, ada: Person) -> None:
    async with (
        running_gateway(gateway.backend, trusted_proxies="127.0.0.1") as behind_proxy,
        behind_proxy.client() as http,
    ):
        https = {"x-forwarded-proto": "https", "host": "music.example"}
        answer = await sign_in(http, ada, headers=https)
        assert answer.status_code == 204
        cookies = cookies_of(answer)
        assert set(cookies) == {f"__Host-{SESSION}", f"__Host-{CSRF}"}
        assert all(cookie["secure"] and cookie["path"] == "/" and not cookie["domain"] for cookie in cookies.values())
        secret = cookies[f"__Host-{SESSION}"].value
        bound = await http.get("/api/v1/users/me", headers={**https, "cookie": f"__Host-{SESSION}={secret}"})
        assert bound.status_code == 200
        # Another host of the domain can plant a cookie without the prefix: it counts for nothing.
        planted = await http.get("/api/v1/users/me", headers={**https, "cookie": f"{SESSION}={secret}"})
        assert planted.status_code == 401


async def test_plain_http_from_elsewhere_is_refused_unless_the_operator_allows_it(
    gateway: Gateway, ada: Person
) -> None:
    elsewhere = {"host": "192.168.1.5:8000"}
    async with gateway.client() as http:
        answer = await sign_in(http, ada, headers=elsewhere)
        assert answer.status_code == 403
        assert "HTTPS" in answer.json()["detail"]
        for host in ("localhost:8000", "127.0.0.1:8000", "[::1]:8000", "studio.localhost"):
            assert (await sign_in(http, ada, headers={"host": host})).status_code == 204, host
    async with (
        running_gateway(gateway.backend, plain_http_sessions=True) as open_network,
        open_network.client() as http,
    ):
        assert (await sign_in(http, ada, headers=elsewhere)).status_code == 204


async def test_wrong_password_sets_no_cookie(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        body = {"identifier": ada.user.username, "password": "wrong"}
        answer = await http.post("/api/v1/auth/session", json=body)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


async def test_unsafe_calls_by_cookie_need_the_sessions_own_token(
    gateway: Gateway, browser: httpx.AsyncClient, bob: Person
) -> None:
    async with gateway.client() as other:
        await sign_in(other, bob)
        bobs = other.cookies[CSRF]
    body = {"prompt": "x"}
    for kind, headers in {
        "none": {},
        "empty": {"x-csrf-token": ""},
        "another person's": {"x-csrf-token": bobs},
        "cut": {"x-csrf-token": browser.cookies[CSRF][:-1]},
        "not ASCII": {"x-csrf-token": "\u00e9".encode("latin-1")},
    }.items():
        answer = await browser.post("/api/v1/generate", json=body, headers=headers)
        assert answer.status_code == 403, kind
        assert answer.json()["type"] == "/problems/forbidden"
    # A planted pair that agrees with itself is worth nothing either.
    cookie = f"{SESSION}={browser.cookies[SESSION]}; {CSRF}=evil"
    async with gateway.client() as bare:
        planted = await bare.post("/api/v1/generate", json=body, headers={"cookie": cookie, "x-csrf-token": "evil"})
    assert planted.status_code == 403
    assert (await browser.post("/api/v1/generate", json=body, headers=csrf(browser))).status_code == 202


async def test_another_sites_page_may_not_even_with_the_token(browser: httpx.AsyncClient) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": f"http://{browser.base_url.host}:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        answer = await browser.post("/api/v1/generate", json={"prompt": "x"}, headers={**csrf(browser), **headers})
        assert answer.status_code == 403, headers
    own = {"origin": str(browser.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}
    answer = await browser.post("/api/v1/generate", json={"prompt": "x"}, headers={**csrf(browser), **own})
    assert answer.status_code == 202


async def test_another_sites_page_cannot_sign_anybody_in(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        answer = await sign_in(http, ada, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403
        form = {"identifier": ada.user.username, "password": "correct horse"}
        assert (await http.post("/api/v1/auth/session", data=form)).status_code == 415


async def test_tokens_in_headers_need_no_csrf_token_and_win_over_the_cookie(
    gateway: Gateway, browser: httpx.AsyncClient, bob: Person
) -> None:
    headers = {"authorization": f"Bearer {bob.tokens.access_token}"}
    assert (await browser.get("/api/v1/users/me", headers=headers)).json()["id"] == bob.user.id
    assert (await browser.post("/api/v1/generate", json={"prompt": "x"}, headers=headers)).status_code == 202


@pytest.mark.parametrize("secret", ["", "x", "mgb_" + "A" * 43, "mgb_" + "A" * 5000, "mgr_" + "A" * 43, "%00", '"q"'])
async def test_invented_cookies_are_nobodys(gateway: Gateway, secret: str) -> None:
    asked = gateway.backend.accounts.browser_resolutions
    async with gateway.client() as http:
        answer = await http.get("/api/v1/users/me", headers={"cookie": f"{SESSION}={secret}"})
    assert answer.status_code == 401
    # What cannot be a secret costs no look-up.
    assert gateway.backend.accounts.browser_resolutions - asked == (1 if re.fullmatch(r"mgb_A{43}", secret) else 0)


async def test_signing_out_ends_the_session_and_takes_the_cookies_back(
    gateway: Gateway, browser: httpx.AsyncClient
) -> None:
    secret = browser.cookies[SESSION]
    assert (await browser.delete("/api/v1/auth/session")).status_code == 403
    answer = await browser.delete("/api/v1/auth/session", headers=csrf(browser))
    assert answer.status_code == 204
    assert {cookie["max-age"] for cookie in cookies_of(answer).values()} == {"0"}
    assert SESSION not in browser.cookies
    async with gateway.client() as thief:
        stolen = await thief.get("/api/v1/users/me", headers={"cookie": f"{SESSION}={secret}"})
    assert stolen.status_code == 401


async def test_a_used_session_is_looked_up_seldom_and_renewed_by_itself(
    gateway: Gateway, browser: httpx.AsyncClient
) -> None:
    accounts = gateway.backend.accounts
    asked, accounts.renews = accounts.browser_resolutions, True
    first = await browser.get("/api/v1/users/me")
    assert set(cookies_of(first)) == {SESSION, CSRF}
    assert cookies_of(first)[SESSION].value == browser.cookies[SESSION]
    for _ in range(20):
        assert "set-cookie" not in (await browser.get("/api/v1/users/me")).headers
    assert accounts.browser_resolutions - asked == 1


async def test_a_service_that_is_away_is_not_a_lost_session(gateway: Gateway, browser: httpx.AsyncClient) -> None:
    away = AppError(ErrorCode.UNAVAILABLE, "Away.")
    gateway.backend.accounts.resolve_failures.extend([away] * 20)
    try:
        answer = await browser.get("/api/v1/users/me")
    finally:
        gateway.backend.accounts.resolve_failures.clear()
    assert answer.status_code == 503
    assert (await browser.get("/api/v1/users/me")).status_code == 200


async def test_events_and_audio_open_by_cookie_alone(gateway: Gateway, browser: httpx.AsyncClient, ada: Person) -> None:
    job = await gateway.backend.jobs.add(ada.user.id)
    async with browser.stream("GET", f"/api/v1/jobs/{job.id}/events") as events:
        assert events.status_code == 200
        assert events.headers["content-type"].startswith("text/event-stream")
    track = gateway.backend.tracks.add(ada.user)
    await gateway.backend.store.put(track.content.master_object_key, b"x" * 10)
    assert (await browser.get(f"/api/v1/tracks/{track.id}")).status_code == 200
    assert (await browser.get(f"/api/v1/jobs/{job.id}")).status_code == 200


async def test_a_session_that_was_ended_elsewhere_ends_at_once(
    gateway: Gateway, browser: httpx.AsyncClient, ada: Person
) -> None:
    assert (await browser.get("/api/v1/users/me")).status_code == 200
    sessions = (await browser.get("/api/v1/auth/sessions")).json()["items"]
    current = next(session["id"] for session in sessions if session["current"])
    assert (await ada.http.delete(f"/api/v1/auth/sessions/{current}")).status_code == 204
    assert (await browser.get("/api/v1/users/me")).status_code == 401
    await eventually(lambda: current not in gateway.backend.accounts.sessions, "the session is gone")
