"""Social life as its users meet it: HTTP in front of the real user_management, and the hub."""

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from services.shared.secrets import Secrets
from services.user_management.notifications.unsubscribing import Unsubscribing
from tests.support.account_server import AccountServer, accounts, start_accounts
from tests.support.user_management import Person

__all__ = ["accounts", "start_accounts"]

pytestmark = pytest.mark.integration


async def joined(accounts: AccountServer) -> tuple[Person, httpx.AsyncClient]:
    person = await accounts.users.sign_up()
    return person, accounts.client(person.tokens.access_token)


async def published(accounts: AccountServer, person: Person, **fields: Any) -> str:
    fields = {"duration_seconds": 30.0, "public": True} | fields
    return (await accounts.users.make_track(person, **fields)).track_ids[0]


async def test_a_day_among_people(accounts: AccountServer) -> None:
    (ann, hers), (ben, his) = await joined(accounts), await joined(accounts)
    async with hers, his:
        track_id = await published(accounts, ann, title="Rain on tin", tags=["lofi"])
        change = {"display_name": "Ann", "bio": "Rain.", "links": ["https://example.org/~ann"]}
        me = (await hers.patch("/api/v1/users/me", json=change)).json()
        assert {name: me[name] for name in change} == change
        assert (await hers.patch("/api/v1/users/me", json={"links": []})).json()["links"] == []
        assert (await his.put(f"/api/v1/users/{ann.username}/follow")).status_code == 204
        seen = (await his.get(f"/api/v1/users/{ann.username}")).json()
        assert (seen["display_name"], seen["followers"], seen["tracks"], seen["followed"]) == ("Ann", 1, 1, True)
        assert "email" not in seen
        assert "full_name" not in seen
        for path in ("/feed", "/explore", "/explore?sort=new&tag=lofi", f"/users/{ann.username}/tracks"):
            items = (await his.get(f"/api/v1{path}")).json()["items"]
            assert [item["id"] for item in items] == [track_id], path
        found = (await his.get("/api/v1/search", params={"q": "rain"})).json()["items"]
        assert [(hit["type"], hit["track"]["id"], hit["user"]) for hit in found] == [("track", track_id, None)]
        found = (await his.get("/api/v1/search", params={"q": "ann", "type": "users"})).json()["items"]
        assert [hit["user"]["username"] for hit in found] == [ann.username]
        assert (await his.get("/api/v1/explore/tags")).json()["items"] == [{"tag": "lofi", "tracks": 1}]
        for _ in range(2):
            assert (await his.put(f"/api/v1/tracks/{track_id}/like")).json() == {"liked": True, "likes": 1}
        track = (await his.get(f"/api/v1/tracks/{track_id}")).json()
        assert (track["likes"], track["liked"], track["comments"]) == (1, True, 0)
        assert [item["id"] for item in (await his.get("/api/v1/users/me/likes")).json()["items"]] == [track_id]
        said = await his.post(f"/api/v1/tracks/{track_id}/comments", json={"body": " That bass! ", "position": 12.5})
        comment = said.json()
        assert (said.status_code, comment["body"], comment["position"]) == (201, "That bass!", 12.5)
        path = f"/api/v1/tracks/{track_id}/comments/{comment['id']}"
        assert (await his.patch(path, json={"body": "That line!"})).json()["edited_at"]
        assert (await hers.patch(path, json={"body": "No"})).status_code == 404
        listed = (await hers.get(f"/api/v1/tracks/{track_id}/comments?sort=position")).json()["items"]
        assert [item["body"] for item in listed] == ["That line!"]
        told = (await hers.get("/api/v1/notifications")).json()
        assert ([item["kind"] for item in told["items"]], told["unread"]) == (["comment", "like", "follow"], 3)
        ids = [told["items"][0]["id"]]
        assert (await hers.post("/api/v1/notifications/read", json={"ids": ids})).json() == {"unread": 2}
        assert (await hers.post("/api/v1/notifications/read", json={})).json() == {"unread": 0}
        assert (await hers.get("/api/v1/notifications/unread")).json() == {"unread": 0}
        assert (await hers.delete(path)).status_code == 204
        assert (await his.delete(f"/api/v1/tracks/{track_id}/like")).json() == {"liked": False, "likes": 0}
        assert (await hers.put(f"/api/v1/users/{ben.username}/block")).status_code == 204
        assert (await his.get(f"/api/v1/users/{ann.username}")).status_code == 404
        assert (await his.get(f"/api/v1/tracks/{track_id}/comments")).status_code == 404
        blocked = (await hers.get("/api/v1/users/me/blocked")).json()["items"]
        assert [item["username"] for item in blocked] == [ben.username]


