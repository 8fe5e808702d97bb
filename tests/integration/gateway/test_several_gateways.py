"""Gateways side by side: what is ended at one is ended at the others, whatever they remember of it."""

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect

from services.gateway import sessions_watch
from services.gateway.browser.cookies import CSRF_COOKIE
from services.gateway.signals import Signals
from tests.support.account_server import PASSPHRASE, AccountServer, gateway_settings, me, signs_out
from tests.support.gateway_platform import serving

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("signals", ["heard", "lost"])
async def test_what_is_ended_at_one_gateway_is_refused_by_the_others(
    accounts: AccountServer, monkeypatch: pytest.MonkeyPatch, signals: str
) -> None:
    """A token, a cookie, an API key and an open socket, each of which the other gateway knows already."""
    if signals == "lost":
        monkeypatch.setattr(Signals, "_tell", lambda *_: None)
        # What is looked at by the clock; as it stands it is below the 5 s within which a session has to end everywhere.
        assert sessions_watch.CHECK_SECONDS < 5
        monkeypatch.setattr(sessions_watch, "CHECK_SECONDS", 0.1)
    async with serving(gateway_settings(accounts.users)) as (url, _, _), accounts.somebody() as http:
        other, socket = AccountServer(url, accounts.users), f"{url.replace('http', 'ws', 1)}/api/v1/ws"
        token = http.headers["authorization"]
        key = (await http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]})).json()
        async with (
            accounts.client() as browser,
            other.client(authorization=token) as by_token,
            other.client(**{"x-api-key": key["secret"]}) as by_key,
            other.client() as by_cookie,
            connect(socket, additional_headers={"authorization": token}, proxy=None) as hub,
        ):
            signed_in = {"identifier": (await me(http))["username"], "password": PASSPHRASE}
            assert (await browser.post("/api/v1/auth/session", json=signed_in)).status_code == 204
            by_cookie.cookies = httpx.Cookies(browser.cookies)
            assert json.loads(await hub.recv())["type"] == "hello"
            for known in (by_token, by_key, by_cookie):
                assert (await known.get("/api/v1/users/me")).status_code == 200
            csrf = {"x-csrf-token": browser.cookies[CSRF_COOKIE]}
            assert (await browser.delete("/api/v1/auth/session", headers=csrf)).status_code == 204
            await signs_out(by_cookie)
            assert (await http.delete(f"/api/v1/api-keys/{key['key']['id']}")).status_code == 204
            await signs_out(by_key)
            assert (await by_token.get("/api/v1/users/me")).status_code == 200
            assert (await http.post("/api/v1/auth/logout")).status_code == 204
            await signs_out(by_token)
            await asyncio.wait_for(hub.wait_closed(), 60)
            assert hub.close_code == 4401
