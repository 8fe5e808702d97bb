"""Reports and what moderators do about them, on the real user_management."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from services.shared.ids import new_id
from services.user_management.moderation.report import MOST_OPEN
from tests.support.account_server import AccountServer, signs_out
from tests.support.user_management import Person

pytestmark = pytest.mark.integration

REPORTS, QUEUE = "/api/v1/reports", "/api/v1/moderation/reports"


@dataclass
class Scene:
    """Ann, who publishes; Ben, who reports; a moderator and an administrator."""

    accounts: AccountServer
    sql: asyncpg.Connection
    ann: Person
    hers: httpx.AsyncClient
    his: httpx.AsyncClient
    moderator: httpx.AsyncClient
    admin: httpx.AsyncClient
    track: str

    async def report(self, http: httpx.AsyncClient | None = None, **fields: object) -> httpx.Response:
        body = {"kind": "track", "id": self.track, "reason": "spam", **fields}
        return await (http or self.his).post(REPORTS, json=body)

    async def decide(self, report_id: str, decision: str, http: httpx.AsyncClient | None = None) -> httpx.Response:
        body = {"decision": decision, "note": "because"}
        return await (http or self.moderator).post(f"{QUEUE}/{report_id}/decision", json=body)

    async def queue(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.moderator.get(QUEUE, params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])

    async def audited(self) -> list[tuple[str, str]]:
        """Action and decision of what moderators did, oldest first."""
        rows = await self.sql.fetch(
            "SELECT action, details FROM audit_entries WHERE action ~ '^(report|moderation|admin)' ORDER BY id"
        )
        return [(row["action"], json.loads(row["details"]).get("decision", "")) for row in rows]


@pytest.fixture
async def scene(accounts: AccountServer, sql: asyncpg.Connection) -> AsyncIterator[Scene]:
    async with contextlib.AsyncExitStack() as stack:
        people: list[tuple[Person, httpx.AsyncClient]] = []
        for role in ("user", "user", "moderator", "admin"):
            person = await accounts.users.sign_up()
            await sql.execute("UPDATE users SET role = $2 WHERE id = $1", uuid.UUID(person.id), role)
            people.append((person, await stack.enter_async_context(accounts.client(person.tokens.access_token))))
        (ann, hers), (_, his), (_, moderator), (_, admin) = people
        track = (await accounts.users.make_track(ann, title="Copy", public=True)).track_ids[0]
        yield Scene(accounts, sql, ann, hers, his, moderator, admin, track)


async def test_a_report_is_told_to_moderators_and_dismissed(scene: Scene) -> None:
    answer = await scene.report(details=" It is\nmine. ", reason="copyright")
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert set(receipt) == {"id", "kind", "subject_id", "reason", "details", "status", "created_at"}
    assert (receipt["details"], receipt["status"]) == ("It is\nmine.", "open")
    [told] = await scene.queue()
    assert (told["subject_text"], told["owner"]["username"], told["open_count"]) == ("Copy", scene.ann.username, 1)
    assert (told["reason"], told["hidden"], told["suspended"], told["decision"]) == ("copyright", False, False, None)
    decided = (await scene.decide(told["id"], "dismiss")).json()
    assert (decided["status"], decided["decision"], decided["note"]) == ("dismissed", "dismiss", "because")
    assert decided["decided_by"] is not None
    assert await scene.queue() == []
    assert await scene.queue(status="dismissed", kind="track") == [decided]
    assert (await scene.his.get(f"/api/v1/tracks/{scene.track}")).status_code == 200
    assert await scene.audited() == [("report.made", ""), ("report.decided", "dismiss")]
    # Dismissed is not for ever.
    assert (await scene.report()).json()["id"] != receipt["id"]


async def test_a_hidden_track_is_gone_from_everybody_but_its_owner(scene: Scene) -> None:
    playlist = (await scene.his.post("/api/v1/playlists", json={"title": "p", "public": True})).json()
    entry = f"/api/v1/playlists/{playlist['id']}/tracks"
    assert (await scene.his.put(f"{entry}/{scene.track}", json={})).status_code == 200
    path = f"/api/v1/tracks/{scene.track}"
    report_id = (await scene.report()).json()["id"]
    assert (await scene.decide(report_id, "hide")).json()["hidden"] is True
    assert (await scene.his.get(path)).status_code == 404
    assert (await scene.his.get(f"{path}/versions")).status_code == 404
    assert (await scene.his.get(entry)).json()["items"] == []
    assert (await scene.his.post(f"{path}/remix", json={})).status_code == 404
    assert (await scene.report()).status_code == 404
    assert (await scene.hers.get(path)).json()["hidden_at"] is not None
    # Neither publishing it again nor the trash brings it back.
    await scene.hers.patch(path, json={"public": False})
    await scene.hers.patch(path, json={"public": True})
    await scene.hers.delete(path)
    await scene.hers.post(f"{path}/restore")
    assert (await scene.his.get(path)).status_code == 404
    hidden = f"/api/v1/moderation/tracks/{scene.track}/hidden"
    assert (await scene.hers.delete(hidden)).status_code == 403
    assert (await scene.moderator.delete(hidden)).status_code == 204
    assert (await scene.his.get(path)).status_code == 200
    assert (await scene.moderator.put(hidden, json={"note": "again"})).status_code == 204
    assert (await scene.his.get(path)).status_code == 404
    assert await scene.audited() == [
        ("report.made", ""),
        ("moderation.track_hidden", ""),
        ("report.decided", "hide"),
        ("moderation.track_shown", ""),
        ("moderation.track_hidden", ""),
    ]


async def test_whoever_is_suspended_is_out_at_once(scene: Scene) -> None:
    by_track, by_user = await scene.report(), await scene.report(kind="user", id=scene.ann.id, reason="hate")
    assert by_user.status_code == 201
    assert [item["kind"] for item in await scene.queue()] == ["track", "user"]
    assert [item["subject_text"] for item in await scene.queue(kind="user")] == [scene.ann.username]
    assert (await scene.decide(by_user.json()["id"], "hide")).status_code == 422
    decided = (await scene.decide(by_user.json()["id"], "suspend")).json()
    assert (decided["status"], decided["suspended"]) == ("acted", True)
    await signs_out(scene.hers)
    assert (await scene.his.get(f"/api/v1/tracks/{scene.track}")).status_code == 404
    # What was told of her track is another question, and a second suspension no second line.
    [left] = await scene.queue()
    assert left["id"] == by_track.json()["id"]
    assert (await scene.decide(left["id"], "suspend")).status_code == 200
    assert [action for action, _ in await scene.audited()].count("admin.suspended") == 1


async def test_moderators_do_not_decide_about_their_own_kind(scene: Scene) -> None:
    me = (await scene.moderator.get("/api/v1/users/me")).json()["id"]
    boss = (await scene.admin.get("/api/v1/users/me")).json()["id"]
    about_moderator = (await scene.report(kind="user", id=me)).json()["id"]
    about_admin = (await scene.report(kind="user", id=boss)).json()["id"]
    assert (await scene.decide(about_moderator, "dismiss")).status_code == 403, "not in their own affair"
    assert (await scene.decide(about_admin, "suspend")).status_code == 403
    assert (await scene.decide(about_admin, "suspend", scene.admin)).status_code == 403
    assert len(await scene.queue()) == 2, "what was refused is still open"
    assert (await scene.decide(about_moderator, "suspend", scene.admin)).status_code == 200
    await signs_out(scene.moderator)
    for role in ("user", "moderator"):
        await scene.sql.execute("UPDATE users SET role = $2 WHERE id = $1", uuid.UUID(boss), role)
        expected = 403 if role == "user" else 200
        assert (await scene.admin.get(QUEUE)).status_code == expected, "the role of this moment counts, not the token's"


async def test_nobody_shows_a_track_of_their_own_that_others_hid(scene: Scene) -> None:
    await scene.sql.execute("UPDATE users SET role = 'moderator' WHERE id = $1", uuid.UUID(scene.ann.id))
    hidden = f"/api/v1/moderation/tracks/{scene.track}/hidden"
    assert (await scene.admin.put(hidden, json={"note": "a copy"})).status_code == 204
    assert (await scene.hers.delete(hidden)).status_code == 403
    assert (await scene.hers.get(f"/api/v1/tracks/{scene.track}")).json()["hidden_at"] is not None


async def test_many_reports_of_one_thing_are_decided_once(scene: Scene) -> None:
    async with contextlib.AsyncExitStack() as stack:
        crowd = []
        for _ in range(4):
            person = await scene.accounts.users.sign_up()
            crowd.append(await stack.enter_async_context(scene.accounts.client(person.tokens.access_token)))
        answers = await asyncio.gather(*(scene.report(http) for http in crowd for _ in range(5)))
        assert {answer.status_code for answer in answers} == {201}
        made = {answer.json()["id"] for answer in answers}
        assert len(made) == 4, "the same person's five are one"
        assert [item["open_count"] for item in await scene.queue()] == [4] * 4
        deciders = [scene.moderator, scene.admin] * 2
        outcomes = await asyncio.gather(
            *(scene.decide(report_id, "hide", http) for report_id, http in zip(sorted(made), deciders, strict=True))
        )
        assert sorted(answer.status_code for answer in outcomes) == [200, 409, 409, 409]
        assert await scene.queue() == []
        assert {item["id"] for item in await scene.queue(status="acted")} == made
        assert [action for action, _ in await scene.audited()].count("moderation.track_hidden") == 1


async def test_the_queue_is_paged_oldest_first(scene: Scene) -> None:
    tracks = [
        (await scene.accounts.users.make_track(scene.ann, title=str(number), public=True)).track_ids[0]
        for number in range(3)
    ]
    for track in tracks:
        await scene.report(id=track)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await scene.moderator.get(QUEUE, params={"limit": 2, "cursor": cursor})).json()
        found += [item["subject_text"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == ["0", "1", "2"]
    await scene.hers.delete(f"/api/v1/tracks/{tracks[0]}", params={"forever": "true"})
    assert [item["subject_text"] for item in await scene.queue()] == ["0", "1", "2"]
    gone = (await scene.queue())[0]["id"]
    assert (await scene.decide(gone, "hide")).status_code == 404
    assert (await scene.decide(gone, "dismiss")).status_code == 200


async def test_only_what_one_sees_and_is_not_ones_own_is_reported(scene: Scene) -> None:
    private = (await scene.accounts.users.make_track(scene.ann)).track_ids[0]
    hidden, unknown = await scene.report(id=private), await scene.report(id=new_id())
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    assert hidden.json()["detail"] == unknown.json()["detail"]
    assert (await scene.report(scene.hers)).status_code == 409
    assert (await scene.report(scene.hers, kind="user", id=scene.ann.id)).status_code == 409
    assert (await scene.report(kind="user", id=new_id())).status_code == 404
    assert (await scene.report(id="' OR 1=1")).status_code == 404


@pytest.mark.parametrize(
    "change",
    [{"kind": "planet"}, {"reason": "boring"}, {"details": "x" * 1_001}, {"details": "a\0b"}, {"id": ""}, {"why": "x"}],
)
async def test_bad_reports_are_refused(scene: Scene, change: dict[str, str]) -> None:
    answer = await scene.report(**change)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert await scene.queue() == []


async def test_nobody_floods_the_queue(scene: Scene) -> None:
    me = uuid.UUID((await scene.his.get("/api/v1/users/me")).json()["id"])
    await scene.sql.execute(
        "INSERT INTO reports (id, reporter_id, kind, subject_id, owner_id, subject_text, reason) "
        "SELECT gen_random_uuid(), $1, 'track', gen_random_uuid(), $2, '', 'spam' FROM generate_series(1, $3)",
        me,
        uuid.UUID(scene.ann.id),
        MOST_OPEN - 1,
    )
    answers = await asyncio.gather(
        *(scene.report(kind=kind, id=thing) for kind, thing in (("track", scene.track), ("user", scene.ann.id)))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_a_comment_is_reported_and_removed_and_its_words_are_kept(scene: Scene) -> None:
    path = f"/api/v1/tracks/{scene.track}/comments"
    said = (await scene.his.post(path, json={"body": "Buy my beats!"})).json()["id"]
    assert (await scene.report(kind="comment", id=said)).status_code == 409, "his own"
    report_id = (await scene.report(scene.hers, kind="comment", id=said)).json()["id"]
    [told] = await scene.queue(kind="comment")
    assert (told["subject_text"], told["reason"]) == ("Buy my beats!", "spam")
    decided = (await scene.decide(report_id, "hide")).json()
    assert (decided["status"], decided["subject_text"]) == ("acted", "Buy my beats!")
    assert (await scene.hers.get(path)).json()["items"] == []
    assert (await scene.hers.get(f"/api/v1/tracks/{scene.track}")).json()["comments"] == 0
    assert ("moderation.comment_removed", "") in await scene.audited()
    # What is said of a track that one may not hear does not exist.
    again = (await scene.his.post(path, json={"body": "And again!"})).json()["id"]
    await scene.hers.patch(f"/api/v1/tracks/{scene.track}", json={"public": False})
    assert (await scene.report(scene.admin, kind="comment", id=again)).status_code == 404
