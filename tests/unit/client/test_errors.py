"""What a problem becomes: an error of its own class where programs tell it apart, a plain one elsewhere."""

from __future__ import annotations

from typing import Any

import musicgen_client
import pytest
from musicgen_client import (
    ApiError,
    AsyncClient,
    ChangedMeanwhileError,
    Client,
    ConflictError,
    ForbiddenError,
    IdempotencyError,
    InvalidRequestError,
    LimitError,
    ModelNotInstalledError,
    NotFoundError,
    OverloadedError,
    PayloadTooLargeError,
    QuotaExceededError,
    RateLimitedError,
    SecondFactorRequiredError,
    SignUpRequiredError,
    StorageFullError,
    UnauthenticatedError,
    UnavailableError,
)
from musicgen_client.errors import _KINDS
from musicgen_client.exit_codes import ExitCode, of_error

from services.gateway.problems import PROBLEM_KINDS

CLASSES = [
    ("validation", InvalidRequestError, ExitCode.REFUSED),
    ("unauthenticated", UnauthenticatedError, ExitCode.NOT_SIGNED_IN),
    ("second-factor-required", SecondFactorRequiredError, ExitCode.NOT_SIGNED_IN),
    ("forbidden", ForbiddenError, ExitCode.REFUSED),
    ("sign-up-required", SignUpRequiredError, ExitCode.REFUSED),
    ("not-found", NotFoundError, ExitCode.NOT_FOUND),
    ("conflict", ConflictError, ExitCode.REFUSED),
    ("precondition-failed", ChangedMeanwhileError, ExitCode.REFUSED),
    ("model-not-installed", ModelNotInstalledError, ExitCode.REFUSED),
    ("idempotency-in-progress", IdempotencyError, ExitCode.REFUSED),
    ("idempotency-mismatch", IdempotencyError, ExitCode.REFUSED),
    ("quota-exceeded", QuotaExceededError, ExitCode.LIMIT),
    ("rate-limited", RateLimitedError, ExitCode.LIMIT),
    ("payload-too-large", PayloadTooLargeError, ExitCode.REFUSED),
    ("unavailable", UnavailableError, ExitCode.SERVER),
    ("not-ready", UnavailableError, ExitCode.SERVER),
    ("deadline-exceeded", UnavailableError, ExitCode.SERVER),
    ("overloaded", OverloadedError, ExitCode.SERVER),
    ("queue-full", OverloadedError, ExitCode.SERVER),
    ("storage-full", StorageFullError, ExitCode.SERVER),
]
PLAIN = ["internal", "http-error", "method-not-allowed", "request-timeout", "unsupported-media", "stale-lease",
         "range-not-satisfiable"]  # fmt: skip


@pytest.mark.parametrize(("code", "kind", "exit_code"), [*CLASSES, *((code, ApiError, None) for code in PLAIN)])
def test_problem_becomes_the_error_of_its_type(
    server: Any, problem: Any, code: str, kind: type[ApiError], exit_code: ExitCode | None
) -> None:
    status = PROBLEM_KINDS[code].status
    server.on("POST", "/api/v1/auth/login", problem(status, code, "That is so.", **{"Retry-After": "30"}))
    with Client(server.url) as client, pytest.raises(ApiError, match="That is so") as raised:
        client.login("ada", "x")
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.code, error.retry_after_seconds) == (status, code, 30.0)
    if exit_code is not None:
        assert of_error(error) is exit_code


def test_every_type_of_problem_was_thought_of() -> None:
    assert {code for code, _, _ in CLASSES} == set(_KINDS)
    assert {*_KINDS, *PLAIN} == set(PROBLEM_KINDS)


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (SecondFactorRequiredError, UnauthenticatedError),
        (SignUpRequiredError, ForbiddenError),
        (ModelNotInstalledError, ConflictError),
        (ChangedMeanwhileError, ConflictError),
        (QuotaExceededError, LimitError),
        (RateLimitedError, LimitError),
        (OverloadedError, UnavailableError),
    ],
)
def test_special_problem_is_caught_by_the_general_one(kind: type[ApiError], base: type[ApiError]) -> None:
    assert issubclass(kind, base)
    assert issubclass(base, ApiError)


@pytest.mark.parametrize("kind", ["/problems/of-next-year", "about:blank", "https://proxy.example/not-found-here"])
def test_type_that_nobody_knows_stays_plain(server: Any, answer: Any, kind: str) -> None:
    server.on("GET", "/api/v1/tracks/t1", answer({"type": kind, "title": "Hm", "status": 404}, 404))
    with Client(server.url) as client, pytest.raises(ApiError, match="Hm") as raised:
        client.track("t1")
    assert type(raised.value) is ApiError


def test_every_class_is_offered_by_the_package() -> None:
    assert {kind.__name__ for kind in _KINDS.values()} <= set(musicgen_client.__all__)


async def test_streams_and_downloads_raise_the_same(server: Any, problem: Any, tmp_path: Any) -> None:
    missing = problem(404, "not-found", "There is no such thing.")
    for path in ("stream/j1", "jobs/j1/events", "tracks/t1/audio"):
        server.on("GET", f"/api/v1/{path}", missing)
    with Client(server.url) as client:
        for attempt in (
            lambda: list(client.stream("j1")),
            lambda: list(client.events("j1")),
            lambda: client.download("t1", tmp_path / "song.wav"),
        ):
            with pytest.raises(NotFoundError):
                attempt()
    async with AsyncClient(server.url) as music:
        with pytest.raises(NotFoundError):
            await music.download("t1", tmp_path / "song.wav")
