"""Other people, over both clients: what is sent, and what is read."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from musicgen_client import AsyncClient, Client
from musicgen_client.calls import people
from musicgen_client.cli import run
from musicgen_client.exit_codes import ExitCode

PROFILE = {
    "id": "u1", "username": "ada", "display_name": "Ada L.", "bio": "", "links": ["https://example.org"],
    "followers": 2, "following": 1, "tracks": 3, "followed": True, "follows_you": False, "blocked": False,
    "muted": False,
}  # fmt: skip
COMMENT = {
    "id": "c1", "track_id": "t1", "author": {"id": "u1", "username": "ada", "display_name": ""}, "body": "That bass!",
    "position": None, "created_at": "2026-11-21T10:00:00Z", "edited_at": None,
}  # fmt: skip
NOTIFICATION = {
    "id": "n1", "kind": "comment", "actor": COMMENT["author"], "track": {"id": "t1", "title": "Rain"},
    "comment": {"id": "c1", "excerpt": "That bass!"}, "created_at": "2026-11-21T10:00:00Z", "read_at": None,
}  # fmt: skip
TIES = [
    ("follow", "PUT", "follow"),
    ("unfollow", "DELETE", "follow"),
    ("block", "PUT", "block"),
    ("unblock", "DELETE", "block"),
    ("mute", "PUT", "mute"),
    ("unmute", "DELETE", "mute"),
]


def page(*items: Any, **more: Any) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": "c2", **more}


@pytest.mark.parametrize(("name", "method", "path"), TIES)
def test_ties_are_tied_and_untied(server: Any, raw: Any, name: str, method: str, path: str) -> None:
    server.on(method, f"/api/v1/users/ada/{path}", raw(204))
    with Client(server.url) as client:
        assert getattr(client, name)("ada") is None
    assert [(asked.method, asked.body) for asked in server.asked] == [(method, b"")]


def test_people_are_read_in_pages(server: Any, answer: Any, track: Any) -> None:
    server.on("GET", "/api/v1/users/ada", answer(PROFILE))
    for path in ("ada/followers", "ada/following", "me/blocked", "me/muted", "me/followers"):
        server.on("GET", f"/api/v1/users/{path}", answer(page(PROFILE)))
    for path in ("users/ada/tracks", "users/me/likes", "feed"):
        server.on("GET", f"/api/v1/{path}", answer(page(track)))
    with Client(server.url) as client:
        assert (client.profile("ada").display_name, client.profile("ada").followed) == ("Ada L.", True)
        for found in (
            client.followers("ada", limit=5, cursor="c1"),
            client.following("ada"),
            client.blocked(),
            client.muted(),
            client.followers(),
        ):
            assert ([item.username for item in found.items], found.next_cursor) == (["ada"], "c2")
        for tracks in (client.tracks_of("ada"), client.liked_tracks(), client.feed(limit=5, cursor="c1")):
            assert [item.id for item in tracks.items] == ["t1"]
    assert server.to("/api/v1/users/ada/followers")[0].query == {"limit": "5", "cursor": "c1"}
    assert server.to("/api/v1/feed")[0].query == {"limit": "5", "cursor": "c1"}


def test_tracks_are_liked_and_talked_about(server: Any, answer: Any, raw: Any) -> None:
    for method, liked in (("PUT", True), ("DELETE", False)):
        server.on(method, "/api/v1/tracks/t1/like", answer({"liked": liked, "likes": 4}))
    server.on("GET", "/api/v1/tracks/t1/comments", answer(page(COMMENT)))
    server.on("POST", "/api/v1/tracks/t1/comments", answer({**COMMENT, "position": 12.5}, 201))
    server.on("PATCH", "/api/v1/tracks/t1/comments/c1", answer({**COMMENT, "edited_at": "2026-11-21T10:00:00Z"}))
    server.on("DELETE", "/api/v1/tracks/t1/comments/c1", raw(204))
    with Client(server.url) as client:
        assert (client.like("t1").likes, client.unlike("t1").liked) == (4, False)
        [comment] = client.comments("t1", sort="position").items
        assert (comment.author.username, comment.position) == ("ada", None)
        assert client.comment("t1", "That bass!", position=12.5).position == 12.5
        assert client.comment("t1", "That bass!", idempotency_key="mine").id == "c1"
        assert client.edit_comment("t1", "c1", "Other").edited_at is not None
        assert client.remove_comment("t1", "c1") is None
    posts = [asked for asked in server.asked if asked.method == "POST"]
    assert [asked.document for asked in posts] == [{"body": "That bass!", "position": 12.5}, {"body": "That bass!"}]
    assert posts[1].headers["idempotency-key"] == "mine"
    assert posts[0].headers["idempotency-key"]


def test_music_and_people_are_found(server: Any, answer: Any, track: Any) -> None:
    server.on("GET", "/api/v1/explore", answer(page(track)))
    server.on("GET", "/api/v1/explore/tags", answer(page({"tag": "lofi", "tracks": 2})))
    hits = page({"type": "track", "track": track, "user": None}, {"type": "user", "track": None, "user": PROFILE})
    server.on("GET", "/api/v1/search", answer(hits))
    with Client(server.url) as client:
        assert client.explore(sort="new", tags=["lofi"]).items[0].id == "t1"
        assert client.trending_tags(limit=5).items[0].tag == "lofi"
        first, second = client.search("rain", type="users").items
    assert first.track is not None
    assert second.user is not None
    assert (first.track.id, first.user, second.user.username) == ("t1", None, "ada")
    assert server.to("/api/v1/explore")[0].query == {"limit": "20", "sort": "new", "tag": "lofi"}
    assert server.to("/api/v1/search")[0].query == {"q": "rain", "type": "users", "limit": "20"}


def test_notifications_are_read_and_chosen(server: Any, answer: Any) -> None:
    server.on("GET", "/api/v1/notifications", answer(page(NOTIFICATION, unread=7)))
    server.on("GET", "/api/v1/notifications/unread", answer({"unread": 7}))
    server.on("POST", "/api/v1/notifications/read", answer({"unread": 6}))
    preferences = {"follow": True, "like": False, "comment": True, "digest": "weekly"}
    for method in ("GET", "PATCH"):
        server.on(method, "/api/v1/notifications/preferences", answer(preferences))
    with Client(server.url) as client:
        found = client.notifications(unread=True)
        assert (found.unread, client.unread_notifications().unread) == (7, 7)
        [one] = found.items
        assert (one.kind, one.actor.username, one.track and one.track.title, one.read_at) == (
            "comment", "ada", "Rain", None,
        )  # fmt: skip
        assert client.mark_read(["n1"]).unread == 6
        client.mark_read()
        assert client.notification_preferences().digest == "weekly"
        assert client.update_notification_preferences(like=False, digest="weekly").like is False
    assert server.to("/api/v1/notifications")[0].query == {"limit": "20", "unread": "true"}
    assert [asked.document for asked in server.to("/api/v1/notifications/read")] == [{"ids": ["n1"]}, {}]
    assert server.to("/api/v1/notifications/preferences")[-1].document == {"like": False, "digest": "weekly"}


def test_profiles_are_changed_in_part(server: Any, answer: Any) -> None:
    user = {"id": "u1", "username": "ada", "display_name": "Ada", "bio": "x", "links": []}
    server.on("PATCH", "/api/v1/users/me", answer(user))
    with Client(server.url) as client:
        assert client.update_me(display_name="Ada", links=[]).display_name == "Ada"
        client.update_me("Ada Lovelace")
    assert [asked.document for asked in server.asked] == [
        {"display_name": "Ada", "links": []},
        {"full_name": "Ada Lovelace"},
    ]


def test_both_clients_know_every_call_about_people() -> None:
    names = [
        name for name, item in inspect.getmembers(people, inspect.isfunction) if item.__module__ == people.__name__
    ]
    public = [name for name in names if not name.startswith("_")]
    assert len(public) == 29
    for client in (Client, AsyncClient):
        for name in public:
            assert getattr(client, name).__doc__ == getattr(people, name).__doc__, name


def test_the_asynchronous_client_asks_the_same(server: Any, answer: Any) -> None:
    server.on("GET", "/api/v1/users/ada", answer(PROFILE))

    async def ask() -> str:
        async with AsyncClient(server.url) as client:
            return (await client.profile("ada")).username

    assert asyncio.run(ask()) == "ada"


Captured = pytest.CaptureFixture[str]


@pytest.fixture
def command_line(config_home: Path, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSICGEN_URL", server.url)


def test_the_command_finds_music_and_people(
    command_line: None, server: Any, answer: Any, track: Any, capsys: Captured
) -> None:
    for path in ("feed", "explore"):
        server.on("GET", f"/api/v1/{path}", answer(page({**track, "likes": 4})))
    server.on("GET", "/api/v1/search", answer(page({"type": "user", "track": None, "user": PROFILE})))
    server.on("GET", "/api/v1/users/me", answer(PROFILE))
    assert run(["feed"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split("\t") == ["t1", track["title"], "ada", out.split("\t")[3], "4"]
    assert err == "more: --cursor c2\n"
    assert run(["explore", "--sort", "new", "--tag", "lofi"]) == 0
    assert run(["explore", "--sort", "best"]) == ExitCode.USAGE
    assert run(["search", "ada", "--type", "users"]) == 0
    assert "ada\tAda L.\t2\t3" in capsys.readouterr().out
    assert run(["search", "ada", "--type", "cats"]) == ExitCode.USAGE
    assert run(["profile"]) == 0
    assert "3 tracks, 2 followers, follows 1" in capsys.readouterr().out


def test_the_command_follows_likes_says_and_reads(
    command_line: None, server: Any, answer: Any, raw: Any, capsys: Captured
) -> None:
    for method in ("PUT", "DELETE"):
        server.on(method, "/api/v1/users/ada/follow", raw(204))
        server.on(method, "/api/v1/tracks/t1/like", answer({"liked": method == "PUT", "likes": 4}))
    server.on("POST", "/api/v1/tracks/t1/comments", answer(COMMENT, 201))
    server.on("GET", "/api/v1/tracks/t1/comments", answer(page({**COMMENT, "position": 62.0})))
    server.on("GET", "/api/v1/notifications", answer(page(NOTIFICATION, unread=1)))
    server.on("POST", "/api/v1/notifications/read", answer({"unread": 0}))
    for words in (["follow", "ada"], ["unfollow", "ada"], ["like", "t1"], ["unlike", "t1"], ["comment", "t1", "Hi"]):
        assert run(words) == 0, words
    assert capsys.readouterr().out == ""
    assert run(["comment", "t1"]) == 0
    assert capsys.readouterr().out == "ada\t1:02\tThat bass!\n"
    assert run(["notifications"]) == 0
    assert capsys.readouterr().out.split("\t")[2:] == ["ada", "comment", "Rain", "That bass!\n"]
    assert run(["notifications", "--read"]) == 0
    assert run(["like", "t1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"liked": True, "likes": 4}
