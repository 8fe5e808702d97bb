"""Tokens: kept, refreshed once however many ask, never lost and never readable by others."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from musicgen_client import ApiError, AsyncClient, Client, FileTokenStore, MemoryTokenStore
from musicgen_client.tokens import Tokens, config_home


class Sessions:
    """A server side of refreshing: every refresh token works once."""

    def __init__(self, server: Any, answer: Any, problem: Any, token_pair: Any) -> None:
        self.number = 1
        self.expires_in = 900.0
        self.refused = threading.Event()
        self._lock = threading.Lock()
        self._build = (answer, problem, token_pair)
        server.on("POST", "/api/v1/auth/login", lambda _: answer(token_pair(self.number, self.expires_in)))
        server.on("POST", "/api/v1/auth/refresh", self._refresh)
        server.on("GET", "/api/v1/users/me", self._me)
        server.on("POST", "/api/v1/auth/logout", answer({}, 204))

    def _refresh(self, asked: Any) -> Any:
        answer, problem, token_pair = self._build
        with self._lock:
            if asked.document["refresh_token"] != f"refresh-{self.number}":
                return problem(401, "unauthenticated", "This session has ended.")
            self.number += 1
            return answer(token_pair(self.number, 900.0))

    def _me(self, asked: Any) -> Any:
        answer, problem, _ = self._build
        if asked.headers.get("authorization") != f"Bearer access-{self.number}":
            self.refused.set()
            return problem(401, "unauthenticated", "The access token has expired.")
        return answer({"id": "u1", "username": "ada"})


@pytest.fixture
def sessions(server: Any, answer: Any, problem: Any, token_pair: Any) -> Sessions:
    return Sessions(server, answer, problem, token_pair)


def stale(number: int = 1, expires_at: float = 9e9) -> Tokens:
    return Tokens("access-0", f"refresh-{number}", expires_at, "ada")


def test_login_keeps_the_tokens_and_signs_later_calls(server: Any, sessions: Sessions) -> None:
    with Client(server.url) as client:
        client.login("ada", "secret")
        assert client.me().username == "ada"
    assert "authorization" not in server.asked[0].headers
    assert server.asked[0].document == {"identifier": "ada", "password": "secret"}


def test_register_signs_in(server: Any, sessions: Sessions, answer: Any, token_pair: Any) -> None:
    server.on("POST", "/api/v1/auth/register", answer(token_pair(1), 201))
    with Client(server.url) as client:
        client.register("ada", "ada@example.org", "secret", "Ada L.")
        assert client.me().username == "ada"
    assert server.asked[0].document["full_name"] == "Ada L."


def test_refused_token_is_refreshed_and_the_call_repeated(server: Any, sessions: Sessions) -> None:
    store = MemoryTokenStore(stale())
    with Client(server.url, tokens=store) as client:
        assert client.me().username == "ada"
    assert [asked.path.rsplit("/", 1)[-1] for asked in server.asked] == ["me", "refresh", "me"]
    kept = store.load()
    assert kept is not None
    assert kept.refresh_token == "refresh-2"


def test_token_near_its_end_is_refreshed_before_the_call(server: Any, sessions: Sessions) -> None:
    with Client(server.url, tokens=MemoryTokenStore(stale(expires_at=0.0))) as client:
        client.me()
    assert [asked.path.rsplit("/", 1)[-1] for asked in server.asked] == ["refresh", "me"]


def test_explicit_refresh_keeps_the_new_tokens(server: Any, sessions: Sessions) -> None:
    store = MemoryTokenStore()
    with Client(server.url, tokens=store) as client:
        client.refresh("refresh-1")
    kept = store.load()
    assert kept is not None
    assert kept.access_token == "access-2"


def test_ended_session_is_forgotten_and_reported(server: Any, sessions: Sessions) -> None:
    store = MemoryTokenStore(stale(number=99))
    with Client(server.url, tokens=store) as client, pytest.raises(ApiError, match="This session has ended") as raised:
        client.me()
    assert raised.value.status == 401
    assert store.load() is None


def test_passing_failure_of_a_refresh_keeps_the_session(server: Any, sessions: Sessions, problem: Any) -> None:
    server.on("POST", "/api/v1/auth/refresh", problem(503, "unavailable", "starting", **{"Retry-After": "60"}))
    store = MemoryTokenStore(stale())
    with Client(server.url, tokens=store) as client, pytest.raises(ApiError, match="starting"):
        client.me()
    assert store.load() is not None


def test_threads_that_are_refused_together_refresh_once(server: Any, sessions: Sessions) -> None:
    store = MemoryTokenStore(stale())
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            with Client(server.url, tokens=store) as client:
                client.me()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert failures == []
    assert len(server.to("/api/v1/auth/refresh")) == 1


async def test_tasks_that_are_refused_together_refresh_once(server: Any, sessions: Sessions, tmp_path: Path) -> None:
    store = FileTokenStore(server.url, tmp_path / "credentials.json")
    store.save(stale())
    async with AsyncClient(server.url, tokens=store) as client:
        users = await asyncio.gather(*(client.me() for _ in range(8)))
    assert {user.username for user in users} == {"ada"}
    assert len(server.to("/api/v1/auth/refresh")) == 1


async def test_asynchronous_client_refreshes_before_the_end(server: Any, sessions: Sessions) -> None:
    async with AsyncClient(server.url, tokens=MemoryTokenStore(stale(expires_at=0.0))) as client:
        await client.me()
    assert [asked.path.rsplit("/", 1)[-1] for asked in server.asked] == ["refresh", "me"]


async def test_given_up_wait_for_the_refresh_lock_blocks_nobody(server: Any, sessions: Sessions) -> None:
    store = MemoryTokenStore(stale())
    async with AsyncClient(server.url, tokens=store) as client:
        with store.lock():
            waiting = asyncio.ensure_future(client.me())
            assert await asyncio.to_thread(sessions.refused.wait, 5.0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        assert (await asyncio.wait_for(client.me(), 5.0)).username == "ada"


def test_clients_of_two_processes_share_one_refresh(server: Any, sessions: Sessions, tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    FileTokenStore(server.url, path).save(stale())
    with Client(server.url, tokens=FileTokenStore(server.url, path)) as first:
        first.me()
    with Client(server.url, tokens=FileTokenStore(server.url, path)) as second:
        second.me()
    assert len(server.to("/api/v1/auth/refresh")) == 1


def test_calls_without_tokens_go_unsigned(server: Any, answer: Any) -> None:
    server.on("GET", "/api/v1/users/me", answer({"id": "u1", "username": "owner"}))
    with Client(server.url) as client:
        assert client.me().username == "owner"
    assert "authorization" not in server.asked[0].headers


def test_logout_forgets_the_tokens(server: Any, sessions: Sessions) -> None:
    store = MemoryTokenStore()
    with Client(server.url, tokens=store) as client:
        client.login("ada", "secret")
        client.logout()
    assert store.load() is None
    assert server.to("/api/v1/auth/logout")[0].headers["authorization"] == "Bearer access-1"


def test_token_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    store = FileTokenStore("http://a", tmp_path / "config" / "credentials.json")
    store.save(stale())
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700


def test_token_file_keeps_servers_apart(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    first, second = FileTokenStore("http://a/", path), FileTokenStore("http://b", path)
    first.save(stale(1))
    second.save(stale(2))
    first.clear()
    assert FileTokenStore("http://a", path).load() is None
    assert second.load() == stale(2)
    assert set(json.loads(path.read_text())) == {"http://b"}


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b'{"http://a": 1}', b'{"http://a": {"other": 1}}'])
def test_damaged_token_file_means_signed_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(content)
    store = FileTokenStore("http://a", path)
    assert store.load() is None
    store.save(stale())
    assert store.load() == stale()


def test_configuration_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MUSICGEN_CONFIG_HOME", str(tmp_path))
    assert config_home() == tmp_path
    monkeypatch.delenv("MUSICGEN_CONFIG_HOME")
    assert config_home().name == "musicgen"
