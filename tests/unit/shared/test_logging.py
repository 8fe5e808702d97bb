"""Logs are one JSON object a line, joinable by id, and hold no secrets."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from services.shared.logging import configure_logging


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def stdout() -> Iterator[io.StringIO]:
    """Stands in for standard output while `configure` runs; puts the process's logging back afterwards."""
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield io.StringIO()
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising


def configure(stream: TextIO, level: str = "info", form: str = "json") -> None:
    with contextlib.redirect_stdout(stream):
        configure_logging("gateway", level, form)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_tells_service_level_logger_time_and_bound_ids(stdout: io.StringIO) -> None:
    configure(stdout)
    structlog.contextvars.bind_contextvars(request_id="r1", job_id="j1")
    structlog.get_logger("part").info("ready", port=8000)
    (line,) = lines(stdout)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "ready",
        "service": "gateway",
        "level": "info",
        "logger": "part",
        "request_id": "r1",
        "job_id": "j1",
        "port": 8000,
    }


def test_line_inside_a_span_tells_its_trace(stdout: io.StringIO) -> None:
    configure(stdout)
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        structlog.get_logger().info("inside")
    structlog.get_logger().info("outside")
    inside, outside = lines(stdout)
    assert inside["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert inside["span_id"] == trace.format_span_id(span.get_span_context().span_id)
    assert "trace_id" not in outside


def test_standard_loggers_speak_the_same_form(stdout: io.StringIO) -> None:
    configure(stdout)
    structlog.contextvars.bind_contextvars(request_id="r1")
    logging.getLogger("uvicorn.error").warning("started %s", "well")
    (line,) = lines(stdout)
    assert (line["event"], line["logger"], line["level"]) == ("started well", "uvicorn.error", "warning")
    assert (line["service"], line["request_id"]) == ("gateway", "r1")


def test_level_is_a_threshold(stdout: io.StringIO) -> None:
    configure(stdout, level="warning")
    structlog.get_logger().info("no")
    logging.getLogger("other").info("no")
    structlog.get_logger().warning("yes")
    assert [line["event"] for line in lines(stdout)] == ["yes"]


@pytest.mark.parametrize(
    "key",
    [
        "authorization", "Authorization", "password", "new_password", "token", "refresh_token", "x-api-key", "api_key",
        "secret", "client_secret", "cookie", "set-cookie", "private_key", "email", "prompt", "lyrics",
    ],
)  # fmt: skip
def test_sensitive_fields_are_hidden_at_any_depth(stdout: io.StringIO, key: str) -> None:
    configure(stdout)
    structlog.get_logger().info("x", **{key: "hunter2"}, outer=[{"inner": {key: b"hunter2"}}])
    assert "hunter2" not in stdout.getvalue()
    assert lines(stdout)[0][key] == "[redacted]"


def test_fencing_tokens_are_no_secrets(stdout: io.StringIO) -> None:
    configure(stdout)
    structlog.get_logger().info("leased", fencing_token=7, tokens=3)
    assert lines(stdout)[0]["fencing_token"] == 7


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2hunter2",
        "got eyJhbGciOiJIUzI1NiJ9.hunter2hunter2.c2lnbmF0dXJl back",
        "key mga_hunter2hunter2 used",
        "postgresql://app:hunter2@db/music",
        "redis://:hunter2@db:6379/0",
    ],
)
def test_secrets_inside_texts_are_hidden(stdout: io.StringIO, text: str) -> None:
    configure(stdout)
    structlog.get_logger().info(text, detail=text)
    logging.getLogger("driver").error("failed: %s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        structlog.get_logger().exception("failed")
    assert "hunter2" not in stdout.getvalue()
    assert "[redacted]" in stdout.getvalue()


def test_exception_stays_on_one_line(stdout: io.StringIO) -> None:
    configure(stdout)
    try:
        raise ZeroDivisionError("no")
    except ZeroDivisionError:
        structlog.get_logger().exception("failed", value=object())
    (line,) = lines(stdout)
    assert "ZeroDivisionError: no" in line["exception"]


@pytest.mark.usefixtures("stdout")
def test_terminal_gets_readable_lines_without_locals() -> None:
    terminal = Terminal()
    configure(terminal, form="auto")
    local = "hunter2"
    try:
        raise ZeroDivisionError(len(local))
    except ZeroDivisionError:
        structlog.get_logger().exception("failed")
    assert "failed" in terminal.getvalue()
    assert "Traceback" in terminal.getvalue()
    assert "hunter2" not in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_pretty_can_be_asked_for(stdout: io.StringIO) -> None:
    configure(stdout, form="pretty")
    structlog.get_logger().info("ready", port=1)
    assert "ready" in stdout.getvalue()
    assert "\x1b" not in stdout.getvalue()


def test_a_strangers_text_neither_acts_on_the_terminal_nor_begins_a_line(stdout: io.StringIO) -> None:
    configure(stdout, form="pretty")
    hostile = "/\x1b]0;pwned\x07\x1b[2J\x9b31m\r\n2026-11-22 [error] another line\u2028\u202e"
    structlog.get_logger().info("request", path=hostile, headers=[hostile])
    logging.getLogger("driver").error("failed: %s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError:
        structlog.get_logger().exception("failed")
    assert not any(character in stdout.getvalue() for character in "\x1b\x07\x9b\r\u2028\u202e")
    [asked, told, *_] = stdout.getvalue().splitlines()
    assert "pwned" in asked
    assert "another line" in asked
    assert "another line" in told


@pytest.mark.usefixtures("stdout")
def test_full_disk_behind_stdout_fails_no_work() -> None:
    with Path("/dev/full").open("w") as full:
        configure(full)
        structlog.get_logger().info("x" * 100_000)
        logging.getLogger("other").warning("x" * 100_000)
