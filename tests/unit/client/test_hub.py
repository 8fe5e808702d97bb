"""The hub's messages as events, and what the end of a connection means."""

import json
from typing import Any

import pytest
from musicgen_client import ApiError, RateLimitedError, UnauthenticatedError, UnexpectedAnswerError, UnreachableError
from musicgen_client.hub import DirectConnect, HubFeed
from musicgen_client.hub_events import (
    HubEvent,
    HubOpened,
    JobFailed,
    JobProgressed,
    JobStatusChanged,
    JobSucceeded,
    Notified,
    event_of,
)
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response


def message(kind: str, data: dict[str, Any], entry_id: str | None = "5-0", job_id: str | None = "j1") -> str:
    return json.dumps({"type": kind, "id": entry_id, "job_id": job_id, "data": data})


def refused(status: int, code: str = "", **headers: str) -> InvalidStatus:
    body = json.dumps({"type": f"/problems/{code}", "title": "No", "status": status}).encode()
    return InvalidStatus(Response(status, "No", Headers(headers), body))


def closed(code: int) -> ConnectionClosedError:
    return ConnectionClosedError(Close(code, ""), None)


def test_messages_become_what_they_are_about() -> None:
    opened = event_of(message("hello", {"resumed": True, "user_id": "u1"}, job_id=None))
    assert isinstance(opened, HubOpened)
    assert (opened.resumed, opened.id, opened.job_id) == (True, "5-0", "")
    status = event_of(message("status", {"status": "running"}))
    assert isinstance(status, JobStatusChanged)
    assert (status.status, status.job_id) == ("running", "j1")
    progress = event_of(message("progress", {"progress": 0.5, "stage": "bass"}, entry_id=None))
    assert isinstance(progress, JobProgressed)
    assert (progress.progress, progress.stage, progress.id) == (0.5, "bass", "")
    done = event_of(message("done", {"id": "j1", "kind": "generate", "status": "succeeded"}))
    assert isinstance(done, JobSucceeded)
    assert done.job.id == "j1"
    failed = event_of(message("error", {"type": "/problems/internal", "title": "No", "status": 500}))
    assert isinstance(failed, JobFailed)
    assert failed.problem.status == 500
    noted = event_of(message("notification", {"id": "n1", "kind": "like"}, job_id=None))
    assert isinstance(noted, Notified)
    assert noted.notification.kind == "like"


@pytest.mark.parametrize(("kind", "data"), [("of-next-year", {"x": 1}), ("notification", {"id": None}), ("done", {})])
def test_what_a_newer_server_says_stays_a_plain_event(kind: str, data: dict[str, Any]) -> None:
    event = event_of(message(kind, data))
    assert type(event) is HubEvent
    assert (event.type, event.data) == (kind, data)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"type": 5}', b"\xff"])
def test_what_is_no_message_is_refused(text: str | bytes) -> None:
    with pytest.raises(UnexpectedAnswerError, match="does not understand"):
        event_of(text)


def test_the_next_connection_goes_on_behind_the_last_event() -> None:
    feed = HubFeed("https://music.example")
    assert feed.address == "wss://music.example/api/v1/ws"
    feed.take(message("hello", {}, entry_id="4-0"))
    feed.take(message("progress", {"progress": 0.1}, entry_id=None))
    assert feed.address == "wss://music.example/api/v1/ws?last_event_id=4-0"
    assert HubFeed("http://x", "a&b=c").address == "ws://x/api/v1/ws?last_event_id=a%26b%3Dc"


def test_restarts_are_waited_out_and_endless_refusals_are_not() -> None:
    feed = HubFeed("http://test")
    ends = [closed(1001), closed(1012), closed(1013), ConnectionClosedError(None, None), refused(503), OSError("x")]
    pauses = [feed.pause_after(end) for end in ends]
    assert pauses == sorted(pauses)
    feed.take(message("hello", {}))
    for _ in range(2):
        feed.pause_after(closed(1001))
    with pytest.raises(UnreachableError, match="ends every connection"):
        feed.pause_after(closed(1001))
    feed.take(message("status", {"status": "queued"}))
    assert feed.pause_after(ConnectionClosedOK(Close(1000, ""), None)) == pauses[0], "something was heard"


@pytest.mark.parametrize("end", [refused(401, "unauthenticated"), closed(4401)])
def test_a_credential_is_exchanged_once(end: Exception) -> None:
    feed = HubFeed("http://test")
    assert (feed.pause_after(end), feed.was_refused) == (0.0, True)
    if isinstance(end, InvalidStatus):
        with pytest.raises(UnauthenticatedError):
            feed.pause_after(end)
    feed.take(message("hello", {}))
    assert not feed.was_refused


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (refused(429, "rate-limited", **{"Retry-After": "7"}), RateLimitedError),
        (refused(302, Location="https://evil.example"), ApiError),
        (refused(404), ApiError),
        (closed(1008), UnexpectedAnswerError),
    ],
)
def test_what_would_go_the_same_again_is_raised(end: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind) as raised:
        HubFeed("http://test").pause_after(end)
    if isinstance(raised.value, RateLimitedError):
        assert raised.value.retry_after_seconds == 7.0


def test_no_redirect_takes_the_key_elsewhere() -> None:
    end = refused(302, Location="http://evil.example/")
    assert DirectConnect("ws://test").process_redirect(end) is end
