"""Logs: one JSON object a line on stdout (pretty on a terminal), with request, job and trace ids, without secrets.

Use `structlog.get_logger(__name__)` and `structlog.contextvars.bind_contextvars(job_id=…)`. The standard library's
loggers (uvicorn, Celery, SQLAlchemy) end in the same place in the same form.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, MutableMapping
from functools import lru_cache
from typing import Any, TextIO

import orjson
import structlog
from opentelemetry import trace

from services.shared.terminal import shown_in_line, shown_in_lines

_SENSITIVE_KEY = re.compile(
    r"authorization|password|passwd|secret|token|api[-_]?key|cookie|credential|private[-_]?key|email|prompt|lyrics",
    re.I,
)
_SENSITIVE_TEXT = re.compile(
    r"(?P<bearer>(?i:bearer)\s+)[\w.~+/=-]{8,}"
    r"|\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"
    r"|\bmg[abmrs]_[\w-]{6,}"
    r"|(?P<scheme>://[^/\s:@]*:)[^@\s/]+(?=@)"
)
_REDACTED = "[redacted]"
# Texts of several lines that are ours.
_LINES = frozenset({"exception", "stack"})
# What is written over whatever was given: names, times and ids of our own making.
_OWN = frozenset({"logger", "level", "timestamp", "service"})


def configure_logging(service: str, level: str = "info", format: str = "auto") -> None:  # noqa: A002 — the settings' word
    """Set up structlog and the standard library's logging for this process. `format`: json, pretty or auto."""
    stream = sys.stdout
    pretty = format == "pretty" or (format == "auto" and stream.isatty())
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def add_service(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_service,
        _add_trace,
    ]
    # The traceback becomes text before redaction; pretty ones would print local variables, and secrets with them.
    last: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, redact]
    last += (
        [
            _escape,
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback),
        ]
        if pretty
        else [structlog.processors.JSONRenderer(serializer=_dumps)]
    )
    structlog.configure(
        processors=[*shared, structlog.processors.StackInfoRenderer(), *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_LineLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    # A full disk or a closed pipe behind stdout must not fail the work that logs, nor flood stderr.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.INFO))


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that takes secrets and personal text out of an event, at any depth."""
    for key, value in event.items():
        if key not in _OWN:
            event[key] = _redact_value(key, value)
    return event


def _redact_value(key: str, value: Any) -> Any:
    if isinstance(value, str | bytes):
        # Numbers stay: a fencing token or a token count is no secret.
        if key != "event" and _is_sensitive(key):
            return _REDACTED if value else value
        text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
        return _SENSITIVE_TEXT.sub(_keep_prefix, text)
    if isinstance(value, dict):
        return {str(name): _redact_value(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(key, item) for item in value]
    return value


@lru_cache(1_024)
def _is_sensitive(key: str) -> bool:
    return _SENSITIVE_KEY.search(key) is not None


def _keep_prefix(match: re.Match[str]) -> str:
    return (match["bearer"] or match["scheme"] or "") + _REDACTED


def _escape(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # The form for terminals writes texts as they are; JSON, and whatever else is no text, escapes them itself.
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = shown_in_lines(value) if key in _LINES else shown_in_line(value)
    return event


def _add_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _dumps(event: Any, default: Callable[[Any], Any], **_: Any) -> str:
    return orjson.dumps(event, default=default, option=orjson.OPT_NON_STR_KEYS).decode()


class _LineLogger:
    """Writes whole lines; what cannot be written is dropped, because no work may fail by its log."""

    def __init__(self, name: str, stream: TextIO, lock: threading.Lock) -> None:
        self.name = name
        self._stream = stream
        self._lock = lock

    def msg(self, line: str) -> None:
        with self._lock:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return

    log = debug = info = warning = warn = error = critical = fatal = exception = msg


class _LineLoggerFactory:
    """Makes the loggers behind `structlog.get_logger(name)`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, *args: Any) -> _LineLogger:
        return _LineLogger(str(args[0]) if args else "", self._stream, self._lock)
