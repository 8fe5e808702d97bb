"""Mixes over HTTP, on a real user_management: chains of versions that only grow, and belong to one person."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from services.user_management.mixes import service
from tests.support.account_server import AccountServer, accounts, sql, start_accounts

__all__ = ["accounts", "sql", "start_accounts"]

pytestmark = pytest.mark.integration

URL = "/api/v1/mixes"


def session(gain_db: float = 0.0) -> dict[str, Any]:
    return {"tracks": [{"track_id": "t1", "gain_db": gain_db, "automation": {"gain_db": [[0, -3.5]]}}], "tempo": None}


async def create(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await http.post(URL, json={"title": "Söng", "session": session(), **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def save(http: httpx.AsyncClient, mix: dict[str, Any], gain_db: float, **fields: Any) -> httpx.Response:
    return await http.post(f"{URL}/{mix['id']}/versions", json={"session": session(gain_db), **fields})


async def test_each_save_is_a_version_and_old_ones_open_as_they_were(accounts: AccountServer) -> None:
    async with accounts.somebody() as http:
        mix = await create(http, note="first")
        assert (mix["title"], mix["version"]) == ("Söng", 1)
        for number in (2, 3):
            made = (await save(http, mix, float(number), note=f"n{number}", base_version=number - 1)).json()
            assert (made["number"], made["session"]) == (number, session(number))
        assert (await http.get(f"{URL}/{mix['id']}")).json()["version"] == 3
        first = (await http.get(f"{URL}/{mix['id']}/versions/1")).json()
        assert (first["session"], first["note"], first["restored_from"]) == (session(), "first", None)
        page = (await http.get(f"{URL}/{mix['id']}/versions", params={"limit": 2})).json()
        rest = (
            await http.get(f"{URL}/{mix['id']}/versions", params={"limit": 2, "cursor": page["next_cursor"]})
        ).json()
        listed = [*page["items"], *rest["items"]]
        assert [(item["number"], item["note"], item["session"]) for item in listed] == [
            (3, "n3", None),
            (2, "n2", None),
            (1, "first", None),
        ]
        assert rest["next_cursor"] is None


async def test_restoring_puts_the_old_session_in_front_and_loses_none(accounts: AccountServer) -> None:
    async with accounts.somebody() as http:
        mix = await create(http)
        await save(http, mix, 2.0)
        back = await http.post(f"{URL}/{mix['id']}/versions/1/restore")
        assert (back.status_code, back.json()["number"], back.json()["restored_from"]) == (201, 3, 1)
        assert back.json()["session"] == session()
        again = await http.post(f"{URL}/{mix['id']}/versions/1/restore")
        assert again.json()["number"] == 3, "it is the newest already"
        assert (await http.get(f"{URL}/{mix['id']}/versions/2")).json()["session"] == session(2.0)


async def test_save_that_changes_nothing_makes_no_version(accounts: AccountServer) -> None:
    async with accounts.somebody() as http:
        mix = await create(http)
        for base in (1, 1):
            assert (await save(http, mix, 5.0, base_version=base)).json()["number"] == 2, "a repeated save is one"
        assert (await save(http, mix, 5.0, note="now with a note")).json()["number"] == 3


async def test_whoever_saves_second_from_the_same_version_is_told(accounts: AccountServer) -> None:
    async with accounts.somebody() as http:
        mix = await create(http)
        answers = await asyncio.gather(*(save(http, mix, float(gain), base_version=1) for gain in range(1, 5)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
        assert "Version 2 was saved meanwhile" in next(a for a in answers if a.status_code == 409).json()["detail"]
        together = await asyncio.gather(*(save(http, mix, float(gain)) for gain in range(10, 16)))
        assert sorted(answer.json()["number"] for answer in together) == [3, 4, 5, 6, 7, 8]


async def test_key_makes_one_mix(accounts: AccountServer) -> None:
    async with accounts.somebody() as http:
        body, headers = {"title": "x", "session": session()}, {"Idempotency-Key": "k"}
        first, second = [await http.post(URL, json=body, headers=headers) for _ in range(2)]
        assert first.json() == second.json()
        assert second.headers["idempotency-replayed"] == "true"
        assert len((await http.get(URL)).json()["items"]) == 1


async def test_mixes_are_listed_page_by_page_and_removed_with_their_versions(
    accounts: AccountServer, sql: asyncpg.Connection
) -> None:
    async with accounts.somebody() as http:
        ids = [(await create(http))["id"] for _ in range(3)]
        page = (await http.get(URL, params={"limit": 2})).json()
        rest = (await http.get(URL, params={"limit": 2, "cursor": page["next_cursor"]})).json()
        assert [mix["id"] for mix in (*page["items"], *rest["items"])] == ids[::-1]
        assert (await http.delete(f"{URL}/{ids[0]}")).status_code == 204
        assert (await http.delete(f"{URL}/{ids[0]}")).status_code == 404
        assert await sql.fetchval("SELECT count(*) FROM mix_versions WHERE mix_id = $1", ids[0]) == 0


async def test_nobody_else_has_it(accounts: AccountServer) -> None:
    async with accounts.somebody() as hers, accounts.somebody() as his:
        mix = await create(hers)
        path = f"{URL}/{mix['id']}"
        asked = [
            await his.get(path),
            await his.delete(path),
            await save(his, mix, 1.0),
            await his.get(f"{path}/versions"),
            await his.get(f"{path}/versions/1"),
            await his.post(f"{path}/versions/1/restore"),
            await his.post(f"{path}/versions/1/render"),
        ]
        assert {answer.status_code for answer in asked} == {404}
        assert (await his.get(URL)).json()["items"] == []
        assert (await hers.get(path)).json()["version"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"session": session()}, "/title"),
        ({"title": "x"}, "/session"),
        ({"title": "x", "session": {}}, "/session/tracks"),
        ({"title": "x", "session": {"tracks": []}}, "/session/tracks"),
        ({"title": " ", "session": session()}, "/title"),
        ({"title": "x", "session": session(), "note": "x" * 2_001}, "/note"),
        ({"title": "x", "session": {"tracks": [{"name": "x" * 300_000}]}}, "/session"),
        ({"title": "x", "session": {"tracks": [{"name": "\0"}]}}, "/session"),
        ({"title": "x", "session": session(), "owner": "me"}, "/owner"),
    ],
)
async def test_what_is_no_session_is_named(accounts: AccountServer, body: dict[str, Any], pointer: str) -> None:
    async with accounts.somebody() as http:
        answer = await http.post(URL, json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_versions_that_are_none_are_not_found(accounts: AccountServer) -> None:
    async with accounts.somebody() as http:
        path = f"{URL}/{(await create(http))['id']}/versions"
        for number in ("2", "999999"):
            assert (await http.get(f"{path}/{number}")).status_code == 404
            assert (await http.post(f"{path}/{number}/restore")).status_code == 404
        for number in ("0", "-1", "x", "1e3"):
            assert (await http.get(f"{path}/{number}")).status_code == 422
        for cursor in ("0", "-1", "x", "9" * 30):
            assert (await http.get(path, params={"cursor": cursor})).status_code == 422


async def test_limits_hold_under_concurrency(accounts: AccountServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_MIXES", 2)
    monkeypatch.setattr(service, "MOST_VERSIONS", 3)
    async with accounts.somebody() as http:
        body = {"title": "x", "session": session()}
        made = await asyncio.gather(*(http.post(URL, json=body) for _ in range(5)))
        assert sorted(answer.status_code for answer in made) == [201, 201, 409, 409, 409]
        mix = next(answer.json() for answer in made if answer.status_code == 201)
        saved = await asyncio.gather(*(save(http, mix, float(gain)) for gain in range(1, 6)))
        assert sorted(answer.status_code for answer in saved) == [201, 201, 409, 409, 409]
        monkeypatch.setattr(service, "MOST_BYTES", 400)
        other = next(answer.json() for answer in made[::-1] if answer.status_code == 201)
        full = await save(http, other, 9.0)
        assert (full.status_code, "limit" in full.json()["detail"]) == (409, True)