async def test_me_is_oneself_and_strange_names_are_nobodys(accounts: AccountServer) -> None:
    ann, hers = await joined(accounts)
    async with hers:
        assert (await hers.get("/api/v1/users/me/followers")).json() == {"items": [], "next_cursor": None}
        assert (await hers.put("/api/v1/users/me/follow")).status_code == 409
        unknown = (await hers.get("/api/v1/users/nobody-here")).json()
        for name in ("a", "x" * 31, "a%20b", "%00", "é", "me.", ann.id):
            answer = await hers.get(f"/api/v1/users/{name}")
            assert (answer.status_code, answer.json()["detail"]) == (404, unknown["detail"])


async def test_a_comment_under_a_key_is_made_once(accounts: AccountServer) -> None:
    ann, hers = await joined(accounts)
    async with hers:
        track_id = await published(accounts, ann)
        path, headers = f"/api/v1/tracks/{track_id}/comments", {"idempotency-key": str(uuid.uuid4())}
        answers = await asyncio.gather(*(hers.post(path, json={"body": "x"}, headers=headers) for _ in range(10)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 9
        assert (await hers.post(path, json={"body": "y"}, headers=headers)).status_code == 422
        for body in ({"body": ""}, {"body": "  "}, {"body": "x", "position": -1}, {"body": "x", "position": 31}, {}):
            answer = await hers.post(path, json=body)
            assert answer.status_code == 422, body
            assert answer.json()["errors"]


async def test_the_hub_tells_what_the_list_tells(accounts: AccountServer) -> None:
    (ann, hers), (_, his) = await joined(accounts), await joined(accounts)
    async with hers, his:
        track_id = await published(accounts, ann, title="Rain")
        url = accounts.url.replace("http", "ws") + "/api/v1/ws"
        headers = {"authorization": f"Bearer {ann.tokens.access_token}"}
        async with connect(url, additional_headers=headers, proxy=None) as socket, asyncio.timeout(60):
            assert json.loads(await socket.recv())["type"] == "hello"
            await his.post(f"/api/v1/tracks/{track_id}/comments", json={"body": "Nice"})
            while (message := json.loads(await socket.recv()))["type"] != "notification":
                continue
        [listed] = (await hers.get("/api/v1/notifications")).json()["items"]
        assert message["data"].keys() == listed.keys()
        assert {**message["data"], "created_at": None} == {**listed, "created_at": None}


async def test_preferences_are_changed_one_by_one(accounts: AccountServer) -> None:
    _, hers = await joined(accounts)
    path = "/api/v1/notifications/preferences"
    async with hers:
        plain = {"follow": True, "like": True, "comment": True, "invitation": True, "digest": "off"}
        assert (await hers.get(path)).json() == plain
        changed = {**plain, "like": False, "digest": "weekly"}
        assert (await hers.patch(path, json={"like": False, "digest": "weekly"})).json() == changed
        assert (await hers.patch(path, json={})).json() == changed
        assert (await hers.patch(path, json={"digest": "hourly"})).status_code == 422


async def test_fifty_likes_over_http_are_fifty(accounts: AccountServer) -> None:
    ann, hers = await joined(accounts)
    people = [await joined(accounts) for _ in range(5)]
    track_id = await published(accounts, ann)
    async with hers:
        answers = await asyncio.gather(
            *(http.put(f"/api/v1/tracks/{track_id}/like") for _, http in people for _ in range(10))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert (await hers.get(f"/api/v1/tracks/{track_id}")).json()["likes"] == 5
    for _, http in people:
        await http.aclose()


async def test_the_link_in_a_digest_ends_it_and_nothing_else(accounts: AccountServer) -> None:
    ann = await accounts.users.sign_up()
    unsubscribing = Unsubscribing(Secrets(accounts.users.secrets_dir).service_token_key())
    path, preferences = "/api/v1/notifications/unsubscribe", "/api/v1/notifications/preferences"
    token = {"token": unsubscribing.token(uuid.UUID(ann.id))}
    forged = {"token": Unsubscribing("somebody's").token(uuid.UUID(ann.id))}
    async with accounts.client(ann.tokens.access_token) as hers, accounts.client() as mail_reader:
        await hers.patch(preferences, json={"digest": "weekly", "like": False})
        page = await mail_reader.get(path, params=token)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert '<form method="post">' in page.text
        assert (await hers.get(preferences)).json()["digest"] == "weekly", "looking ends nothing"
        for refused in (forged, {"token": "x"}):
            assert (await mail_reader.post(path, params=refused)).status_code == 404
            assert (await mail_reader.get(path, params=refused)).status_code == 404
        assert (await mail_reader.post(path)).status_code == 422
        for _ in range(2):
            # As RFC 8058 has mail readers send it.
            body = {"List-Unsubscribe": "One-Click"}
            assert (await mail_reader.post(path, params=token, data=body)).status_code == 200
        after = (await hers.get(preferences)).json()
        assert (after["digest"], after["like"], after["follow"]) == ("off", False, True)
