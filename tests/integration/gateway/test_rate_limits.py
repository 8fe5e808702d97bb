import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.gateway.rate_limit.policy import load_limits
from services.shared.errors import AppError
from services.shared.ids import new_id
from tests.support.account_server import AccountServer
from tests.support.gateway_platform import Backend, Gateway, Person, running_gateway
from tests.support.user_management import PASSWORD


def small_limits(
    folder: Path,
    *,
    key_quotas: dict[str, int] | None = None,
    site_quotas: dict[str, int] | None = None,
    tiers: dict[str, Any] | None = None,
    **quotas: int,
) -> Path:
    """The real file with other quotas, and for keys and tiers none but those given."""
    path = folder / "limits.yaml"
    lines = ["classes:"]
    for name, limit in load_limits(Path("configs/rate_limiting.yaml")).classes.items():
        entry = limit.model_dump(exclude={"key_quota"}, exclude_none=True) | {"quota": quotas.get(name, limit.quota)}
        if site_quotas and name in site_quotas:
            entry["site_quota"] = site_quotas[name]
        if key_quotas and name in key_quotas:
            entry["key_quota"] = key_quotas[name]
        lines.append(f"  {name}: {entry}".replace("'", '"'))
    lines.append(f"tiers: {json.dumps(tiers or {})}")
    path.write_text("\n".join(lines))
    return path


async def test_every_answer_tells_what_is_left(ada: Person) -> None:
    first = await ada.http.get("/api/v1/users/me")
    second = await ada.http.get("/api/v1/users/me")
    assert first.headers["ratelimit-policy"] == '"read";q=1200;w=60'
    left = [int(re.fullmatch(r'"read";r=(\d+);t=\d+', answer.headers["ratelimit"])[1]) for answer in (first, second)]
    assert left == [1199, 1198]


