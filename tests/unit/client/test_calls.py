"""Requests as the API wants them, answers as values, over both clients."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from musicgen_client import (
    ApiError,
    AsyncClient,
    Client,
    JobFailedError,
    UnexpectedAnswerError,
    UnreachableError,
    VerificationPendingError,
)
from musicgen_client.calls import accounts, library, making


def test_generate_sends_only_what_was_given(server: Any, answer: Any, job: Any) -> None:
    server.on("POST", "/api/v1/generate", answer(job(), 202))
    with Client(server.url) as client:
        made = client.generate("calm piano", duration=30, seed=7)
    assert server.asked[0].document == {"prompt": "calm piano", "duration": 30, "seed": 7}
    assert (made.id, made.status, made.ended) == ("j1", "queued", False)


def test_posts_that_create_jobs_carry_an_idempotency_key(server: Any, answer: Any, job: Any) -> None:
    server.on("POST", "/api/v1/generate", answer(job(), 202))
    with Client(server.url) as client:
        client.generate("one")
        client.generate("two")
        client.generate("three", idempotency_key="mine")
    keys = [asked.headers["idempotency-key"] for asked in server.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


def test_batch_returns_every_job(server: Any, answer: Any, job: Any) -> None:
    server.on("POST", "/api/v1/generate/batch", answer({"jobs": [job(), {**job(), "id": "j2"}]}, 202))
    with Client(server.url) as client:
        made = client.generate_batch([{"prompt": "a"}, {"prompt": "b", "duration": 5}])
    assert [one.id for one in made] == ["j1", "j2"]
    assert server.asked[0].document == {"requests": [{"prompt": "a"}, {"prompt": "b", "duration": 5}]}


def test_lists_are_pages_with_a_cursor(server: Any, answer: Any, job: Any, track: Any) -> None:
    server.on("GET", "/api/v1/jobs", answer({"items": [job("running")], "next_cursor": "c2"}))
    server.on("GET", "/api/v1/tracks", answer({"items": [track], "next_cursor": None}))
    with Client(server.url) as client:
        page = client.jobs(limit=5, cursor="c1", status="running")
        assert (page.items[0].status, page.next_cursor) == ("running", "c2")
        assert client.tracks().next_cursor is None
    assert server.asked[0].query == {"limit": "5", "cursor": "c1", "status": "running"}
    assert server.asked[1].query == {"limit": "20"}


def test_track_is_read_whole(server: Any, answer: Any, track: Any) -> None:
    server.on("GET", "/api/v1/tracks/t1", answer(track))
    with Client(server.url) as client:
        found = client.track("t1")
    assert [stem.name for stem in found.stems] == ["drums", "bass"]
    assert found.owner is not None
    assert (found.owner.username, found.licence.commercial_use, found.seed) == ("ada", True, 7)


def test_ids_are_quoted_into_paths(server: Any) -> None:
    with Client(server.url) as client, pytest.raises(ApiError):
        client.track("../models?x=1")
    assert server.asked[0].path == "/api/v1/tracks/..%2Fmodels%3Fx%3D1"


def test_other_calls_reach_their_addresses(server: Any, answer: Any, raw: Any, track: Any, job: Any) -> None:
    user = {"id": "u1", "username": "ada"}
    server.on("GET", "/api/v1/users/me", answer(user))
    server.on(
        "GET", "/api/v1/users/me/usage", answer({"balance_seconds": 10, "reserved_seconds": 1, "used_seconds": 2})
    )
    server.on("GET", "/api/v1/models", answer({"items": [{"id": "composer", "default": True}], "next_cursor": None}))
    server.on("GET", "/api/v1/models/composer", answer({"id": "composer"}))
    server.on("GET", "/api/v1/tracks/t1/waveform", answer({"minima": [-1], "maxima": [1], "duration": 2.0}))
    server.on("PATCH", "/api/v1/tracks/t1", answer(track))
    server.on("DELETE", "/api/v1/tracks/t1", raw(204))
    start = "https://music.example/api/v1/auth/oidc/example/start"
    server.on(
        "GET", "/api/v1/auth/oidc", answer({"items": [{"id": "example", "title": "Example", "start_url": start}]})
    )
    server.on("GET", "/api/v1/auth/sessions", answer({"items": [{"id": "s1", "current": True}]}))
    server.on("DELETE", "/api/v1/auth/sessions/s1", raw(204))
    server.on("POST", "/api/v1/jobs/j1/cancel", answer(job("cancelled"), 202))
    server.on("GET", "/version", answer({"version": "0.1.0", "name": "music-gen-ai"}))
    with Client(server.url) as client:
        assert client.me().username == "ada"
        assert client.usage().balance_seconds == 10.0
        assert [model.default for model in client.models()] == [True]
        assert client.model("composer").id == "composer"
        assert client.waveform("t1", points=16).maxima == [1.0]
        assert client.update_track("t1", public=True).id == "t1"
        assert client.delete_track("t1") is None
        assert client.sign_in_providers().items[0].start_url == start
        assert client.sessions().items[0].current
        assert client.revoke_session("s1") is None
        assert client.cancel("j1").status == "cancelled"
        assert client.version().version == "0.1.0"
    assert server.to("/api/v1/tracks/t1")[0].document == {"public": True}
    assert server.to("/api/v1/tracks/t1/waveform")[0].query == {"points": "16"}


def test_account_calls_reach_their_addresses(server: Any, answer: Any, raw: Any) -> None:
    key = {"id": "k1", "name": "my DAW", "prefix": "mga_abcd", "scopes": ["read"]}
    server.on("GET", "/api/v1/api-keys", answer({"items": [key], "next_cursor": None}))
    server.on("POST", "/api/v1/api-keys", answer({"key": key, "secret": "mga_secret"}, 201))
    server.on("DELETE", "/api/v1/api-keys/k1", raw(204))
    server.on("PATCH", "/api/v1/users/me", answer({"id": "u1", "username": "ada", "full_name": "Ada"}))
    server.on("DELETE", "/api/v1/users/me", answer({"id": "u1", "username": "ada"}, 202))
    server.on("POST", "/api/v1/auth/totp/enroll", answer({"secret": "ABC", "uri": "otpauth://totp/x"}))
    server.on("POST", "/api/v1/auth/totp/confirm", answer({"recovery_codes": ["a-b"]}))
    silent = ("totp/disable", "email/verify", "password/forgot", "password/reset", "password/change")
    for path in silent:
        server.on("POST", f"/api/v1/auth/{path}", raw(204))
    with Client(server.url) as client:
        assert client.api_keys().items[0].name == "my DAW"
        assert client.create_api_key("my DAW", ["read"], 90).secret == "mga_secret"
        assert client.revoke_api_key("k1") is None
        assert client.update_me("Ada").full_name == "Ada"
        assert client.delete_me("pw").username == "ada"
        assert client.enroll_totp("pw").uri == "otpauth://totp/x"
        assert client.confirm_totp("123456").recovery_codes == ["a-b"]
        client.disable_totp("pw", "123456")
        client.verify_email("t")
        client.forgot_password("ada@example.org")
        client.reset_password("t", "new")
        client.change_password("pw", "new")
    assert server.to("/api/v1/api-keys")[1].document == {"name": "my DAW", "scopes": ["read"], "expires_in_days": 90}
    assert server.to("/api/v1/users/me")[1].document == {"password": "pw"}
    sent = [server.to(f"/api/v1/auth/{path}")[0].document for path in silent]
    assert sent == [
        {"password": "pw", "code": "123456"},
        {"token": "t"},
        {"email": "ada@example.org"},
        {"token": "t", "password": "new"},
        {"present_password": "pw", "password": "new"},
    ]


def test_registration_that_waits_for_a_mail_says_so(server: Any, answer: Any) -> None:
    server.on("POST", "/api/v1/auth/register", answer({"message": "Open the link."}, 202))
    with Client(server.url) as client, pytest.raises(VerificationPendingError, match="open the link"):
        client.register("ada", "ada@example.org", "a long passphrase")


def test_problem_document_becomes_an_error_with_every_field(server: Any, problem: Any) -> None:
    errors = [{"pointer": "/duration", "detail": "has to be at most 300"}]
    server.on("POST", "/api/v1/generate", problem(422, "validation", "The request is not valid.", errors))
    with Client(server.url) as client, pytest.raises(ApiError) as raised:
        client.generate("x", duration=1e9)
    error = raised.value
    assert (error.status, error.code, error.request_id) == (422, "validation", "req-1")
    assert error.errors[0].pointer == "/duration"
    assert str(error) == "The request is not valid (duration: has to be at most 300)"


def test_what_is_wrong_with_one_field_is_said_once(server: Any, problem: Any) -> None:
    text = "There is no such model."
    server.on("POST", "/api/v1/generate", problem(422, "validation", text, [{"pointer": "/model", "detail": text}]))
    with Client(server.url) as client, pytest.raises(ApiError) as raised:
        client.generate("x", model="y")
    assert str(raised.value) == "model: There is no such model."


GONE = {"Deprecation": "@1798761600", "Sunset": "Sun, 01 Aug 2027 00:00:00 GMT"}


def test_call_that_the_server_will_lose_warns_its_caller(server: Any, raw: Any) -> None:
    server.on("GET", "/api/v1/models", raw(200, b'{"items": [], "next_cursor": null}', GONE))
    with Client(server.url) as client, pytest.warns(DeprecationWarning, match="until Sun, 01 Aug 2027") as warned:
        client.models()
    assert [warning.filename for warning in warned] == [__file__]


def test_streams_and_downloads_that_the_server_will_lose_warn_too(
    server: Any, raw: Any, event_stream: Any, tmp_path: Path
) -> None:
    server.on("GET", "/api/v1/jobs/j1/events", raw(200, event_stream(("1", "done", {"id": "j1"})), GONE))
    server.on("GET", "/api/v1/stream/j1", raw(200, b"song", GONE))
    server.on("GET", "/api/v1/tracks/t1/audio", raw(200, b"song", GONE))
    with Client(server.url) as client:
        for path, ask in (
            ("jobs/j1/events", lambda: list(client.events("j1"))),
            ("stream/j1", lambda: list(client.stream("j1"))),
            ("tracks/t1/audio", lambda: client.download("t1", tmp_path / "song.wav")),
        ):
            with pytest.warns(DeprecationWarning, match=f"GET /api/v1/{path} is deprecated") as warned:
                ask()
            assert [warning.filename for warning in warned] == [__file__]


async def test_asynchronous_calls_that_the_server_will_lose_warn_their_caller(
    server: Any, raw: Any, event_stream: Any, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    server.on("GET", "/api/v1/models", raw(200, b'{"items": [], "next_cursor": null}', GONE))
    server.on("GET", "/api/v1/jobs/j1/events", raw(200, event_stream(("1", "done", {"id": "j1"})), GONE))
    server.on("GET", "/api/v1/stream/j1", raw(200, b"song", GONE))
    server.on("GET", "/api/v1/tracks/t1/audio", raw(200, b"song", GONE))
    async with AsyncClient(server.url) as client:
        await client.models()
        assert [event.type async for event in client.events("j1")] == ["done"]
        assert [data async for data in client.stream("j1")] == [b"song"]
        await client.download("t1", tmp_path / "song.wav")
    assert [warning.filename for warning in recwarn if warning.category is DeprecationWarning] == [__file__] * 4


def test_error_that_is_no_problem_document_is_still_readable(server: Any, raw: Any) -> None:
    server.on("GET", "/api/v1/models", raw(418, b"<html>no</html>", {"X-Request-ID": "edge-1"}))
    server.on("GET", "/api/v1/models/x", raw(400, b'{"errors": "not a list"}'))
    with Client(server.url) as client:
        with pytest.raises(ApiError) as raised:
            client.models()
        assert (raised.value.status, raised.value.request_id) == (418, "edge-1")
        assert "teapot" in str(raised.value).lower()
        with pytest.raises(ApiError, match="Bad Request"):
            client.model("x")


def test_answer_of_another_shape_is_named(server: Any, answer: Any, raw: Any) -> None:
    server.on("GET", "/api/v1/jobs/j1", answer({"status": "running"}))
    server.on("GET", "/api/v1/jobs/j2", raw(302, b"", {"Location": "https://example.org/"}))
    with Client(server.url) as client:
        with pytest.raises(UnexpectedAnswerError, match="id: Field required"):
            client.job("j1")
        with pytest.raises(UnexpectedAnswerError, match="302"):
            client.job("j2")


def test_nobody_listening_is_a_sentence() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(UnreachableError, match=r"cannot reach http://127\.0"):
        client.login("ada", "x")


def test_address_without_a_scheme_is_a_sentence() -> None:
    with Client("localhost") as client, pytest.raises(UnreachableError, match="http://"):
        client.login("ada", "x")


def test_silent_server_is_a_sentence(server: Any, raw: Any) -> None:
    def timed_out(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    transport = httpx.MockTransport(timed_out)
    with Client(transport=transport) as client, pytest.raises(UnreachableError, match="did not answer in time"):
        client.login("ada", "x")


def test_repeatable_call_survives_passing_failures(server: Any, answer: Any, problem: Any, job: Any) -> None:
    answers = [problem(503, "unavailable", "starting", **{"Retry-After": "0"}), answer(job())]
    server.on("GET", "/api/v1/jobs/j1", lambda _: answers.pop(0))
    with Client(server.url) as client:
        assert client.job("j1").id == "j1"


def test_full_queue_is_reported_at_once(server: Any, problem: Any) -> None:
    server.on("POST", "/api/v1/generate", problem(503, "queue-full", "Come back later.", **{"Retry-After": "60"}))
    with Client(server.url) as client, pytest.raises(ApiError) as raised:
        client.generate("x")
    assert raised.value.retry_after_seconds == 60.0
    assert len(server.asked) == 1


def test_busy_server_is_asked_again_after_a_moment(server: Any, answer: Any, problem: Any, job: Any) -> None:
    answers = [problem(503, "overloaded", "as much as it can", **{"Retry-After": "0"}), answer(job())]
    server.on("POST", "/api/v1/generate", lambda _: answers.pop(0))
    with Client(server.url) as client:
        assert client.generate("x").id == "j1"
    keys = [request.headers["idempotency-key"] for request in server.asked]
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_call_that_could_act_twice_is_never_repeated(server: Any, problem: Any) -> None:
    server.on("POST", "/api/v1/auth/login", problem(503, "unavailable", "starting", **{"Retry-After": "0"}))
    with Client(server.url) as client, pytest.raises(ApiError):
        client.login("ada", "x")
    assert len(server.asked) == 1


def test_repeats_end(server: Any, problem: Any) -> None:
    server.on("GET", "/api/v1/models", problem(503, "unavailable", "down", **{"Retry-After": "0"}))
    with Client(server.url) as client, pytest.raises(ApiError, match="down"):
        client.models()
    assert len(server.asked) == 4


def test_broken_connections_of_repeatable_calls_are_tried_again(server: Any, answer: Any, raw: Any, job: Any) -> None:
    cut = raw(200, iter([b'{"id"']), {"Content-Length": "500"}, cut=True)
    answers = [cut, answer(job())]
    server.on("GET", "/api/v1/jobs/j1", lambda _: answers.pop(0))
    with Client(server.url) as client:
        assert client.job("j1").id == "j1"


def test_wait_returns_the_job_that_succeeded(server: Any, answer: Any, job: Any) -> None:
    answers = [answer(job("running")), answer(job("succeeded"))]
    server.on("GET", "/api/v1/jobs/j1", lambda _: answers.pop(0))
    with Client(server.url) as client:
        assert client.wait("j1").track_ids == ["t1"]
    assert server.asked[0].query == {"wait": "60"}


def test_wait_raises_for_a_job_without_a_result(server: Any, answer: Any, job: Any) -> None:
    failed = job("failed", error={"type": "/problems/internal", "title": "Internal", "status": 500, "detail": "a bug"})
    server.on("GET", "/api/v1/jobs/j1", answer(failed))
    server.on("GET", "/api/v1/jobs/j2", answer({**job("cancelled"), "id": "j2"}))
    with Client(server.url) as client:
        with pytest.raises(JobFailedError, match="job j1 failed: a bug"):
            client.wait("j1")
        with pytest.raises(JobFailedError, match="job j2 was cancelled"):
            client.wait("j2")


def test_wait_has_a_time_limit(server: Any, answer: Any, job: Any) -> None:
    server.on("GET", "/api/v1/jobs/j1", answer(job("running")))
    with Client(server.url) as client, pytest.raises(TimeoutError, match="j1 has not ended"):
        client.wait("j1", timeout_seconds=0.0)


def test_api_key_is_sent_in_its_header(server: Any, answer: Any) -> None:
    server.on("GET", "/api/v1/users/me", answer({"id": "u1", "username": "ada"}))
    with Client(server.url, api_key="mga_1") as client:
        client.me()
    assert server.asked[0].headers["x-api-key"] == "mga_1"
    assert "authorization" not in server.asked[0].headers


async def test_asynchronous_client_makes_the_same_calls(server: Any, answer: Any, problem: Any, job: Any) -> None:
    server.on("POST", "/api/v1/generate", answer(job(), 202))
    answers = [answer(job("running")), answer(job("succeeded"))]
    server.on("GET", "/api/v1/jobs/j1", lambda _: answers.pop(0))
    server.on("GET", "/api/v1/models", problem(503, "unavailable", "down", **{"Retry-After": "0"}))
    async with AsyncClient(server.url) as client:
        made = await client.generate("calm piano", duration=30)
        assert (await client.wait(made.id)).track_ids == ["t1"]
        with pytest.raises(ApiError, match="down"):
            await client.models()
    async with AsyncClient("http://127.0.0.1:9") as client:
        with pytest.raises(UnreachableError):
            await client.login("ada", "x")


async def test_asynchronous_wait_raises_as_the_other_does(server: Any, answer: Any, job: Any) -> None:
    server.on("GET", "/api/v1/jobs/j1", answer(job("cancelled")))
    server.on("GET", "/api/v1/jobs/j2", answer(job("running")))
    async with AsyncClient(server.url) as client:
        with pytest.raises(JobFailedError):
            await client.wait("j1")
        with pytest.raises(TimeoutError):
            await client.wait("j2", timeout_seconds=0.0)


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
@pytest.mark.parametrize("call", [accounts.login, making.generate, making.jobs, library.waveform])
def test_methods_are_described_as_their_calls(client_class: type, call: Callable[..., Any]) -> None:
    method: Callable[..., Any] = getattr(client_class, call.__name__)
    assert method.__doc__ == call.__doc__
    assert list(inspect.signature(method).parameters) == ["self", *inspect.signature(call).parameters]


def test_both_clients_offer_the_same_calls() -> None:
    def public(client_class: type) -> set[str]:
        return {name for name in dir(client_class) if not name.startswith("_")}

    assert public(Client) - public(AsyncClient) == {"stream_to_file"}
    assert public(AsyncClient) <= public(Client)


def test_package_names_are_found_when_first_used() -> None:
    import musicgen_client

    assert musicgen_client.Client is Client
    with pytest.raises(AttributeError, match="Nothing"):
        _ = musicgen_client.Nothing
