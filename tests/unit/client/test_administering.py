"""What administrators and operators ask for, and the parts of a shared track."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from musicgen_client import ApiError, AsyncClient, Client, MemoryTokenStore, UnexpectedAnswerError
from musicgen_client.collections import SharedTrack
from musicgen_client.tokens import Tokens

BASE = "/api/v1/admin"
USER = {"id": "u1", "username": "ada", "email": "ada@example.org", "role": "user"}
MANAGED = {**USER, "suspended": True, "balance_seconds": 10.5, "reserved_seconds": 1, "used_seconds": 2, "tier": "pro"}
LINK = "/api/v1/shared/s1/{}?expires=99&signature=a%2Fb"
SHARED = {"title": "Rain", "links": {name: LINK.format(name) for name in ("audio", "cover", "waveform")}}


def test_administrators_read_accounts_jobs_and_what_was_done(server: Any, answer: Any, job: Any) -> None:
    entry = {"id": "a1", "at": "2026-11-21T10:00:00Z", "actor": "ada", "action": "account.sign_in", "outcome": "ok"}
    stats = {"users": 3, "suspended_users": 1, "tracks": 9, "jobs": {"queued": 2}, "made_seconds": 30.5}
    server.on("GET", f"{BASE}/stats", answer(stats))
    server.on("GET", f"{BASE}/users", answer({"items": [USER], "next_cursor": None}))
    server.on("GET", f"{BASE}/users/u1", answer(MANAGED))
    server.on("GET", f"{BASE}/jobs", answer({"items": [{**job("running"), "owner_id": "u1"}], "next_cursor": "c"}))
    server.on("GET", f"{BASE}/audit-log", answer({"items": [entry], "next_cursor": None}))
    with Client(server.url) as client:
        assert client.admin_stats().jobs == {"queued": 2}
        assert [user.username for user in client.all_admin_users(search="a", role="admin")] == ["ada"]
        assert server.asked[-1].query == {"limit": "100", "search": "a", "role": "admin"}
        assert (client.admin_user("u1").suspended, client.admin_user("u1").balance_seconds) == (True, 10.5)
        assert client.admin_jobs(user_id="u1", status="running").items[0].owner_id == "u1"
        assert server.asked[-1].query == {"limit": "20", "user_id": "u1", "status": "running"}
        assert client.audit_log(action="account.sign_in").items[0].actor == "ada"
        assert server.asked[-1].query == {"limit": "20", "action": "account.sign_in"}


def test_administrators_change_what_they_name_and_nothing_else(server: Any, answer: Any) -> None:
    server.on("PATCH", f"{BASE}/users/u1", answer(MANAGED))
    server.on("POST", f"{BASE}/users/u1/quota", answer(MANAGED))
    with Client(server.url) as client:
        client.change_user("u1", role="moderator")
        client.change_user("u1", suspended=False, reason="A mistake.")
        assert client.grant_quota("u1", -60).tier == "pro"
    assert [asked.document for asked in server.asked] == [
        {"role": "moderator"},
        {"suspended": False, "reason": "A mistake."},
        {"seconds": -60},
    ]


def test_granting_is_never_repeated(server: Any, problem: Any) -> None:
    server.on("POST", f"{BASE}/users/u1/quota", problem(503, "unavailable", "down", **{"Retry-After": "0"}))
    with Client(server.url) as client, pytest.raises(ApiError):
        client.grant_quota("u1", 60)
    assert len(server.asked) == 1


def test_addresses_mails_and_parts_reach_their_addresses(server: Any, answer: Any, raw: Any) -> None:
    server.on("POST", "/api/v1/auth/email/change", answer({"message": "A mail is on its way."}, 202))
    server.on("POST", "/api/v1/auth/email/resend", answer({"message": "A mail is on its way."}, 202))
    server.on("POST", "/api/v1/notifications/unsubscribe", raw(200, b"<p>Done.</p>", {"Content-Type": "text/html"}))
    stem = {"name": "drums", "links": {"audio": "/api/v1/tracks/t1/stems/drums/audio"}}
    server.on("GET", "/api/v1/tracks/t1/stems", answer({"items": [stem]}))
    server.on("GET", "/api/v1/users/me/usage", answer({"longest_seconds_limit": 120}))
    with Client(server.url) as client:
        client.change_email("pw", "ada@example.net")
        client.resend_verification("ada@example.org")
        client.unsubscribe("t/1")
        assert client.stems("t1").items[0].links["audio"].endswith("drums/audio")
        assert client.usage().longest_seconds_limit == 120.0
    assert server.asked[0].document == {"password": "pw", "email": "ada@example.net"}
    assert server.asked[1].document == {"email": "ada@example.org"}
    assert server.asked[2].query == {"token": "t/1"}


def test_operators_hear_how_the_server_is(server: Any, answer: Any) -> None:
    database = {"name": "user_management", "state": "up", "latency_ms": 1.4}
    server.on("GET", "/health/live", answer({"status": "ok"}))
    server.on("GET", "/health/ready", answer({"status": "ready", "dependencies": [database]}))
    server.on("GET", "/.well-known/jwks.json", answer({"keys": [{"kty": "OKP", "kid": "k1"}]}))
    with Client(server.url) as client:
        assert client.liveness().status == "ok"
        assert client.readiness().dependencies[0].state == "up"
        assert client.signing_keys().keys[0]["kid"] == "k1"


def test_what_is_down_is_named(server: Any, answer: Any) -> None:
    down = [{"name": "jobs", "state": "down", "latency_ms": 2000, "detail": "no answer"}]
    document = {"type": "/problems/not-ready", "title": "Not ready", "status": 503, "dependencies": down}
    server.on("GET", "/health/ready", answer(document, 503, **{"Retry-After": "0"}))
    with Client(server.url) as client, pytest.raises(ApiError) as raised:
        client.readiness()
    assert [(one.name, one.detail) for one in raised.value.problem.dependencies] == [("jobs", "no answer")]


def test_shared_track_is_fetched_by_its_signed_links(server: Any, answer: Any, raw: Any, tmp_path: Path) -> None:
    server.on("POST", "/api/v1/shared", answer(SHARED))
    server.on("GET", "/api/v1/shared/s1/audio", raw(200, b"song"))
    server.on("GET", "/api/v1/shared/s1/cover", raw(200, b"cover"))
    server.on("GET", "/api/v1/shared/s1/waveform", answer({"minima": [-1], "maxima": [1], "duration": 2}))
    store = MemoryTokenStore()
    store.save(Tokens("access", "refresh", expires_at=9e9, username="ada"))
    with Client(server.url, tokens=store) as client:
        shared = client.open_share("token")
        assert client.download_shared(shared, tmp_path / "song.flac", format="flac").read_bytes() == b"song"
        assert client.download_shared_cover(shared, tmp_path / "cover.jpg", size=320).read_bytes() == b"cover"
        assert client.shared_waveform(shared, points=16).maxima == [1.0]
    signature = {"expires": "99", "signature": "a/b"}
    assert [asked.query for asked in server.asked[1:]] == [
        {**signature, "format": "flac", "download": "true"},
        {**signature, "size": "320"},
        {**signature, "points": "16"},
    ]
    assert not any("authorization" in asked.headers for asked in server.asked)


@pytest.mark.parametrize("link", ["https://elsewhere.example/a", "//elsewhere.example/a", "a", ""])
def test_link_to_another_server_is_not_followed(server: Any, tmp_path: Path, link: str) -> None:
    shared = SharedTrack(links={"audio": link})
    with Client(server.url) as client, pytest.raises(UnexpectedAnswerError, match="no link to its audio"):
        client.download_shared(shared, tmp_path / "song.mp3")
    assert server.asked == []


async def test_the_asynchronous_client_asks_the_same(server: Any, answer: Any, raw: Any, tmp_path: Path) -> None:
    server.on("GET", "/api/v1/shared/s1/audio", raw(200, b"song"))
    server.on("GET", "/api/v1/shared/s1/cover", raw(200, b"cover"))
    server.on("GET", f"{BASE}/users/u1", answer(MANAGED))
    shared = SharedTrack.model_validate(SHARED)
    async with AsyncClient(server.url) as client:
        assert (await client.download_shared(shared, tmp_path / "song.mp3")).read_bytes() == b"song"
        assert (await client.download_shared_cover(shared, tmp_path / "cover.jpg")).read_bytes() == b"cover"
        assert (await client.admin_user("u1")).tier == "pro"