async def test_too_many_requests_are_refused_for_a_while(backend: Backend, tmp_path: Path) -> None:
    async with (
        running_gateway(backend, rate_limits_file=small_limits(tmp_path, generate=3)) as gateway,
        gateway.person() as ada,
        gateway.person() as bob,
    ):
        answers = [await ada.http.post("/api/v1/generate", json={"prompt": "x"}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
        refused = answers[-1]
        assert refused.json()["type"] == "/problems/rate-limited"
        assert 1 <= int(refused.headers["retry-after"]) <= 120
        assert refused.headers["ratelimit"].startswith('"generate";r=0;')
        # Others, and other classes of calls, are not held up.
        assert (await bob.http.post("/api/v1/generate", json={"prompt": "x"})).status_code == 202
        assert (await ada.http.get("/api/v1/users/me")).status_code == 200
        batch = {"requests": [{"prompt": "x"}] * 3}
        assert (await bob.http.post("/api/v1/generate/batch", json=batch)).status_code == 429


async def test_guessing_passwords_is_slowed_by_address(backend: Backend, tmp_path: Path) -> None:
    async with (
        running_gateway(
            backend, rate_limits_file=small_limits(tmp_path, auth=2), trusted_proxies=("127.0.0.1",)
        ) as gateway,
        gateway.client() as http,
    ):
        address = f"2001:db8:{new_id()[:4]}:{new_id()[-4:]}"
        body = {"identifier": "nobody", "password": "guess guess"}
        # One subscriber has all addresses of a /64.
        answers = [
            await http.post("/api/v1/auth/login", json=body, headers={"x-forwarded-for": f"{address}::{host}"})
            for host in (1, 2, 3)
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 429]


async def test_networks_of_one_customer_are_slowed_together(backend: Backend, tmp_path: Path) -> None:
    limits = small_limits(tmp_path, auth=2, rejected=2, site_quotas={"auth": 3, "rejected": 3})
    async with (
        running_gateway(backend, rate_limits_file=limits, trusted_proxies=("127.0.0.1",)) as gateway,
        gateway.client() as http,
        gateway.client("forged") as forger,
    ):
        site, next_door = (f"2001:db8:{secrets.token_hex(2)}" for _ in range(2))
        body = {"identifier": "nobody", "password": "guess guess"}

        async def guessed(address: str) -> int:
            answer = await http.post("/api/v1/auth/login", json=body, headers={"x-forwarded-for": address})
            return answer.status_code

        async def forged(address: str) -> int:
            return (await forger.get("/api/v1/users/me", headers={"x-forwarded-for": address})).status_code

        for knock in (guessed, forged):
            assert [await knock(f"{site}:{network}::1") for network in range(5)] == [401] * 3 + [429] * 2
            assert await knock(f"{next_door}:1::1") == 401
            assert await knock("198.51.100.77") == 401
            # Who is refused in the small window takes nothing from those around.
            assert [await knock(f"{next_door}:1::{host}") for host in (2, 3, 4)] == [401, 429, 429]
            assert await knock(f"{next_door}:2::1") == 401


async def test_forwarded_addresses_are_believed_from_trusted_proxies_only(gateway: Gateway, ada: Person) -> None:
    async with gateway.client() as http:
        await http.post(
            "/api/v1/auth/login",
            json={"identifier": ada.user.username, "password": "correct horse"},
            headers={"x-forwarded-for": "203.0.113.7"},
        )
    sessions = (await ada.http.get("/api/v1/auth/sessions")).json()["items"]
    assert sessions[-1]["address"] == "127.0.0.1"


async def test_forged_tokens_are_slowed_by_address(backend: Backend, tmp_path: Path) -> None:
    async with (
        running_gateway(
            backend, rate_limits_file=small_limits(tmp_path, rejected=2), trusted_proxies=("127.0.0.1",)
        ) as gateway,
        gateway.client("forged") as http,
    ):
        http.headers["x-forwarded-for"] = f"2001:db8:{new_id()[-4:]}::1"
        answers = [await http.get("/api/v1/users/me") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]


async def test_unknown_credentials_are_not_looked_up_once_an_address_had_too_many_refused(
    backend: Backend, tmp_path: Path
) -> None:
    before = backend.accounts.browser_resolutions
    async with (
        running_gateway(
            backend, rate_limits_file=small_limits(tmp_path, rejected=2), trusted_proxies=("127.0.0.1",)
        ) as gateway,
        gateway.client() as http,
    ):
        http.headers["x-forwarded-for"] = f"2001:db8:{new_id()[-4:]}::1"
        answers = [
            await http.get("/api/v1/users/me", headers={"cookie": f"musicgen_session=mgb_{secrets.token_urlsafe(32)}"})
            for _ in range(5)
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 429, 429, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert backend.accounts.browser_resolutions == before + 2
        # Another address is asked for.
        http.headers["x-forwarded-for"] = f"2001:db8:{new_id()[-4:]}:1::1"
        cookie = f"musicgen_session=mgb_{secrets.token_urlsafe(32)}"
        assert (await http.get("/api/v1/users/me", headers={"cookie": cookie})).status_code == 401
        assert backend.accounts.browser_resolutions == before + 3


async def test_without_valkey_reads_go_on_and_costly_calls_wait(backend: Backend) -> None:
    async with running_gateway(backend, redis_url="redis://127.0.0.1:1/0") as gateway, gateway.person() as person:
        assert (await person.http.get("/api/v1/users/me")).status_code == 200
        refused = await person.http.post("/api/v1/generate", json={"prompt": "x"})
        assert refused.status_code == 503
        assert "retry-after" in refused.headers


async def test_a_key_uses_up_its_own_share_only(
    start_accounts: Callable[..., Awaitable[AccountServer]], tmp_path: Path
) -> None:
    limits = small_limits(tmp_path, key_quotas={"read": 3}, read=6)
    accounts = await start_accounts({"rate_limits": "on", "rate_limits_file": limits})
    async with accounts.somebody() as ada:
        made = [await ada.post("/api/v1/api-keys", json={"name": name, "scopes": ["read"]}) for name in ("one", "two")]
        one, two = (accounts.client(**{"x-api-key": answer.json()["secret"]}) for answer in made)
        async with one, two:
            answers = [await one.get("/api/v1/tracks") for _ in range(8)]
            assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 5
            # The key's own window is the tightest, and is the one that is told of.
            assert answers[0].headers["ratelimit-policy"] == '"read.key";q=3;w=60'
            assert answers[0].headers["ratelimit"].startswith('"read.key";r=2;')
            assert int(answers[-1].headers["retry-after"]) >= 1
            # What was refused cost its owner nothing: another key has a share of its own, and both count for the owner.
            assert [(await two.get("/api/v1/tracks")).status_code for _ in range(2)] == [200, 200]
            last = await ada.get("/api/v1/tracks")
            assert last.status_code == 200
            assert last.headers["ratelimit"].startswith('"read";r=0;')
            refused = await two.get("/api/v1/tracks")
            assert refused.status_code == 429
            assert refused.headers["ratelimit-policy"] == '"read";q=6;w=60'


async def test_ended_key_is_refused_as_such_and_not_counted_for_its_owner(
    start_accounts: Callable[..., Awaitable[AccountServer]], tmp_path: Path
) -> None:
    limits = small_limits(tmp_path, key_quotas={"read": 3}, read=6)
    accounts = await start_accounts({"rate_limits": "on", "rate_limits_file": limits})
    async with accounts.somebody() as ada:
        key = (await ada.post("/api/v1/api-keys", json={"name": "one", "scopes": ["read"]})).json()
        async with accounts.client(**{"x-api-key": key["secret"]}) as program:
            assert (await program.get("/api/v1/tracks")).status_code == 200
            assert (await ada.delete(f"/api/v1/api-keys/{key['key']['id']}")).status_code == 204
            assert (await program.get("/api/v1/tracks")).status_code == 401
        assert (await ada.get("/api/v1/tracks")).headers["ratelimit"].startswith('"read";r=4;')


@pytest.mark.parametrize("wrong", ["key_quota: 11", "key_quota: 0", "key_quota: 5, per: address"])
def test_share_of_a_key_that_cannot_be_is_refused_at_the_start(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "limits.yaml"
    limit = f"per: user, quota: 10, window_seconds: 60, when_unavailable: allow, {wrong}"
    path.write_text(f"classes:\n  read: {{{limit}}}\n")
    with pytest.raises(AppError) as refused:
        load_limits(path)
    assert "key_quota" in refused.value.message


async def test_a_tier_has_figures_of_its_own_and_what_was_used_stays_used(backend: Backend, tmp_path: Path) -> None:
    tiers = {"trial": {"generate": {"quota": 2}}, "pro": {"generate": {"quota": 5}}}
    async with (
        running_gateway(backend, rate_limits_file=small_limits(tmp_path, generate=3, tiers=tiers)) as gateway,
        gateway.person() as ada,
    ):

        async def asked(*claimed: str) -> list[tuple[int, str]]:
            """One call after the other, each as of a tier; the status, and the policy that it tells."""
            found = []
            for tier in claimed:
                claims = {"tier": tier} if tier else {}
                token = backend.accounts.access_token(ada.user, ada.session_id, **claims)
                async with gateway.client(token) as http:
                    answer = await http.post("/api/v1/generate", json={"prompt": "x"})
                    found.append((answer.status_code, answer.headers["ratelimit-policy"].partition(";")[2]))
            return found

        assert await asked("trial", "trial", "trial") == [(202, "q=2;w=60")] * 2 + [(429, "q=2;w=60")]
        # Whoever goes up has the difference, not a fresh window; a token of before there were tiers is everybody's.
        assert await asked("", "") == [(202, "q=3;w=60"), (429, "q=3;w=60")]
        assert await asked("gone") == [(429, "q=3;w=60")], "a tier without figures is like everybody"
        assert await asked("pro", "pro", "pro") == [(202, "q=5;w=60")] * 2 + [(429, "q=5;w=60")]
        assert await asked("trial") == [(429, "q=2;w=60")]


async def test_a_crowd_of_a_tier_gets_exactly_its_quota(backend: Backend, tmp_path: Path) -> None:
    limits = small_limits(tmp_path, tiers={"trial": {"read": {"quota": 7}}})
    async with running_gateway(backend, rate_limits_file=limits) as gateway, gateway.person() as ada:
        token = backend.accounts.access_token(ada.user, ada.session_id, tier="trial")
        async with gateway.client(token) as http:
            answers = await asyncio.gather(*(http.get("/api/v1/users/me") for _ in range(30)))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 23


async def test_a_signed_link_keeps_to_the_tier_of_whom_it_was_given_to(backend: Backend, tmp_path: Path) -> None:
    limits = small_limits(tmp_path, tiers={"trial": {"audio": {"quota": 2}}})
    async with running_gateway(backend, rate_limits_file=limits) as gateway, gateway.person() as ada:
        path = f"/api/v1/tracks/{new_id()}/audio"
        links = gateway.app.state.collaborators.links
        link = links.link(path, ada.user.id, ada.session_id, "trial")
        async with gateway.client() as http:
            answers = [await http.get(link) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [404, 404, 429]
            # To leave the tier out is to forge the link.
            assert (await http.get(link.replace(".trial.", "."))).status_code == 401
            assert (await http.get(link.replace(".trial.", ".pro."))).status_code == 401


async def test_a_socket_counts_within_the_tier_too(backend: Backend, tmp_path: Path) -> None:
    limits = small_limits(tmp_path, tiers={"trial": {"stream": {"quota": 1}}})
    async with running_gateway(backend, rate_limits_file=limits) as gateway, gateway.person() as ada:
        token = backend.accounts.access_token(ada.user, ada.session_id, tier="trial")
        address = gateway.url.replace("http", "ws", 1) + "/api/v1/ws"
        headers = {"authorization": f"Bearer {token}"}
        async with connect(address, additional_headers=headers, proxy=None):
            pass
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address, additional_headers=headers, proxy=None):
                pass
        assert refused.value.response.status_code == 429


async def test_a_tier_counts_once_it_stands_in_the_credential(
    start_accounts: Callable[..., Awaitable[AccountServer]], sql: asyncpg.Connection, tmp_path: Path
) -> None:
    tiers = {"trial": {"read": {"quota": 50}}}
    limits = small_limits(tmp_path, key_quotas={"read": 30}, read=60, tiers=tiers)
    accounts = await start_accounts({"rate_limits": "on", "rate_limits_file": limits})
    ann = await accounts.users.sign_up()
    async with accounts.client(ann.tokens.access_token) as http, accounts.client() as nobody:

        async def policy(client: httpx.AsyncClient) -> str:
            answer = await client.get("/api/v1/tracks")
            assert answer.status_code == 200
            return str(answer.headers["ratelimit-policy"])

        assert await policy(http) == '"read";q=60;w=60'
        await sql.execute("UPDATE quota_accounts SET tier = 'trial' WHERE owner_id = $1", ann.id)
        assert await policy(http) == '"read";q=60;w=60', "the token says what it said"
        body = {"refresh_token": ann.tokens.refresh_token}
        renewed = (await nobody.post("/api/v1/auth/refresh", json=body)).json()["access_token"]
        async with accounts.client(renewed) as again:
            assert await policy(again) == '"read";q=50;w=60'
            made = await again.post("/api/v1/api-keys", json={"name": "one", "scopes": ["read"]})
        async with accounts.client(**{"x-api-key": made.json()["secret"]}) as program:
            assert await policy(program) == '"read.key";q=25;w=60'
        credentials = {"identifier": ann.username, "password": PASSWORD}
        async with accounts.client() as browser:
            assert (await browser.post("/api/v1/auth/session", json=credentials)).status_code == 204
            assert await policy(browser) == '"read";q=50;w=60'


async def test_limits_can_be_lifted_for_load_runs(backend: Backend) -> None:
    async with running_gateway(backend, rate_limits="off") as gateway, gateway.person() as person:
        answer = await person.http.get("/api/v1/users/me")
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers
        await person.http.post("/api/v1/auth/logout")
        assert (await person.http.get("/api/v1/users/me")).status_code == 401
