"""Playlists through the gateway, on the real user_management: order, rights, and many hands at once."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from services.user_management.playlists.order import GAP
from tests.support.account_server import AccountServer
from tests.support.user_management import Person

pytestmark = pytest.mark.integration

PATH = "/api/v1/playlists"


@dataclass
class Somebody:
    """A person with a client and tracks."""

    accounts: AccountServer
    person: Person
    http: httpx.AsyncClient

    async def track(self, **fields: object) -> str:
        return str((await self.accounts.users.make_track(self.person, **fields)).track_ids[0])

    async def playlist(self, **fields: object) -> str:
        answer = await self.http.post(PATH, json={"title": "Sunday", **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def put(self, playlist: str, track: str, **place: object) -> httpx.Response:
        return await self.http.put(f"{PATH}/{playlist}/tracks/{track}", json=place)

    async def order(self, playlist: str, limit: int = 100) -> list[str]:
        """Every track that is listed, over as many pages as it takes."""
        found: list[str] = []
        cursor = ""
        while True:
            query = {"limit": limit, "cursor": cursor}
            page = await self.http.get(f"{PATH}/{playlist}/tracks", params=query)
            assert page.status_code == 200, page.text
            found += [item["track"]["id"] for item in page.json()["items"]]
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return found


@contextlib.asynccontextmanager
async def somebody(accounts: AccountServer) -> AsyncIterator[Somebody]:
    person = await accounts.users.sign_up()
    async with accounts.client(person.tokens.access_token) as http:
        yield Somebody(accounts, person, http)


@pytest.fixture
async def ann(accounts: AccountServer) -> AsyncIterator[Somebody]:
    async with somebody(accounts) as found:
        yield found


@pytest.fixture
async def ben(accounts: AccountServer) -> AsyncIterator[Somebody]:
    async with somebody(accounts) as found:
        yield found


async def join(guest: "Somebody", owner: "Somebody", playlist: str) -> None:
    """Invite somebody, who says yes."""
    invited = await owner.http.put(f"{PATH}/{playlist}/members/{guest.person.username}")
    assert invited.status_code == 200, invited.text
    accepted = await guest.http.post(f"{PATH}/{playlist}/invitation")
    assert (accepted.status_code, accepted.json()["role"]) == (200, "member")


async def test_a_playlist_is_made_told_changed_and_removed(ann: Somebody) -> None:
    made = (await ann.http.post(PATH, json={"title": " Été 🎧 ", "description": "a\nb", "public": True})).json()
    assert (made["title"], made["description"], made["public"], made["collaborative"]) == (
        "Été 🎧",
        "a\nb",
        True,
        False,
    )
    assert (made["role"], made["track_count"], made["owner"]["username"]) == ("owner", 0, ann.person.username)
    path = made["links"]["self"]
    changed = (await ann.http.patch(path, json={"collaborative": True, "description": ""})).json()
    assert (changed["title"], changed["description"], changed["collaborative"]) == ("Été 🎧", "", True)
    assert (await ann.http.get(path)).json() == changed
    assert (await ann.http.delete(path)).status_code == 204
    assert (await ann.http.get(path)).status_code == 404
    assert (await ann.http.delete(path)).status_code == 404


async def test_tracks_stand_where_they_were_put(ann: Somebody) -> None:
    playlist = await ann.playlist()
    a, b, c, d = [await ann.track() for _ in range(4)]
    for track in (a, b, c):
        await ann.put(playlist, track)
    assert await ann.order(playlist) == [a, b, c]
    assert (await ann.put(playlist, d, position=1)).json()["position"] == 1
    assert await ann.order(playlist) == [a, d, b, c]
    assert (await ann.put(playlist, a, after=c)).json()["position"] == 3
    assert await ann.order(playlist) == [d, b, c, a]
    await ann.put(playlist, c, position=0)
    assert await ann.order(playlist) == [c, d, b, a]
    # A position counts the other tracks: moved to the place where it stands, it stays.
    await ann.put(playlist, b, position=2)
    assert await ann.order(playlist) == [c, d, b, a]
    await ann.put(playlist, d, position=1_000_000)
    assert await ann.order(playlist) == [c, b, a, d]
    # Put again without a place, it stays where it is.
    assert (await ann.put(playlist, b)).json()["position"] == 1
    assert await ann.order(playlist) == [c, b, a, d]
    assert (await ann.http.delete(f"{PATH}/{playlist}/tracks/{b}")).status_code == 204
    assert (await ann.http.delete(f"{PATH}/{playlist}/tracks/{b}")).status_code == 404
    assert await ann.order(playlist) == [c, a, d]
    assert (await ann.http.get(f"{PATH}/{playlist}")).json()["track_count"] == 3


async def test_no_room_between_two_tracks_is_made(ann: Somebody, sql: asyncpg.Connection) -> None:
    playlist = await ann.playlist()
    first, second, third = [await ann.track() for _ in range(3)]
    for track in (first, second):
        await ann.put(playlist, track)
    await sql.execute("UPDATE playlist_tracks SET rank = rank - $1 + 1 WHERE track_id = $2", GAP, uuid.UUID(second))
    page = (await ann.http.get(f"{PATH}/{playlist}/tracks", params={"limit": 1})).json()
    await ann.put(playlist, third, after=first)
    assert await ann.order(playlist) == [first, third, second]
    # A page that was begun before all ranks changed goes on behind its last track.
    rest = await ann.http.get(f"{PATH}/{playlist}/tracks", params={"cursor": page["next_cursor"]})
    assert [item["track"]["id"] for item in rest.json()["items"]] == [third, second]


async def test_pages_go_on_although_their_last_track_left(ann: Somebody) -> None:
    playlist = await ann.playlist()
    tracks = [await ann.track() for _ in range(5)]
    for track in tracks:
        await ann.put(playlist, track)
    assert await ann.order(playlist, limit=2) == tracks
    page = (await ann.http.get(f"{PATH}/{playlist}/tracks", params={"limit": 2})).json()
    await ann.http.delete(f"{PATH}/{playlist}/tracks/{tracks[1]}")
    rest = await ann.http.get(f"{PATH}/{playlist}/tracks", params={"cursor": page["next_cursor"]})
    assert [item["track"]["id"] for item in rest.json()["items"]] == tracks[2:]


async def test_many_hands_at_once_lose_nothing(ann: Somebody, ben: Somebody) -> None:
    playlist = await ann.playlist(collaborative=True)
    await join(ben, ann, playlist)
    first = await ann.track()
    await ann.put(playlist, first)
    hers, his = [await ann.track() for _ in range(10)], [await ben.track(public=True) for _ in range(10)]
    answers = await asyncio.gather(
        *(ann.put(playlist, track, position=0) for track in hers), *(ben.put(playlist, track) for track in his)
    )
    assert {answer.status_code for answer in answers} == {200}
    order = await ann.order(playlist)
    assert sorted(order) == sorted([first, *hers, *his])
    assert set(order[:10]) == set(hers)
    assert order[10] == first
    assert (await ann.http.get(f"{PATH}/{playlist}")).json()["track_count"] == 21
    # The same track by twenty requests at once is there once; removed by twenty, it leaves once.
    assert {answer.status_code for answer in await asyncio.gather(*(ann.put(playlist, first) for _ in range(20)))} == {
        200
    }
    gone = await asyncio.gather(*(ann.http.delete(f"{PATH}/{playlist}/tracks/{first}") for _ in range(20)))
    assert sorted(answer.status_code for answer in gone) == [204] + [404] * 19
    assert (await ann.http.get(f"{PATH}/{playlist}")).json()["track_count"] == 20


async def test_the_count_is_right_when_tracks_go_by_themselves(ann: Somebody) -> None:
    playlists = [await ann.playlist() for _ in range(3)]
    tracks = [await ann.track() for _ in range(6)]
    for playlist in playlists:
        for track in tracks[:4]:
            await ann.put(playlist, track)
    await asyncio.gather(
        *(ann.http.delete(f"/api/v1/tracks/{track}", params={"forever": "true"}) for track in tracks[:3]),
        *(ann.put(playlist, track) for playlist in playlists for track in tracks[4:]),
    )
    for playlist in playlists:
        assert (await ann.http.get(f"{PATH}/{playlist}")).json()["track_count"] == 3
        assert sorted(await ann.order(playlist)) == sorted(tracks[3:])


async def test_private_playlists_exist_for_their_people_only(ann: Somebody, ben: Somebody) -> None:
    playlist, track = await ann.playlist(), await ann.track()
    await ann.put(playlist, track)
    path = f"{PATH}/{playlist}"
    unknown = f"{PATH}/{uuid.uuid4()}"
    for method, tail, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("GET", "/tracks", None),
        ("PUT", f"/tracks/{track}", {}),
        ("DELETE", f"/tracks/{track}", None),
        ("GET", "/members", None),
        ("PUT", f"/members/{ben.person.username}", None),
        ("DELETE", f"/members/{ben.person.username}", None),
    ):
        answers = [await ben.http.request(method, root + tail, json=body) for root in (path, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404], (method, tail)
        assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert (await ben.http.get(PATH, params={"owner": ann.person.username})).json()["items"] == []
    assert (await ben.http.get(PATH, params={"owner": "nobody-here"})).status_code == 404


async def test_public_playlists_are_read_by_all_and_changed_by_none(ann: Somebody, ben: Somebody) -> None:
    playlist = await ann.playlist(public=True)
    hidden, shown = await ann.track(), await ann.track(public=True)
    for track in (hidden, shown):
        await ann.put(playlist, track)
    path = f"{PATH}/{playlist}"
    assert (await ben.http.get(path)).json()["role"] == "reader"
    assert await ben.order(playlist) == [shown], "private tracks of a public playlist stay private"
    listed = (await ben.http.get(PATH, params={"owner": ann.person.username.upper()})).json()["items"]
    assert [item["id"] for item in listed] == [playlist]
    mine = await ben.track()
    for method, tail, body in (
        ("PATCH", "", {"title": "Mine"}),
        ("DELETE", "", None),
        ("PUT", f"/tracks/{mine}", {}),
        ("DELETE", f"/tracks/{shown}", None),
        ("GET", "/members", None),
        ("PUT", f"/members/{ben.person.username}", None),
    ):
        assert (await ben.http.request(method, path + tail, json=body)).status_code == 403, (method, tail)
    assert await ann.order(playlist) == [hidden, shown]


async def test_members_add_while_it_is_collaborative_and_touch_only_their_own(ann: Somebody, ben: Somebody) -> None:
    playlist = await ann.playlist()
    path, name = f"{PATH}/{playlist}", ben.person.username
    hers, his = await ann.track(), await ben.track(public=True)
    await ann.put(playlist, hers)
    assert (await ann.http.put(f"{path}/members/{name.upper()}")).json()["username"] == name
    assert (await ann.http.put(f"{path}/members/{name}")).status_code == 200
    assert (await ann.http.put(f"{path}/members/{ann.person.username}")).status_code == 409
    assert (await ann.http.put(f"{path}/members/nobody-here")).status_code == 404
    await join(ben, ann, playlist)
    assert [item["username"] for item in (await ben.http.get(f"{path}/members")).json()["items"]] == [name]
    assert [item["id"] for item in (await ben.http.get(PATH)).json()["items"]] == [playlist]
    assert (await ben.put(playlist, his)).status_code == 403
    await ann.http.patch(path, json={"collaborative": True})
    assert (await ben.put(playlist, his, position=0)).json()["added_by"]["username"] == name
    assert (await ben.put(playlist, hers)).status_code == 404, "it is private to her"
    await ann.http.patch(f"/api/v1/tracks/{hers}", json={"public": True})
    assert (await ben.put(playlist, hers, position=0)).status_code == 403
    assert (await ben.http.delete(f"{path}/tracks/{hers}")).status_code == 403
    assert (await ben.put(playlist, his, position=1)).status_code == 200
    assert await ben.order(playlist) == [hers, his]
    assert (await ben.http.patch(path, json={"title": "Mine"})).status_code == 403
    assert (await ben.http.delete(f"{path}/members/{name}")).status_code == 204
    assert (await ben.http.get(path)).status_code == 404
    assert await ann.order(playlist) == [hers, his]


async def test_a_withdrawn_track_is_out_of_sight_and_can_be_taken_out(ann: Somebody, ben: Somebody) -> None:
    playlist, track = await ann.playlist(), await ben.track(public=True)
    await ann.put(playlist, track)
    await ben.http.patch(f"/api/v1/tracks/{track}", json={"public": False})
    assert await ann.order(playlist) == []
    assert (await ann.put(playlist, track)).status_code == 404
    assert (await ann.http.delete(f"{PATH}/{playlist}/tracks/{track}")).status_code == 204


async def test_playlists_of_the_suspended_are_gone_for_others(
    ann: Somebody, ben: Somebody, sql: asyncpg.Connection
) -> None:
    playlist = await ann.playlist(public=True)
    track = await ann.track(public=True)
    await join(ben, ann, playlist)
    await sql.execute("UPDATE users SET suspended_at = now() WHERE id = $1", uuid.UUID(ann.person.id))
    assert (await ben.http.get(f"{PATH}/{playlist}")).status_code == 404
    assert (await ben.http.get(PATH)).json()["items"] == []
    assert (await ben.http.get(PATH, params={"owner": ann.person.username})).status_code == 404
    assert (await ben.http.get(f"/api/v1/tracks/{track}")).status_code == 404


async def test_a_key_makes_one_playlist_however_often_it_is_sent(ann: Somebody) -> None:
    headers = {"idempotency-key": "once"}
    answers = await asyncio.gather(*(ann.http.post(PATH, json={"title": "Sunday"}, headers=headers) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 19
    assert len((await ann.http.get(PATH)).json()["items"]) == 1
    assert (await ann.http.post(PATH, json={"title": "Monday"}, headers=headers)).status_code == 422


async def test_playlists_are_listed_page_by_page(ann: Somebody, ben: Somebody) -> None:
    hers = [await ann.playlist() for _ in range(3)]
    his = await ben.playlist()
    await join(ann, ben, his)
    first = (await ann.http.get(PATH, params={"limit": 3})).json()
    second = (await ann.http.get(PATH, params={"limit": 3, "cursor": first["next_cursor"]})).json()
    found = [item["id"] for item in (*first["items"], *second["items"])]
    assert found == [his, *reversed(hers)]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"title": "a\nb"},
        {"title": "a\0b"},
        {"title": "x", "public": "yes"},
        {"title": "x", "description": "x" * 2_001},
        {"title": "x", "description": "\x1b[2J"},
        {"title": "x", "colour": "red"},
    ],
)
async def test_bad_playlists_are_refused(ann: Somebody, body: dict[str, object]) -> None:
    answer = await ann.http.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    "place",
    [
        {"position": -1},
        {"position": 1.5},
        {"position": 10**12},
        {"position": "0"},
        {"after": "x"},
        {"after": "../../etc"},
        {"after": "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"},
        {"position": 0, "after": "0196f1c2-7b3a-7d42-9a61-3f0f6f2c9b11"},
    ],
)
async def test_bad_places_are_refused(ann: Somebody, place: dict[str, object]) -> None:
    playlist, track = await ann.playlist(), await ann.track()
    answer = await ann.put(playlist, track, **place)
    assert answer.status_code == 422, answer.text
    assert await ann.order(playlist) == []


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMl0", "WyJhIiwiYiJd", "é", "A" * 400])
async def test_forged_cursors_are_refused(ann: Somebody, cursor: str) -> None:
    playlist = await ann.playlist()
    for path in (PATH, f"{PATH}/{playlist}/tracks"):
        assert (await ann.http.get(path, params={"cursor": cursor})).status_code == 422, path


async def test_a_track_does_not_come_behind_itself(ann: Somebody) -> None:
    playlist, track = await ann.playlist(), await ann.track()
    await ann.put(playlist, track)
    assert (await ann.put(playlist, track, after=track)).status_code == 422


async def test_nobody_fills_the_database_with_playlists(ann: Somebody, sql: asyncpg.Connection) -> None:
    await sql.execute(
        "INSERT INTO playlists (id, owner_id, title) SELECT gen_random_uuid(), $1, 'x' FROM generate_series(1, 999)",
        uuid.UUID(ann.person.id),
    )
    answers = await asyncio.gather(*(ann.http.post(PATH, json={"title": "last"}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_whom_somebody_blocks_neither_reads_nor_lets_them_in(ann: Somebody, ben: Somebody) -> None:
    playlist, his = await ann.playlist(public=True), await ben.playlist()
    name = ben.person.username
    await join(ben, ann, playlist)
    assert (await ann.http.put(f"/api/v1/users/{name}/block")).status_code == 204
    assert (await ben.http.get(f"{PATH}/{playlist}")).status_code == 404
    assert [item["id"] for item in (await ben.http.get(PATH)).json()["items"]] == [his]
    assert (await ben.http.get(PATH, params={"owner": ann.person.username})).status_code == 404
    assert (await ben.http.put(f"{PATH}/{his}/members/{ann.person.username}")).status_code == 404


async def test_whoever_is_invited_decides_before_they_are_in(ann: Somebody, ben: Somebody) -> None:
    playlist = await ann.playlist(collaborative=True)
    path, name = f"{PATH}/{playlist}", ben.person.username
    track = await ben.track(public=True)
    for method in ("POST", "DELETE"):
        assert (await ben.http.request(method, f"{path}/invitation")).status_code == 404, "nobody asked"
        assert (await ann.http.request(method, f"{path}/invitation")).status_code == 404, "it is hers"
    answers = await asyncio.gather(*(ann.http.put(f"{path}/members/{name}") for _ in range(5)))
    assert {answer.json()["accepted_at"] for answer in answers} == {None}
    # Asked, they may look, and are in no list of anybody's but the owner's.
    assert (await ben.http.get(path)).json()["role"] == "invited"
    assert [item["id"] for item in (await ben.http.get(f"{PATH}/invitations")).json()["items"]] == [playlist]
    assert (await ben.http.get(PATH)).json()["items"] == []
    assert (await ben.http.get(f"{path}/members")).status_code == 403
    assert (await ben.put(playlist, track)).status_code == 403
    members = (await ann.http.get(f"{path}/members")).json()["items"]
    assert [(member["username"], member["accepted_at"]) for member in members] == [(name, None)]
    told = (await ben.http.get("/api/v1/notifications")).json()["items"]
    assert [(item["kind"], item["actor"]["username"], item["playlist"]["id"]) for item in told] == [
        ("invitation", ann.person.username, playlist)
    ]
    # No, and asked again without another notification; then yes, twice.
    assert (await ben.http.delete(f"{path}/invitation")).status_code == 204
    assert (await ben.http.delete(f"{path}/invitation")).status_code == 404
    assert (await ben.http.get(path)).status_code == 404
    await join(ben, ann, playlist)
    assert (await ben.http.post(f"{path}/invitation")).json()["role"] == "member"
    assert len((await ben.http.get("/api/v1/notifications")).json()["items"]) == 1
    assert (await ben.http.get(f"{PATH}/invitations")).json()["items"] == []
    assert (await ben.put(playlist, track)).status_code == 200
    assert (await ben.http.delete(f"{path}/invitation")).status_code == 404, "a member leaves by their name"
    assert (await ann.http.put(f"{path}/members/{name}")).json()["accepted_at"]


async def test_invitations_of_people_one_is_apart_from_or_mutes_are_not_shown(ann: Somebody, ben: Somebody) -> None:
    playlist, name = await ann.playlist(), ann.person.username
    await ann.http.put(f"{PATH}/{playlist}/members/{ben.person.username}")
    for tie in ("mute", "block"):
        assert (await ben.http.put(f"/api/v1/users/{name}/{tie}")).status_code == 204
        assert (await ben.http.get(f"{PATH}/invitations")).json()["items"] == [], tie
        assert (await ben.http.delete(f"/api/v1/users/{name}/{tie}")).status_code == 204
    assert len((await ben.http.get(f"{PATH}/invitations")).json()["items"]) == 1


@pytest.mark.parametrize("gone", ["suspended_at", "deletion_due_at", "blocked"])
async def test_names_of_people_one_is_not_to_see_stand_nowhere_in_a_playlist(
    ann: Somebody, ben: Somebody, accounts: AccountServer, sql: asyncpg.Connection, gone: str
) -> None:
    person = await accounts.users.sign_up()
    async with accounts.client(person.tokens.access_token) as http:
        cat = Somebody(accounts, person, http)
        playlist = await ann.playlist(collaborative=True)
        for guest in (ben, cat):
            await join(guest, ann, playlist)
        track = await ben.track(public=True)
        assert (await cat.put(playlist, track)).status_code == 200
        about = f"/api/v1/tracks/{track}/comments"
        assert (await http.post(about, json={"body": "Mine now"})).status_code == 201

        async def names() -> tuple[list[str], list[str | None], list[str]]:
            members = (await ben.http.get(f"{PATH}/{playlist}/members")).json()["items"]
            tracks = (await ben.http.get(f"{PATH}/{playlist}/tracks")).json()["items"]
            comments = (await ben.http.get(about)).json()["items"]
            return (
                [member["username"] for member in members],
                [item["added_by"] and item["added_by"]["username"] for item in tracks],
                [comment["author"]["username"] for comment in comments],
            )

        both = sorted([ben.person.username, person.username])
        assert await names() == (both, [person.username], [person.username])
        if gone == "blocked":
            assert (await http.put(f"/api/v1/users/{ben.person.username}/block")).status_code == 204
        else:
            await sql.execute(f"UPDATE users SET {gone} = now() + interval '1 day' WHERE id = $1", uuid.UUID(person.id))
        found = await names()
        assert found[0] == [ben.person.username]
        assert found[2] == []
        # The song, which is his own, stays; who brought it is nobody.
        assert found[1] == [None]
